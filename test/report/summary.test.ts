import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { about, apart, fixed, interval, pValue, signed } from '../../src/report/format.js';
import { summarize, type SummaryHead } from '../../src/report/numbers/summary.js';
import { renderTable } from '../../src/report/terminal/table.js';
import type { Configuration, ScoredRecord, TaskRecord } from '../../src/run/record.js';
import { specOf } from '../support/synthetic-run.js';

const HEAD: SummaryHead = {
  fingerprint: 'f',
  dataset: { id: 'd', contentHash: 'c', tasks: 4 },
  decoder: { name: 'n', identity: 'i', promptFamily: 'qwen2.5-coder' },
  encoder: null,
  retrieverEncoder: null,
  device: 'cpu',
  spec: specOf({ pipelines: ['no-context'], retrievers: [], topK: [10] }, 4, 0),
};

const NONE: Configuration = { pipeline: 'no-context', retriever: null, topK: null };
const FULL: Configuration = { pipeline: 'full-rag', retriever: 'bm25', topK: 10 };
const SOFT: Configuration = { pipeline: 'compressed', retriever: 'bm25', topK: 10 };

function scored(
  taskId: string,
  configuration: Configuration,
  em: 0 | 1,
  es: number,
  ttft: number,
): ScoredRecord {
  return {
    taskId,
    repository: 'r',
    crossFile: taskId === '1',
    ...configuration,
    status: 'scored',
    completion: '',
    rawCompletion: '',
    exactMatch: em,
    editSimilarity: es,
    promptTokens: 100,
    softTokens: 0,
    contextTokens: 0,
    contextCharacters: 0,
    chunks: [],
    generatedTokens: 5,
    stopReason: 'stop-token',
    timing: {
      retrieveMs: 1,
      tokenizeMs: 2,
      encodeMs: 3,
      projectMs: 4,
      prefillMs: ttft,
      ttftMs: ttft,
      ttftColdMs: ttft + 10,
      decodeMs: 1,
      ttftSamplesMs: [ttft],
      control: null,
    },
  };
}

const failed = (taskId: string, configuration: Configuration): TaskRecord => ({
  taskId,
  repository: 'r',
  crossFile: false,
  ...configuration,
  status: 'failed',
  error: { stage: 'prefill', message: 'out of memory' },
});

describe('a summary', () => {
  const records: TaskRecord[] = [
    scored('1', NONE, 0, 0.2, 10),
    scored('2', NONE, 1, 1, 10),
    scored('3', NONE, 0, 0.4, 10),
    scored('1', FULL, 1, 1, 20),
    scored('2', FULL, 1, 1, 40),
    failed('3', FULL),
    scored('1', SOFT, 1, 0.8, 15),
    scored('2', SOFT, 0, 0.5, 10),
    scored('3', SOFT, 0, 0.6, 12),
  ];
  const [none, full, soft] = summarize(HEAD, [NONE, FULL, SOFT], records).rows;

  test('counts failed tasks beside the means and never as zero', () => {
    assert.deepEqual(full!.tasks, { total: 3, scored: 2, failed: 1, skipped: 0 });
    assert.deepEqual([full!.exactMatch.mean, full!.editSimilarity.mean], [100, 100]);
  });

  test('pairs reductions by task and leaves out tasks that one side lacks', () => {
    // 1 - 15/20 = 0.25, 1 - 10/40 = 0.75; task 3 has no full-rag; median 0.5
    assert.deepEqual([soft!.ttftReductionVsFullRag!.p50, soft!.ttftReductionVsFullRag!.pairs], [0.5, 2]);
    assert.equal(full!.ttftReductionVsFullRag, null);
  });

  test('compares with no-context on the tasks both scored', () => {
    // full-rag: EM (1-0, 1-1) -> +50; ES (0.8, 0) -> +40. compressed: EM (1, -1, 0) -> 0.
    assert.equal(full!.vsNoContext!.exactMatch.delta, 50);
    assert.ok(Math.abs(full!.vsNoContext!.editSimilarity.delta! - 40) < 1e-9);
    assert.deepEqual([soft!.vsNoContext!.exactMatch.delta, soft!.vsNoContext!.exactMatch.p], [0, 1]);
    assert.equal(none!.vsNoContext, null);
  });

  test('has no noise floor where nothing was timed twice', () => {
    assert.equal(summarize(HEAD, [NONE, FULL, SOFT], records).noiseFloor, null);
  });

  test('takes the noise floor from the pairs of the configuration that was timed twice', () => {
    const twice = (taskId: string, first: number, second: number): ScoredRecord => {
      const record = scored(taskId, NONE, 0, 0, first);
      const control = { ttftMs: second, ttftSamplesMs: [second] };
      return { ...record, timing: { ...record.timing!, control } };
    };
    // Ratios 1.1, 0.9, 1, 1.2, 0.8, 1.05: their median is 1.025; six pairs allow their extremes as interval.
    const times = [
      [10, 11],
      [20, 18],
      [10, 10],
      [10, 12],
      [10, 8],
      [20, 21],
    ] as const;
    const pairs = times.map(([first, second], i) => twice(String(i), first, second));
    const { noiseFloor } = summarize(HEAD, [NONE, FULL], [...pairs, scored('1', FULL, 1, 1, 20)]);
    assert.deepEqual([noiseFloor!.configuration, noiseFloor!.pairs], [NONE, 6]);
    assert.ok(Math.abs(noiseFloor!.ratio.p50 - 1.025) < 1e-12);
    assert.deepEqual(noiseFloor!.ratio.ci95, [0.8, 1.2]);
  });

  test('compares the reduction of TTFT at one top-k, not across them', () => {
    const at = (configuration: Configuration, topK: number): Configuration => ({ ...configuration, topK });
    const rows = [at(FULL, 1), at(FULL, 10), at(SOFT, 1), at(SOFT, 10)];
    const ttft = [20, 80, 10, 20];
    const swept = rows.map((row, i) => scored('1', row, 1, 1, ttft[i]!));
    // k = 1: 1 - 10/20 = 0.5; k = 10: 1 - 20/80 = 0.75.
    assert.deepEqual(
      summarize({ ...HEAD, spec: { ...HEAD.spec, topK: [1, 10] } }, rows, swept).rows.map((row) => [
        row.topK,
        row.ttftReductionVsFullRag?.p50 ?? null,
      ]),
      [
        [1, null],
        [10, null],
        [1, 0.5],
        [10, 0.75],
      ],
    );
  });

  test('has null, not zero, where nothing was scored', () => {
    const [row] = summarize(HEAD, [FULL], [failed('1', FULL)]).rows;
    assert.deepEqual([row!.exactMatch.mean, row!.ttftMs!.p50, row!.promptTokens.max], [null, null, null]);
  });

  test('has a second set of rows over the tasks that use another file', () => {
    const { crossFileRows } = summarize(HEAD, [NONE, FULL, SOFT], records);
    // Task 1 alone is marked: EM 0, 100, 100; ES 20, 100, 80.
    assert.deepEqual(
      crossFileRows.map((row) => [row.tasks.total, row.exactMatch.mean, row.editSimilarity.mean]),
      [
        [1, 0, 20],
        [1, 100, 100],
        [1, 100, 80],
      ],
    );
  });

  test('does not depend on the order of the journal', () => {
    const forward = summarize(HEAD, [NONE, FULL, SOFT], records);
    assert.deepEqual(summarize(HEAD, [NONE, FULL, SOFT], [...records].reverse()), forward);
  });
});

describe('the comparisons of a summary', () => {
  const repositories = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  /** Eight repositories with twelve tasks each; one task in twelve is right without context. */
  const records = (
    configuration: Configuration,
    ttft: number,
    right: (task: number) => boolean,
  ): TaskRecord[] =>
    repositories.flatMap((repository) =>
      Array.from({ length: 12 }, (_, task) => {
        const em = right(task) ? 1 : 0;
        const jitter = 1 + 0.01 * Math.sin(task + repository.charCodeAt(0));
        return { ...scored(`${repository}${task}`, configuration, em, em, ttft * jitter), repository };
      }),
    );
  const BUDGET: Configuration = { ...SOFT, pipeline: 'budget-rag' };
  const { comparisons, inference, rows } = summarize(
    HEAD,
    [NONE, FULL, BUDGET, SOFT],
    [
      ...records(NONE, 10, (task) => task === 0),
      ...records(FULL, 30, (task) => task < 6),
      ...records(BUDGET, 11, (task) => task === 0),
      ...records(SOFT, 12, (task) => task === 0),
    ],
  );
  const named = (of: string, base: string) =>
    comparisons.find((one) => one.of.pipeline === of && one.base.pipeline === base)!;

  test('set every pipeline against no-context and compressed against both text pipelines', () => {
    assert.deepEqual(
      comparisons.map(({ of, base, pairs }) => [of.pipeline, base.pipeline, pairs]),
      [
        ['full-rag', 'no-context', 96],
        ['budget-rag', 'no-context', 96],
        ['compressed', 'no-context', 96],
        ['compressed', 'full-rag', 96],
        ['compressed', 'budget-rag', 96],
      ],
    );
    assert.deepEqual(inference, { basis: 'repositories', repositories: 8 });
  });

  test('call a difference by its direction, and a time too: lower is better', () => {
    const full = named('full-rag', 'no-context');
    // 6 of 12 right against 1 of 12, in every repository alike.
    assert.ok(Math.abs(full.exactMatch.delta! - (5 / 12) * 100) < 1e-9);
    assert.deepEqual([full.exactMatch.won, full.exactMatch.lost, full.exactMatch.verdict], [40, 0, 'better']);
    assert.deepEqual([full.editSimilarity.verdict, full.ttftRatio!.verdict], ['better', 'worse']);
    const soft = named('compressed', 'full-rag');
    assert.deepEqual([soft.exactMatch.verdict, soft.ttftRatio!.verdict], ['worse', 'better']);
  });

  test('say tied where no task differs, with an interval that does not claim certainty', () => {
    const { exactMatch } = named('compressed', 'no-context');
    assert.deepEqual([exactMatch.delta, exactMatch.p, exactMatch.verdict], [0, null, 'tied']);
    // z^2 / (96 + z^2) = 3.85 %
    assert.ok(Math.abs(exactMatch.ci95![1] - 3.847) < 0.001 && exactMatch.detectable! > 3);
  });

  test('are what the rows repeat', () => {
    const soft = rows.at(-1)!;
    assert.deepEqual(soft.vsNoContext!.exactMatch, named('compressed', 'no-context').exactMatch);
    assert.ok(Math.abs(soft.ttftReductionVsFullRag!.p50 - 0.6) < 1e-9);
  });

  test('say what share of the gain of full-rag a row wins back, and nothing where there is no gain', () => {
    // full-rag has 5 of 12 more than no-context in every repository, HALF 2 of 12, RANDOM none.
    const HALF: Configuration = { ...SOFT };
    const RANDOM: Configuration = { ...SOFT, pipeline: 'compressed-random' };
    const all = [
      ...records(NONE, 10, (task) => task === 0),
      ...records(FULL, 30, (task) => task < 6),
      ...records(HALF, 12, (task) => task < 3),
      ...records(RANDOM, 12, (task) => task === 0),
    ];
    const summary = summarize(HEAD, [NONE, FULL, HALF, RANDOM], all);
    const [none, full, half, random] = summary.rows;
    assert.deepEqual([none!.recovery, full!.recovery], [null, null]);
    // 2 of 12 over 5 of 12, without any spread between repositories.
    assert.ok(Math.abs(half!.recovery!.exactMatch!.percent - 40) < 1e-9);
    assert.ok(Math.abs(half!.recovery!.editSimilarity!.percent - 40) < 1e-9);
    assert.equal(half!.recovery!.exactMatch!.tasks, 96);
    assert.equal(random!.recovery!.editSimilarity!.percent, 0);
    const table = renderTable(summary, null);
    assert.match(table, /^Share of the gain of full-rag .*:\n {2} +EM +ES\n {2}compressed\/bm25 +40 % \[/m);
    assert.match(table, /^ {2}compressed-random\/bm25 +0 % \[/m);
    const flat = summarize(
      HEAD,
      [NONE, FULL, HALF],
      [NONE, FULL, HALF].flatMap((configuration) => records(configuration, 10, (task) => task === 0)),
    );
    assert.deepEqual(flat.rows[2]!.recovery, { exactMatch: null, editSimilarity: null, likelihood: null });
    assert.doesNotMatch(renderTable(flat, null), /won back/);
  });

  test('of a run with an A/A row claim no time difference within it', () => {
    const noisy = [...records(NONE, 10, () => false), ...records(FULL, 10.5, () => false)].map(
      (record): TaskRecord =>
        record.status !== 'scored' || record.pipeline !== 'no-context'
          ? record
          : {
              ...record,
              timing: {
                ...record.timing!,
                control: { ttftMs: record.timing!.ttftMs * 1.06, ttftSamplesMs: [1] },
              },
            },
    );
    const verdict = (all: TaskRecord[]) =>
      summarize(HEAD, [NONE, FULL], all).comparisons[0]!.ttftRatio!.verdict;
    const quiet = [...records(NONE, 10, () => false), ...records(FULL, 10.5, () => false)];
    assert.deepEqual([verdict(quiet), verdict(noisy)], ['worse', 'tied']);
  });
});

describe('numbers for people', () => {
  test('have fixed digits, a true minus sign, and a dash for nothing', () => {
    assert.deepEqual(
      [fixed(-1.25, 1), fixed(null, 1), signed(0.04, 1), signed(2, 1)],
      ['−1.3', '–', '0.0', '+2.0'],
    );
    assert.equal(interval([-1, 2.5], 1), '[−1.0, 2.5]');
    assert.deepEqual(
      [pValue(0.0004), pValue(0.0312), pValue(null)],
      ['p < 0.001', 'p = 0.031', 'no difference'],
    );
  });

  test('are rough where they are only known roughly, with thousands apart', () => {
    assert.deepEqual([1234, 81, 98_765, 2_000_000].map(about), ['1,200', '81', '99,000', 'over a million']);
  });

  test('say of two times by how much the longer exceeds the shorter', () => {
    // 1 / 0.884 = 1.1312.
    assert.deepEqual(
      [0.884, 1.131222, 1].map((ratio) => apart(ratio).toFixed(1)),
      ['13.1', '13.1', '0.0'],
    );
  });

  test('never show a minus sign before zero', () => {
    assert.deepEqual([fixed(-0.04, 1), signed(-0.04, 1)], ['0.0', '0.0']);
  });
});
