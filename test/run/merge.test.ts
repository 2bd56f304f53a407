import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configurations } from '../../src/run/configurations.js';
import { mergeShards, type ShardRun } from '../../src/run/merge.js';
import type { TaskRecord } from '../../src/run/record.js';
import { runJson } from '../../src/run/run-json.js';
import { fingerprint, type RunSpec } from '../../src/run/run-spec.js';

const SPEC: RunSpec = {
  program: { name: 'llava-eval', version: '0', onnxruntime: '0' },
  dataset: { id: 'd', contentHash: 'c', taskCount: 4, taskIdsHash: 't' },
  models: {
    decoder: 'd',
    decoderTokenizer: 't',
    promptFamily: 'qwen2.5-coder',
    compression: null,
    retrieverEncoder: null,
  },
  pipelines: ['no-context', 'budget-rag'],
  retrievers: ['bm25'],
  topK: [1, 3],
  retrievalProfile: 'repoformer@1',
  metricProfile: 'llavacode@1',
  contextPlacement: 'before-prefix',
  maxPromptTokens: 100,
  contextTokens: 10,
  maxNewTokens: 5,
  device: 'cpu',
  dtype: 'fp32',
  threads: 1,
  ttftRepeats: 1,
  seed: 0,
};

/** Shard i of 2 of a sweep over two top-k, with the records of the tasks named. */
function shard(index: number, ids: readonly string[], spec: RunSpec = SPEC): ShardRun {
  const run = runJson({
    given: {},
    spec,
    fingerprint: fingerprint(spec),
    shard: { index, count: 2 },
    startedAt: `2026-01-0${index}`,
    finishedAt: `2026-01-0${index}`,
    hardware: { cpu: 'c', cores: 1, memoryGiB: 1, platform: 'p', node: 'n' },
    git: null,
    models: { decoder: 'd', encoder: null, retrieverEncoder: null, bundle: 'b', sources: [] },
    data: [],
    skippedRecords: 0,
    chunks: 0,
    deviceProof: null,
    resources: null,
  });
  const records = ids.flatMap((taskId) =>
    configurations(spec).map((configuration): TaskRecord => ({
      taskId,
      repository: 'r',
      crossFile: null,
      ...configuration,
      status: 'failed',
      error: { stage: 'retrieve', message: 'm' },
    })),
  );
  const evidence = ids.map((taskId) => ({
    ...{ taskId, repository: 'r', path: 'a.ts', language: 'typescript' as const },
    ...{ reference: '', left: '', right: '', chunks: [] },
  }));
  return { path: `s${index}`, run, records, evidence };
}

describe('merging shards of a sweep', () => {
  test('keeps each task at each top-k, and what the tasks were', () => {
    const { run, records, evidence } = mergeShards([shard(1, ['a', 'b']), shard(2, ['c', 'd'])]);
    // no-context once and budget-rag at two top-k, for four tasks.
    assert.equal(records.length, 4 * 3);
    assert.deepEqual(
      evidence.map(({ taskId }) => taskId),
      ['a', 'b', 'c', 'd'],
    );
    assert.deepEqual([run.shard, run.startedAt, run.finishedAt], [null, '2026-01-01', '2026-01-02']);
  });

  test('joins folders without what their tasks were', () => {
    const bare = { ...shard(1, ['a', 'b']), evidence: [] };
    assert.equal(mergeShards([bare, shard(2, ['c', 'd'])]).evidence.length, 2);
  });

  test('refuses a run over other top-k, a record that is there twice, and a task that lacks one top-k', () => {
    const [one, two] = [shard(1, ['a', 'b']), shard(2, ['c', 'd'])];
    const other = shard(2, ['c', 'd'], { ...SPEC, topK: [1, 5] });
    assert.throws(() => mergeShards([one, other]), /s2: is not a shard of the run of s1/);
    assert.throws(() => mergeShards([one, shard(2, ['b', 'c'])]), /3 records are in more than one/);
    const short = { ...two, records: two.records.filter((r) => r.taskId !== 'd' || r.topK !== 3) };
    assert.throws(() => mergeShards([one, short]), /11 of 12 records are there/);
  });
});
