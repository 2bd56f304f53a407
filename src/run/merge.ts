/**
 * @file Joins the shards of one run. They must have the same fingerprint, share no record and be complete; otherwise an
 *   error says what is missing.
 */

import { JournalError } from '../domain/errors.js';
import { configurations } from './configurations.js';
import { recordKey, type TaskRecord } from './record.js';
import type { RunJson } from './run-json.js';
import type { TaskEvidence } from './task-evidence.js';

/** What one shard left on disk. */
export interface ShardRun {
  readonly path: string;
  readonly run: RunJson;
  readonly records: readonly TaskRecord[];
  /** What its tasks were; empty for a folder without `tasks.jsonl`. */
  readonly evidence: readonly TaskEvidence[];
}

/**
 * Joins shards, records and tasks in the order of the shards.
 *
 * The merged run starts with the first shard and ends with the last; its machine is that of the first.
 *
 * @throws {JournalError} If shards are of different runs, unfinished, repeated, missing, or from machines
 *         of different processors, whose times must not be pooled.
 */
export function mergeShards(shards: readonly ShardRun[]): Omit<ShardRun, 'path'> {
  const [first] = shards;
  if (first === undefined) throw new JournalError('there is nothing to merge');
  for (const { path, run } of shards) {
    if (run.fingerprint !== first.run.fingerprint) {
      throw new JournalError(`${path}: is not a shard of the run of ${first.path}`, [
        `fingerprints ${run.fingerprint.slice(0, 12)} and ${first.run.fingerprint.slice(0, 12)}`,
        'shards share every setting, all data and all versions; only --shard and --out differ',
      ]);
    }
    if (run.finishedAt === null) {
      throw new JournalError(`${path}: the shard is not finished`, ['continue it with --resume first']);
    }
    if (run.hardware.cpu !== first.run.hardware.cpu) {
      throw new JournalError(
        `${path}: was measured on ${run.hardware.cpu}, ${first.path} on ${first.run.hardware.cpu}`,
        ['times of different processors cannot be pooled; run all shards on one kind of machine'],
      );
    }
  }
  const records = shards.flatMap((shard) => shard.records);
  const keys = new Set(records.map((record) => recordKey(record.taskId, record)));
  if (keys.size < records.length) {
    throw new JournalError(`${records.length - keys.size} records are in more than one of the folders`, [
      'give each shard once',
    ]);
  }
  const { spec } = first.run;
  const expected = spec.dataset.taskCount * configurations(spec).length;
  if (records.length !== expected) {
    const given = shards.flatMap(({ run }) => (run.shard === null ? [] : [run.shard.index]));
    const count = first.run.shard?.count ?? 1;
    const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !given.includes(index));
    throw new JournalError(`${records.length} of ${expected} records are there`, [
      missing.length === 0
        ? 'a journal was shortened'
        : `missing: ${missing.map((i) => `shard ${i}/${count}`).join(', ')}`,
    ]);
  }
  const times = (read: (run: RunJson) => string | null): string[] =>
    shards.flatMap(({ run }) => read(run) ?? []).sort();
  return {
    records,
    evidence: shards.flatMap((shard) => shard.evidence),
    run: {
      ...first.run,
      shard: null,
      resources: null,
      startedAt: times((run) => run.startedAt)[0] ?? first.run.startedAt,
      finishedAt: times((run) => run.finishedAt).at(-1) ?? null,
    },
  };
}
