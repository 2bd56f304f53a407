/**
 * @file The folder of a run, claimed before anything long begins.
 */

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { JournalError, UsageError } from '../domain/errors.js';
import { removeTemporaries } from '../files/atomic-file.js';
import { hasHeader, readJournal, type JournalContent } from '../run/journal.js';
import {
  assertWritable,
  defaultFolder,
  requireNothingForeign,
  runFolder,
  type RunFolder,
} from '../run/run-folder.js';
import { readRunJson, type RunJson } from '../run/run-json.js';
import { RunLock } from '../run/run-lock.js';
import { shardFolder, type Shard } from '../run/shard.js';
import { describeChange, specChanges } from '../run/spec-changes.js';
import { scanTaskEvidence, type EvidenceIndex } from '../run/task-evidence.js';
import type { Surroundings } from './events.js';
import type { ComparisonRequest } from './request.js';
import type { TaskSelection } from './settings.js';

export interface ClaimedFolder {
  readonly files: RunFolder;
  /** Held while a run goes on that is there already; a new one takes it when it makes the folder. */
  readonly lock: RunLock;
  /** What a run that is continued has recorded; null for a new one. */
  readonly earlier: JournalContent | null;
  /** How that run described itself; null for a new one, or if it was ended before it could. */
  readonly earlierRun: RunJson | null;
  readonly evidenced: EvidenceIndex | null;
}

/**
 * Where a run is written. Shards that a scheduler numbers are all given the same `out`, so each has a folder in it.
 *
 * @example // --shard auto --out results/x, third of eight: results/x/shard-3-of-8
 */
export function outFolder({ out, shard }: ComparisonRequest, tasks: TaskSelection, startedAt: Date): string {
  if (out === undefined) return defaultFolder(startedAt, tasks.dataset);
  return shard === 'auto' && tasks.shard !== null ? join(out, shardFolder(tasks.shard)) : out;
}

/** Whether a run that is in the folder goes on. A scheduler that starts a shard again wants that. */
export function isResumed({ resume, shard }: ComparisonRequest): boolean {
  return resume === true || shard === 'auto';
}

/** @throws {UsageError} If a run may have to be continued and nothing says where it is, or only then means something. */
export function requireFolderOfResumed(request: ComparisonRequest): void {
  const { resume, shard, out } = request;
  if (request.retryFailed === true && !isResumed(request)) {
    throw new UsageError(
      '--retry-failed needs --resume: it answers again what failed in a run that is continued',
    );
  }
  if (out !== undefined) return;
  if (resume === true) throw new UsageError('--resume needs --out: the folder of the run to continue');
  if (shard === 'auto') {
    throw new UsageError('--shard auto needs --out: the folder in which each shard makes its own', [
      'all shards are given the same one, and a shard that is started again finds its run there',
    ]);
  }
}

/**
 * Looks whether a run can be written there, without making the folder. The caller releases the lock.
 *
 * @param mayResume Whether a run that is in it goes on. Without one, a new run starts either way.
 * @throws {DataError}    If it cannot be written, or holds files of somebody else under the names of a run's.
 * @throws {JournalError} If it holds a run that is not to be continued, one that cannot be, or one that another
 *                        process works on.
 */
export async function claimFolder(
  path: string,
  mayResume: boolean,
  { onEvent, signal }: Pick<Surroundings, 'onEvent' | 'signal'>,
): Promise<ClaimedFolder> {
  const files = runFolder(path);
  await assertWritable(path);
  const onWait = (line: string): void => {
    onEvent({ kind: 'noted', line });
  };
  const lock = new RunLock(path, files.lock, { onWait, signal });
  const fresh = { files, lock, earlier: null, earlierRun: null, evidenced: null };
  if (!existsSync(files.journal)) {
    requireNothingForeign(files);
    return fresh;
  }
  if (!mayResume) {
    throw new JournalError(`${path}: holds a run already`, [
      'continue it with --resume, or choose another folder with --out',
    ]);
  }
  await lock.take();
  try {
    for (const folder of [path, files.charts]) await removeTemporaries(folder);
    // A process that was killed while it wrote the first line has recorded nothing.
    if (!(await hasHeader(files.journal))) {
      await rm(files.journal);
      return fresh;
    }
    const earlierRun = existsSync(files.runJson) ? await readRunJson(files.runJson) : null;
    return {
      files,
      lock,
      earlier: await readJournal(files.journal, earlierRun?.spec),
      earlierRun,
      evidenced: await scanTaskEvidence(files.tasks),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Counts what failed in the run that is continued as open, so that it is answered again. The journal still holds those
 * records; whoever opens it takes them out (`answer.ts`).
 *
 * @returns How many there are.
 */
export function reopenFailed({ earlier }: ClaimedFolder, { retryFailed }: ComparisonRequest): number {
  return retryFailed === true && earlier !== null ? earlier.records.dropFailed() : 0;
}

/** @throws {UsageError} If the run that is to be continued was another one, or another shard. */
export function requireSameRun(
  { files, earlier, earlierRun }: ClaimedFolder,
  run: Pick<RunJson, 'fingerprint' | 'spec' | 'shard'>,
): void {
  if (earlier === null) return;
  if (earlier.fingerprint !== run.fingerprint) {
    const changes = earlierRun === null ? [] : specChanges(earlierRun.spec, run.spec);
    throw new UsageError(`${files.path}: was made with other settings, data, models or versions`, [
      ...changes.map((change) => `then and now: ${describeChange(change)}`),
      'repeat the first command exactly and add --resume, or start a new run with another --out',
    ]);
  }
  if (earlierRun !== null && nameOfShard(earlierRun.shard) !== nameOfShard(run.shard)) {
    throw new UsageError(
      `${files.path}: holds ${nameOfShard(earlierRun.shard)}, and this command is for ${nameOfShard(run.shard)}`,
      ['give each shard a folder of its own with --out'],
    );
  }
}

function nameOfShard(shard: Shard | null): string {
  return shard === null ? 'a whole run' : `shard ${shard.index} of ${shard.count}`;
}
