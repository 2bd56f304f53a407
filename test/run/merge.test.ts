import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JournalError } from '../../src/domain/errors.js';
import { configurations } from '../../src/run/configurations.js';
import { mergeShards, type ShardRun } from '../../src/run/merge.js';
import type { TaskRecord } from '../../src/run/record.js';
import { RecordTable } from '../../src/run/record-table.js';
import { runJson, type RunJson } from '../../src/run/run-json.js';
import { fingerprint, type RunSpec } from '../../src/run/run-spec.js';
import { untimed } from '../support/synthetic-run.js';

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
  retrievalProfile: 'repoformer@2',
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

/** Ids of four tasks by their shard of two: the first 8 digits of the SHA-256 of the id are even or odd. */
const IDS: Readonly<Record<number, readonly string[]>> = {
  // ca978112 and 3e23e816 are even.
  1: ['a', 'b'],
  // 18ac3e73 and cd0aa985 are odd.
  2: ['d', 'g'],
};

/** Shard i of a sweep over two top-k, with the records of the tasks named. */
function shard(
  index: number,
  {
    ids = IDS[index]!,
    spec = SPEC,
    isKept = () => true,
    ...more
  }: {
    ids?: readonly string[];
    spec?: RunSpec;
    isKept?: (record: TaskRecord) => boolean;
  } & Partial<RunJson> = {},
): ShardRun {
  const run = runJson({
    given: { dataset: 'd', sweep: { topK: [1, 3] }, shard: 'auto', out: 'r', model: 'my model' },
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
    chunks: index,
    deviceProof: null,
    resources: null,
    ...more,
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
  return { path: `r/shard-${index}`, run, records: RecordTable.from(records.filter(isKept)) };
}

/** What the refusal of a merge says, hints included. */
function refusal(...shards: readonly ShardRun[]): string {
  try {
    mergeShards(shards);
  } catch (error) {
    assert.ok(error instanceof JournalError);
    return error.render();
  }
  throw new Error('the shards were merged');
}

describe('merging shards of a sweep', () => {
  test('goes by the order of the shards, whatever the order of the folders', () => {
    const { run, paths } = mergeShards([shard(2), shard(1)]);
    assert.deepEqual(paths, ['r/shard-1', 'r/shard-2']);
    assert.deepEqual([run.shard, run.startedAt, run.finishedAt], [null, '2026-01-01', '2026-01-02']);
    assert.deepEqual([run.chunks, Object.keys(run.given)], [2, ['dataset', 'sweep', 'model']]);
  });

  test('needs no folder of a shard that holds no task', () => {
    // A run of the two tasks whose hashes are even: shard 2 is empty.
    const spec = { ...SPEC, dataset: { ...SPEC.dataset, taskCount: 2 } };
    assert.deepEqual(mergeShards([shard(1, { spec })]).paths, ['r/shard-1']);
  });
});

describe('shards that are not timed', () => {
  const hardware = { cpu: 'another', cores: 1, memoryGiB: 1, platform: 'p', node: 'n' };

  test('may come from several processors, since they have no times to pool', () => {
    const spec = untimed(SPEC);
    assert.equal(mergeShards([shard(1, { spec }), shard(2, { spec, hardware })]).paths.length, 2);
    assert.match(refusal(shard(1), shard(2, { hardware })), /times of different processors cannot be pooled/);
  });

  test('are never merged with shards that are', () => {
    assert.match(refusal(shard(1, { spec: untimed(SPEC) }), shard(2)), /differs from .* in timing: /);
  });
});

describe('a merge refuses', () => {
  test('a shard that is missing, with the command that makes it', () => {
    assert.equal(
      refusal(shard(2)),
      'missing: shard 1/2\n' +
        "  make it: llava-eval run --dataset d --sweep top-k=1,3 --model 'my model' --shard 1/2 --out r/shard-1-of-2",
    );
  });

  test('a shard that is not finished, with the command that finishes it, and what is missing beside it', () => {
    const unfinished = shard(1, { finishedAt: null, ids: ['a'] });
    assert.match(
      refusal(unfinished, shard(2)),
      /^r\/shard-1: shard 1\/2 is not finished\n {2}finish it: .* --shard 1\/2 --out r\/shard-1 --resume$/,
    );
    assert.match(refusal(unfinished), /^r\/shard-1: shard 1\/2 is not finished; missing: shard 2\/2\n/);
  });

  test('a shard that is there twice, by both names', () => {
    const again = { ...shard(2), path: 'elsewhere' };
    assert.equal(
      refusal(shard(1), shard(2), again),
      'shard 2/2 is there 2 times\n  shard 2/2 is in r/shard-2, elsewhere; give one of them',
    );
  });

  test('a shard with other settings, which it names with both values', () => {
    const other = shard(2, { spec: { ...SPEC, topK: [1, 5], threads: 4 } });
    const message = refusal(shard(1), other);
    assert.match(message, /^r\/shard-2: is not a shard of the run of r\/shard-1\n/);
    assert.match(
      message,
      /shard-2 differs from r\/shard-1 in threads: 1 → 4\n.*in topK: \[1,3\] → \[1,5\]\n/,
    );
    assert.match(message, /make it anew: .* --shard 2\/2 --out r\/shard-2-of-2$/);
  });

  test('the one shard that differs from all others, although it is given first', () => {
    const odd = { ...shard(1, { spec: { ...SPEC, seed: 9 } }), path: 'odd' };
    assert.match(refusal(odd, shard(1), shard(2)), /^odd: is not a shard[^]*seed: 0 → 9/);
  });

  test('shards of another number of parts, a whole run, and another processor', () => {
    const third = { ...shard(1, { shard: { index: 1, count: 3 } }), path: 'third' };
    assert.match(
      refusal(third, shard(1), shard(2)),
      /^third \(shard 1\/3\): cut otherwise than r\/shard-1 \(shard 1\/2\)/,
    );
    assert.match(refusal(shard(1), shard(2, { shard: null })), /^r\/shard-2: not a shard but a whole run/);
    const hardware = { cpu: 'e', cores: 1, memoryGiB: 1, platform: 'p', node: 'n' };
    assert.match(
      refusal(shard(1), shard(2, { hardware })),
      /shard-2: was measured on e\nr\/shard-1: was measured on c/,
    );
  });

  test('a journal with tasks of another shard', () => {
    assert.match(
      refusal(shard(1), shard(2, { ids: ['b', 'd', 'g'] })),
      /^r\/shard-2: 1 tasks do not belong to shard 2\/2: b\n/,
    );
  });

  test('a journal that was shortened, with what is lacking and the command that answers it', () => {
    const short = shard(2, { isKept: (r) => r.taskId !== 'd' || r.topK !== 3 });
    const message = refusal(shard(1), short);
    assert.match(message, /^11 of 12 records are there\n {2}r\/shard-2 lacks d under budget-rag\/bm25 k=3\n/);
    assert.match(message, /--shard 2\/2 --out r\/shard-2 --resume$/);
    // A task without any record is lacking as well, but no folder says that it had it.
    const without = shard(2, { isKept: (r) => r.taskId !== 'd' });
    assert.match(refusal(shard(1), without), /^9 of 12 records are there\n/);
  });
});
