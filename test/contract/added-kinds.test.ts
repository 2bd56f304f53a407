/**
 * @file A retriever, a metric profile and a record format are each added to a copy of the program as one file and one
 * line of a list; then they keep the promises of their kind, and the commands know them.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finished } from '../support/program.js';
import { ProgramCopy } from '../support/program-copy.js';

const program = ProgramCopy.make();
const CONTRACTS = ['retrievers', 'metric-profiles', 'record-formats'].map(
  (name) => `test/contract/${name}.test.ts`,
);
// The suites below add what they are about when they are declared, before any test runs.
before(() => program.compile(...CONTRACTS));
after(() => {
  program.remove();
});

const inRoot = (name: string): string => join(program.root, name);
const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function assertDone({ code, stdout, stderr }: Finished): void {
  assert.equal(code, 0, `${stdout}\n${stderr}`);
}

/** Runs suites of the copy, and says how many tests passed. */
async function passed(file: string, pattern: string): Promise<number> {
  const finished = await program.test(file, pattern);
  assertDone(finished);
  return Number(/^# pass (\d+)$/m.exec(finished.stdout)?.[1]);
}

describe('a retriever that was added', () => {
  program.add(
    'src/retrieval/rankers/overlap.ts',
    `import { lexicalRanker } from './lexical-ranker.js';
import type { RankerKind } from './ranker.js';

export const OVERLAP: RankerKind = {
  name: 'overlap',
  title: 'number of shared terms',
  needsEmbedder: false,
  isDefault: false,
  open: (corpus, sets) =>
    lexicalRanker(corpus, sets, (_candidates, query) => {
      const scores = new Float64Array(corpus.chunks.length);
      const { offsets, columns } = corpus.inverted;
      for (const term of new Set(corpus.terms(query))) {
        const number = corpus.termNumber.get(term);
        if (number === undefined) continue;
        for (let e = offsets[number]!; e < offsets[number + 1]!; e++) scores[columns[e]!]!++;
      }
      return scores;
    }),
};
`,
  );
  program.enlist('src/retrieval/all.ts', {
    name: 'overlap',
    constant: 'OVERLAP',
    from: './rankers/overlap.js',
    end: '} as const',
  });

  test('keeps the promises of a retriever, alone and fused with the others', async () => {
    const count = await passed(
      'test/contract/retrievers.test.ts',
      '^(the ranker overlap|(bm25\\+)?overlap under|names)',
    );
    // 2 and one a profile of the ranker itself, 3 a profile alone and 3 fused, and those of the names.
    assert.ok(count >= 2 + 4 + 2 * 3 * 4, `${count} tests passed`);
  });

  test('ranks the chunks of a data set by its own scores', async () => {
    const out = inRoot('chunks.jsonl');
    assertDone(
      await program.llavaEval('retrieve', '--dataset', 'tiny', '--retriever', 'overlap', '--out', out),
    );
    const answers = linesOf(out);
    const scores = answers.flatMap(({ chunks }) => (chunks as { score: number }[]).map(({ score }) => score));
    // Numbers of terms, which no other retriever gives.
    assert.ok(scores.length > answers.length && scores.every((score) => Number.isInteger(score)));
  });

  test('answers a run, alone and fused', async () => {
    const out = inRoot('run');
    const settings = [
      '--dataset',
      'tiny',
      '--limit',
      '1',
      '--pipelines',
      'full-rag',
      '--max-new-tokens',
      '2',
    ];
    const named = ['--retrievers', 'bm25+overlap,overlap', '--out', out, '--quiet'];
    assertDone(await program.llavaEval('run', ...settings, ...named));
    const journal = linesOf(join(out, 'journal.jsonl')).slice(1);
    assert.deepEqual(journal.map(({ retriever }) => retriever).sort(), ['bm25+overlap', 'overlap']);
  });
});

describe('a metric profile that was added', () => {
  program.add(
    'src/metrics/stripped-line.ts',
    `import { strip } from '../domain/text.js';
import { editSimilarity } from './edit-similarity.js';
import { meanEditSimilarity, meanExactMatch, meanExtra } from './means.js';
import { plainKind } from './profile.js';
import { roundHalfEven2 } from './rounding.js';

export const STRIPPED_LINE = plainKind({
  name: 'stripped-line',
  version: 'stripped-line@1',
  direction: 'higher-is-better',
  formula: 'levenshtein',
  rule: 'the first line is compared, white space at its ends left out',
  noValue: null,
  extras: [{ name: 'sameStart', title: 'same first character' }],
  isScorable: () => true,
  compared: (completion) => strip(completion.split('\\n', 1)[0]!),
  scoreCompared: (compared, { reference }) => ({
    exactMatch: compared === strip(reference) ? 1 : 0,
    editSimilarity: editSimilarity(compared, strip(reference)) ?? 1,
    extras: { sameStart: compared[0] === strip(reference)[0] ? 1 : 0 },
  }),
  settling: () => (completion) => completion.includes('\\n'),
  report(scored) {
    const [emExact, esExact] = [meanExactMatch(scored) * 100, meanEditSimilarity(scored)! * 100];
    return {
      total: scored.length,
      em: roundHalfEven2(emExact),
      es: roundHalfEven2(esExact),
      emExact,
      esExact,
      withoutEs: 0,
      extras: { sameStart: roundHalfEven2(meanExtra(scored, 'sameStart') * 100) },
      groups: [],
      groupedBy: null,
      published: null,
      note: null,
    };
  },
});
`,
  );
  program.enlist('src/metrics/all.ts', {
    name: 'stripped-line',
    constant: 'STRIPPED_LINE',
    from: './stripped-line.js',
    end: '} as const',
  });

  test('keeps the promises of a metric profile', async () => {
    const pattern = '^(the metric profile stripped-line|metric profiles together)';
    assert.equal(await passed('test/contract/metric-profiles.test.ts', pattern), 8 + 4);
  });

  test('scores predictions, its own score among the others', async () => {
    const [references, predictions] = [inRoot('references.jsonl'), inRoot('predictions.jsonl')];
    const record = (id: string, groundtruth: string) => ({
      prompt: 'a\n',
      groundtruth,
      metadata: { task_id: id, repository: 'r', file: 'a.ts' },
    });
    const write = (file: string, rows: readonly unknown[]): void => {
      writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    };
    write(references, [record('1', '  abcd'), record('2', 'abcd')]);
    write(predictions, [
      { task_id: '1', pred: 'abcd\nmore' },
      { task_id: '2', pred: 'axxx' },
    ]);
    const args = ['--predictions', predictions, '--references', references, '--profile', 'stripped-line'];
    const finished = await program.llavaEval('score', ...args);
    assertDone(finished);
    // EM 1 of 2; ES (1 + 1/4) / 2; both begin with the same character.
    for (const figure of [/50\.00/, /62\.50/, /same first character 100\.00 %/])
      assert.match(finished.stdout, figure);
  });
});

describe('a record format that was added', () => {
  program.add(
    'src/datasets/formats/line-pairs.ts',
    `import { z } from 'zod';
import { taskId } from '../../domain/task.js';
import { defineFormat } from './format.js';

const FIELDS = ['number', 'before', 'hole', 'project', 'place'];

export const LINE_PAIRS = defineFormat({
  name: 'line-pairs',
  title: 'lines and what is before them',
  needs: [FIELDS],
  schema: z.object({
    number: z.int(),
    before: z.string(),
    hole: z.string(),
    project: z.string(),
    place: z.string(),
  }),
  reasons: { hole: 'it is what a completion is scored against' },
  tasks: ({ number, before, hole, project, place }) => [
    {
      task: {
        id: taskId(\`pair/\${number}\`),
        repository: project,
        path: place,
        language: 'python',
        prefix: before,
        reference: hole,
        suffix: '',
        crossFile: null,
      },
    },
  ],
});
`,
  );
  program.enlist('src/datasets/formats/all.ts', {
    name: 'line-pairs',
    constant: 'LINE_PAIRS',
    from: './line-pairs.js',
    end: '} as const',
  });
  program.edit(
    'test/datasets/samples.ts',
    'export const SAMPLES: readonly Sample[] = [',
    `export const SAMPLES: readonly Sample[] = [
  {
    format: 'line-pairs' as FormatName,
    ships: false,
    holdsRepository: false,
    namesTasks: true,
    convention: 'whole line',
    language: 'python',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'hole',
    record: (n) => ({ number: n, before: wholeLine.prompt, hole: HOLE, project: 'shapes', place: 'pkg/area.py' }),
  },`,
  );
  const file = inRoot('pairs.jsonl');
  const rows = [1, 2].map((number) => ({
    number,
    before: 'x = 1\n',
    hole: 'y = x',
    project: 'p',
    place: 'a.py',
  }));
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

  test('keeps the promises of a record format, and its loader those of a loader', async () => {
    const pattern = '^(the record format |the loader of line-pairs|record formats together)';
    const count = await passed('test/contract/record-formats.test.ts', pattern);
    // 4 of each of the 8 formats, since none may mistake the new one for its own; 7 of the loader; 1 together.
    assert.equal(count, 4 * 8 + 7 + 1);
  });

  test('is recognised and looked at', async () => {
    const finished = await program.llavaEval('datasets', 'inspect', file, '--json');
    assertDone(finished);
    const overview = JSON.parse(finished.stdout) as Record<string, unknown>;
    assert.deepEqual([overview.format, overview.tasks], ['line-pairs', 2]);
  });

  test('is scored, and can be forced by its name', async () => {
    const predictions = inRoot('pairs-predictions.jsonl');
    writeFileSync(
      predictions,
      rows.map(({ number }) => `${JSON.stringify({ task_id: `pair/${number}`, pred: 'y = x' })}\n`).join(''),
    );
    const args = ['--predictions', predictions, '--references', file, '--format', 'line-pairs', '--json'];
    const finished = await program.llavaEval('score', ...args);
    assertDone(finished);
    assert.equal((JSON.parse(finished.stdout) as Record<string, unknown>).em, 100);
  });
});
