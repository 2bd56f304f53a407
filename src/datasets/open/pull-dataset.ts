/**
 * @file Brings a dataset here by its id, once somebody has agreed to its size and licence.
 */

import { UsageError } from '../../domain/errors.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { nearestName } from '../../metrics/nearest-name.js';
import { isPulled, setFolder } from '../published/cache.js';
import { findPublished, type PublishedSet } from '../published/catalog.js';
import { carryOut, planPull, type PullHooks, type PullOptions, type PullPlan } from '../published/pull.js';
import { openDataset } from './open-dataset.js';
import { findRegistered, knownIds } from './registry.js';

/** What is told while a dataset is brought here, and the one question. */
export interface PullTalk extends PullHooks {
  /** What is known of a published set, before its source is asked. */
  readonly onSet?: (set: PublishedSet) => void;
  /** Whether to carry the plan out, which names size, files and folder. Nothing is fetched before. */
  readonly agrees: (plan: PullPlan) => Promise<boolean>;
}

/** What came of it. */
export type PullOutcome =
  /** A set that comes with the program: its packages are here and every hash agrees. */
  | { readonly kind: 'opened'; readonly id: string; readonly tasks: number; readonly repositories: number }
  /** A published set that was here already. */
  | { readonly kind: 'present'; readonly set: PublishedSet; readonly folder: string }
  | { readonly kind: 'declined'; readonly set: PublishedSet }
  | { readonly kind: 'fetched'; readonly set: PublishedSet };

/**
 * Brings a dataset here; later uses work offline.
 *
 * @param id One of `listDatasets`.
 * @throws {UsageError}    If there is no such id.
 * @throws {DownloadError} If a source cannot be reached.
 * @throws {DataError}     If what arrives is not what was fetched before, or an archive is refused.
 * @example
 * await pullDataset('cceval-python', { agrees: (plan) => Promise.resolve(plan.bytesToFetch !== null) });
 */
export async function pullDataset(
  id: string,
  { onSet, agrees, ...hooks }: PullTalk,
  options: Omit<PullOptions, 'cacheDir'> & { readonly cacheDir?: string } = {},
): Promise<PullOutcome> {
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const published = findPublished(id);
  if (published === null) return openRegistered(id, cacheDir, hooks);
  const { set } = published;
  if (options.again !== true && (await isPulled(cacheDir, set))) {
    return { kind: 'present', set, folder: setFolder(cacheDir, set) };
  }
  onSet?.(set);
  const plan = await planPull(set, { ...options, cacheDir });
  if (!(await agrees(plan))) return { kind: 'declined', set };
  await carryOut(plan, { ...options, cacheDir }, hooks);
  return { kind: 'fetched', set };
}

/** Opening a set that comes with the program fetches what it lacks. */
async function openRegistered(id: string, cacheDir: string, { onNote }: PullHooks): Promise<PullOutcome> {
  if (findRegistered(id) === undefined) {
    const meant = nearestName(id, knownIds());
    throw new UsageError(`"${id}" is not a dataset that can be fetched`, [
      ...(meant === null ? [] : [`did you mean "${meant}"?`]),
      `known: ${knownIds().join(', ')}`,
    ]);
  }
  const { tasks, sources } = await openDataset(id, {
    cacheDir,
    ...(onNote === undefined ? {} : { onProgress: onNote }),
  });
  return { kind: 'opened', id, tasks: tasks.length, repositories: sources.length };
}
