import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fixed, interval, pValue, signed } from '../../src/report/format.js';
import { summarize, type SummaryHead } from '../../src/report/summary.js';
import type { Configuration, ScoredRecord, TaskRecord } from '../../src/run/record.js';

const HEAD: SummaryHead = {
  fingerprint: 'f',
  dataset: { id: 'd', contentHash: 'c', tasks: 4 },
  decoder: { name: 'n', identity: 'i' },
  encoder: null,
  retrieverEncoder: null,
  device: 'cpu',
  dtype: 'fp32',
  metricProfile: 'llavacode@1',
  retrievalProfile: 'repoformer@1',
  topK: [10],
  contextPlacement: 'before-prefix',
  seed: 0,
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
      return { ...record, timing: { ...record.timing, control } };
    };
    // 11/10 = 1.1, 18/20 = 0.9, 10/10 = 1: the median is 1.
    const pairs = [twice('1', 10, 11), twice('2', 20, 18), twice('3', 10, 10), scored('1', FULL, 1, 1, 20)];
    const { noiseFloor } = summarize(HEAD, [NONE, FULL], pairs);
    assert.deepEqual([noiseFloor!.configuration, noiseFloor!.pairs, noiseFloor!.ratio.p50], [NONE, 3, 1]);
    const [low, high] = noiseFloor!.ratio.ci95!;
    assert.ok(low >= 0.9 && low <= 1 && high >= 1 && high <= 1.1);
  });

  test('compares the reduction of TTFT at one top-k, not across them', () => {
    const at = (configuration: Configuration, topK: number): Configuration => ({ ...configuration, topK });
    const rows = [at(FULL, 1), at(FULL, 10), at(SOFT, 1), at(SOFT, 10)];
    const ttft = [20, 80, 10, 20];
    const swept = rows.map((row, i) => scored('1', row, 1, 1, ttft[i]!));
    // k = 1: 1 - 10/20 = 0.5; k = 10: 1 - 20/80 = 0.75.
    assert.deepEqual(
      summarize({ ...HEAD, topK: [1, 10] }, rows, swept).rows.map((row) => [
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
    assert.deepEqual([row!.exactMatch.mean, row!.ttftMs.p50, row!.promptTokens.max], [null, null, null]);
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

  test('never show a minus sign before zero', () => {
    assert.deepEqual([fixed(-0.04, 1), signed(-0.04, 1)], ['0.0', '0.0']);
  });
});
