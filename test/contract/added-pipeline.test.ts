/**
 * A pipeline is added to a copy of the sources: one file, one row, one line. Everything else must follow.
 *
 * The added one shows both text of its own and soft tokens, which no pipeline of the program does, so that nothing in
 * the copy can have been written for it.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';
import ts from 'typescript';
import { PIPELINES } from '../../src/pipelines/kinds.js';
import { SLOTS } from '../../src/report/charts/palette.js';
import { ProgramCopy } from '../support/program-copy.js';
import type { AddedReport } from './added/report.js';

const ADDED = fileURLToPath(new URL('added/named-chunks.ts', import.meta.url));
const CONTRACT = 'test/contract/pipelines.test.ts';
const REPORT = 'test/contract/added/report.ts';

const ROW = `
  {
    name: 'named-chunks',
    title: 'soft tokens of the retrieved chunks behind their paths',
    isDefault: false,
    role: null,
    needs: { retrieval: true, softTokens: 'vectors' },
    shows: ['own-text', 'soft-tokens'],
    against: [
      { pipeline: 'no-context', reading: 'baseline' },
      { pipeline: 'full-rag', reading: 'full-text' },
    ],
    isBaseOf: [{ pipeline: 'compressed', reading: 'equal-length' }],
    subjectRank: 3,
  },
`;

const program = ProgramCopy.make();
after(() => {
  program.remove();
});

let known: ts.Program | undefined;

/** The type errors of the files that this changes, each behind the name of its file. */
function typeErrors(): string[] {
  const inCopy = (name: string): string => join(program.root, name);
  const { config } = ts.readConfigFile(inCopy('tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, program.root);
  const files = ['all.ts', 'kinds.ts', 'named-chunks.ts'].map((name) => inCopy(`src/pipelines/${name}`));
  const types = ts.createProgram(files, options, undefined, known);
  known = types;
  return files.flatMap((file) => {
    const source = types.getSourceFile(file);
    assert.ok(source !== undefined, file);
    return [...types.getSyntacticDiagnostics(source), ...types.getSemanticDiagnostics(source)].map(
      ({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
}

/** What a script of the copy prints; it must end well. */
async function printed(...args: readonly string[]): Promise<AddedReport> {
  const { code, stdout, stderr } = await program.script(REPORT, ...args);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as AddedReport;
}

describe('a pipeline added by one file, one row and one line', () => {
  program.add(
    'src/pipelines/named-chunks.ts',
    readFileSync(ADDED, 'utf8')
      .replaceAll('../../../src/pipelines/', './')
      .replaceAll('../../../src/', '../'),
  );
  program.edit('src/pipelines/kinds.ts', '\n] as const satisfies', `${ROW}] as const satisfies`);

  test('is a type error while its line is missing, and none with it', async () => {
    assert.match(typeErrors().join('\n'), /^.*all\.ts: .*named-chunks.*$/);
    program.enlist('src/pipelines/all.ts', {
      name: 'named-chunks',
      constant: 'namedChunksPipeline',
      from: './named-chunks.js',
      end: '};',
    });
    assert.deepEqual(typeErrors(), []);
    await program.compile(CONTRACT, REPORT);
  });

  test('keeps every promise of pipelines', async () => {
    const { stdout, stderr } = await program.test(CONTRACT, '.');
    assert.match(stdout, /^ok \d+ - the pipeline named-chunks$/m, stderr);
    assert.match(stdout, /^# fail 0$/m);
  });

  test('has its row, its look, its comparisons, its chart marks and its prompt in a report', async () => {
    const added = await printed('named-chunks');
    assert.deepEqual(added.overview, ['no-context', 'full-rag', 'compressed', 'named-chunks']);
    assert.match(added.headline, /against named-chunks and no-context, /);
    assert.deepEqual(added.equalLatency, {
      intro:
        'named-chunks is soft tokens of the retrieved chunks behind their paths, so that both are equally fast and ' +
        'only quality is left to differ.',
      captions: ['compressed against named-chunks'],
    });
    assert.equal(added.reduction, 'compressed and named-chunks against full-rag');
    // So many rows stand before it.
    const colour = `slot-${PIPELINES.length % SLOTS.length}`;
    assert.deepEqual(added.look, { colour, hasMarks: true, hasLegend: true, hasDarkRule: true });
    assert.deepEqual(added.prompt, ['retrieved', 'soft', 'left', 'hole', 'right']);
    assert.match(added.shownText, /^of of /);
    assert.ok(added.isListedInPage);
  });

  test('alone with no-context is what the report is about', async () => {
    const added = await printed('named-chunks', 'alone');
    assert.match(added.headline, /^named-chunks: against no-context, /);
  });
});
