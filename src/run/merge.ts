/**
 * @file Joins the shards of one run. All must have the same settings, each shard must be there once, and every task must
 * be there. Otherwise an error names what is wrong and prints the command that makes what is missing.
 */

import { dirname, join } from 'node:path';
import { JournalError } from '../domain/errors.js';
import { configurations } from './configurations.js';
import { shardCommand } from './command-line.js';
import { configurationLabel } from './record.js';
import type { RecordTable } from './record-table.js';
import type { RunJson } from './run-json.js';
import { isTimed } from './run-spec.js';
import { holdsTask, shardFolder, shardText, type Shard } from './shard.js';
import { describeChange, specChanges } from './spec-changes.js';

/** What one shard left on disk. */
export interface ShardRun {
  readonly path: string;
  readonly run: RunJson;
  /** The numbers of its journal. */
  readonly records: RecordTable;
}

/** The run that shards make. */
export interface MergedShards {
  readonly run: RunJson;
  /** The folders of the shards, in the order of the shards: that of their records in the merged run. */
  readonly paths: readonly string[];
}

/** A shard of which it is known that its run is one. */
type NumberedShard = ShardRun & { readonly shard: Shard };

/** Most names of one kind that a message lists. */
const MOST_NAMES = 5;

/**
 * Joins shards in their own order, whatever the order in which they are given.
 *
 * The merged run starts with the first shard that started and ends with the last; its machine is that of shard 1.
 *
 * @throws {JournalError} If a folder holds no shard, if shards are of different runs or counts, unfinished, repeated
 *         or missing, if records are missing, or if they were timed on several processors, whose times must not be
 *         pooled. All that is wrong with the set of shards is named at once.
 */
export function mergeShards(shards: readonly ShardRun[]): MergedShards {
  const numbered = requireShards(shards);
  requireOneRun(numbered);
  if (isTimed(numbered[0]!.run.spec)) requireOneProcessor(numbered);
  requireEachOnce(numbered);
  const ordered = [...numbered].sort((a, b) => a.shard.index - b.shard.index);
  requireOwnTasks(ordered);
  requireComplete(ordered);
  return { run: mergedRun(ordered), paths: ordered.map(({ path }) => path) };
}

function mergedRun(ordered: readonly NumberedShard[]): RunJson {
  const { run } = ordered[0]!;
  const times = (read: (run: RunJson) => string | null): string[] =>
    ordered.flatMap((shard) => read(shard.run) ?? []).sort();
  const ofOneShard = new Set(['shard', 'out', 'resume', 'retryFailed']);
  return {
    ...run,
    given: Object.fromEntries(Object.entries(run.given).filter(([key]) => !ofOneShard.has(key))),
    shard: null,
    resources: null,
    // Each shard indexes the repositories of its own tasks; the one that needed most is nearest to the whole run.
    chunks: Math.max(...ordered.map((shard) => shard.run.chunks)),
    startedAt: times((one) => one.startedAt)[0] ?? run.startedAt,
    finishedAt: times((one) => one.finishedAt).at(-1) ?? null,
  };
}

function requireShards(shards: readonly ShardRun[]): readonly NumberedShard[] {
  if (shards.length === 0) throw new JournalError('there is nothing to merge');
  const numbered = shards.flatMap((one) =>
    one.run.shard === null ? [] : [{ ...one, shard: one.run.shard }],
  );
  if (numbered.length === shards.length) return numbered;
  const whole = shards.filter(({ run }) => run.shard === null).map(({ path }) => path);
  throw new JournalError(`${listed(whole)}: not a shard but a whole run`, [
    'merge joins runs that were made with --shard; leave this one out',
  ]);
}

/** Shards that the fewest others agree with are named, with the settings in which they differ. */
function requireOneRun(shards: readonly NumberedShard[]): void {
  const usual = mostFrequent(shards, ({ run }) => run.fingerprint);
  const others = shards.filter(({ run }) => run.fingerprint !== usual.run.fingerprint);
  if (others.length > 0) {
    throw new JournalError(
      `${listed(others.map(({ path }) => path))}: is not a shard of the run of ${usual.path}`,
      [
        ...others.flatMap(({ path, run }) => differences(path, usual, run)),
        'shards share every setting, all data and all versions; only --shard and --out differ',
        ...others.map((other) => `make it anew: ${commandToMake(usual, other.shard, shards)}`),
      ],
    );
  }
  const counted = mostFrequent(shards, ({ shard }) => String(shard.count));
  const strays = shards.filter(({ shard }) => shard.count !== counted.shard.count);
  if (strays.length === 0) return;
  throw new JournalError(
    `${listed(strays.map(({ path, shard }) => `${path} (shard ${shardText(shard)})`))}: cut otherwise than ` +
      `${counted.path} (shard ${shardText(counted.shard)})`,
    ['all shards of a run are cut into the same number of parts; leave out those of the other number'],
  );
}

function differences(path: string, usual: ShardRun, run: RunJson): string[] {
  const changes = specChanges(usual.run.spec, run.spec);
  return changes.map((change) => `${path} differs from ${usual.path} in ${describeChange(change)}`);
}

function requireOneProcessor(shards: readonly NumberedShard[]): void {
  const usual = mostFrequent(shards, ({ run }) => run.hardware.cpu);
  const others = shards.filter(({ run }) => run.hardware.cpu !== usual.run.hardware.cpu);
  if (others.length === 0) return;
  throw new JournalError(
    others.map(({ path, run }) => `${path}: was measured on ${run.hardware.cpu}`).join('\n') +
      `\n${usual.path}: was measured on ${usual.run.hardware.cpu}`,
    ['times of different processors cannot be pooled; run all shards on one kind of machine'],
  );
}

/** Whatever is repeated, missing or unfinished, together with the commands that mend it. */
function requireEachOnce(shards: readonly NumberedShard[]): void {
  const [first] = shards;
  const problems: string[] = [];
  const hints: string[] = [];
  for (let index = 1; index <= first!.shard.count; index++) {
    const shard = { index, count: first!.shard.count };
    const own = shards.filter((one) => one.shard.index === index);
    if (own.length > 1) {
      problems.push(`shard ${shardText(shard)} is there ${own.length} times`);
      hints.push(`shard ${shardText(shard)} is in ${listed(own.map(({ path }) => path))}; give one of them`);
    } else if (own[0]?.run.finishedAt === null) {
      problems.push(`${own[0].path}: shard ${shardText(shard)} is not finished`);
      hints.push(`finish it: ${commandToFinish(own[0])}`);
    }
  }
  // A shard that holds no task has no folder, so shards may be missing where no task is.
  const missing = lacksTasks(shards) ? missingShards(shards) : [];
  if (missing.length > 0) {
    problems.push(`missing: ${missing.map((shard) => `shard ${shardText(shard)}`).join(', ')}`);
    hints.push(...missing.map((shard) => `make it: ${commandToMake(first!, shard, shards)}`));
  }
  if (problems.length > 0) throw new JournalError(problems.join('; '), hints);
}

function missingShards(shards: readonly NumberedShard[]): Shard[] {
  const { count } = shards[0]!.shard;
  const given = new Set(shards.map(({ shard }) => shard.index));
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, count })).filter(
    ({ index }) => !given.has(index),
  );
}

function lacksTasks(shards: readonly NumberedShard[]): boolean {
  const tasks = new Set(shards.flatMap(({ records }) => records.taskIds));
  return tasks.size < shards[0]!.run.spec.dataset.taskCount;
}

/** A journal may only hold tasks of its shard: with those of another, a task would count twice or be lost. */
function requireOwnTasks(shards: readonly NumberedShard[]): void {
  for (const { path, shard, records } of shards) {
    const foreign = records.taskIds.filter((id) => !holdsTask(shard, id));
    if (foreign.length === 0) continue;
    throw new JournalError(
      `${path}: ${foreign.length} tasks do not belong to shard ${shardText(shard)}: ${listed(foreign)}`,
      ['its journal or its run.json was changed after the run; make the shard again'],
    );
  }
}

/** Every task under every configuration. All shards that hold tasks are there and finished. */
function requireComplete(shards: readonly NumberedShard[]): void {
  const { spec } = shards[0]!.run;
  const wanted = configurations(spec);
  const total = shards.reduce((sum, { records }) => sum + records.size, 0);
  const expected = spec.dataset.taskCount * wanted.length;
  if (total === expected) return;
  const hints = shards.flatMap((one) => {
    const lacking = one.records.taskIds.flatMap((id) =>
      wanted
        .filter((configuration) => !one.records.has(id, configuration))
        .map((configuration) => `${id} under ${configurationLabel(configuration, spec.topK)}`),
    );
    return lacking.length === 0 ? [] : [`${one.path} lacks ${listed(lacking)}`];
  });
  throw new JournalError(`${total} of ${expected} records are there`, [
    ...hints,
    'a journal was shortened after its run; let each of these answer what it lacks:',
    ...shards.map(commandToFinish),
  ]);
}

/** The command that finishes a shard in its own folder. */
function commandToFinish({ path, shard, run }: NumberedShard): string {
  return shardCommand(run.given, { shard, out: path, resume: true });
}

/** The command that makes a shard of the run of another one, in a new folder beside that one. */
function commandToMake(like: NumberedShard, shard: Shard, taken: readonly NumberedShard[]): string {
  const out = join(dirname(like.path), shardFolder(shard));
  const isTaken = taken.some(({ path }) => join(path) === out);
  return shardCommand(like.run.given, { shard, out: isTaken ? `${out}-again` : out });
}

/** The first of the shards that have the most frequent value. */
function mostFrequent(
  shards: readonly NumberedShard[],
  value: (shard: NumberedShard) => string,
): NumberedShard {
  const counts = new Map<string, number>();
  for (const shard of shards) counts.set(value(shard), (counts.get(value(shard)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return shards.find((shard) => counts.get(value(shard)) === most)!;
}

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
