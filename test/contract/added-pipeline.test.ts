/**
 * A pipeline is added to a copy of the sources: one file, one row, one line. Everything else must follow.
 *
 * The added one shows both text of its own and soft tokens, which no pipeline of the program does, so that nothing in
 * the copy can have been written for it.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { PIPELINES } from '../../src/pipelines/kinds.js';
import { SLOTS } from '../../src/report/charts/palette.js';
import type { AddedReport } from './added/report.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

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
const LINE = "  'named-chunks': namedChunksPipeline,\n";
const IMPORT = "import { namedChunksPipeline } from './named-chunks.js';\n";

let folder = '';

/** What a program of the copy says; it must end well. */
function run(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // A test runner within a test runner would report to the outer one.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    execFile(process.execPath, [program, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${args.join(' ')}:\n${stdout}\n${stderr}`, { cause: error }));
    });
  });
}

const tsx = (...args: readonly string[]): Promise<string> => run('node_modules/tsx/dist/cli.mjs', ...args);
const typeCheck = (): Promise<string> => run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.added.json');

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(join(folder, path), 'utf8');
  const changed = change(before);
  assert.notEqual(changed, before, `${path} has no place for the edit`);
  await writeFile(join(folder, path), changed);
}

describe('a pipeline added by one file, one row and one line', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llava-eval-added-'));
    await mkdir(join(folder, 'test'));
    for (const path of ['src', 'test/support', 'test/contract', 'package.json', 'tsconfig.json']) {
      await cp(join(ROOT, path), join(folder, path), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await writeFile(
      join(folder, 'tsconfig.added.json'),
      JSON.stringify({
        extends: './tsconfig.json',
        compilerOptions: { noEmit: true },
        include: ['src/pipelines/all.ts'],
      }),
    );
    await cp(
      join(ROOT, 'test/contract/added/named-chunks.ts'),
      join(folder, 'src/pipelines/named-chunks.ts'),
    );
    await edit('src/pipelines/named-chunks.ts', (text) =>
      text.replaceAll('../../../src/pipelines/', './').replaceAll('../../../src/', '../'),
    );
    await edit('src/pipelines/kinds.ts', (text) =>
      text.replace('\n] as const satisfies', `${ROW}] as const satisfies`),
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test('is a type error while its line is missing, and none with it', async () => {
    await assert.rejects(typeCheck(), /all\.ts\(.*named-chunks/s);
    await edit('src/pipelines/all.ts', (text) =>
      text
        .replace('import { noContextPipeline }', `${IMPORT}import { noContextPipeline }`)
        .replace(/\n\};/, `\n${LINE}};`),
    );
    await typeCheck();
  });

  test('keeps every promise of pipelines', async () => {
    const output = await tsx('--test', '--test-reporter=tap', 'test/contract/pipelines.test.ts');
    assert.match(output, /^ok \d+ - the pipeline named-chunks$/m);
    assert.match(output, /^# fail 0$/m);
  });

  test('has its row, its look, its comparisons, its chart marks and its prompt in a report', async () => {
    const added = JSON.parse(await tsx('test/contract/added/report.ts', 'named-chunks')) as AddedReport;
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
    const added = JSON.parse(
      await tsx('test/contract/added/report.ts', 'named-chunks', 'alone'),
    ) as AddedReport;
    assert.match(added.headline, /^named-chunks: against no-context, /);
  });
});
