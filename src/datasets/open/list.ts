/**
 * @file The datasets that can be named by an id, and which of them are on this machine.
 */

import { defaultCacheDir } from '../../files/cache-dir.js';
import { isPulled } from '../published/cache.js';
import { PUBLISHED_SETS } from '../published/catalog.js';
import { isFetched, REGISTERED } from './registry.js';

/** One dataset of the list. */
export interface ListedDataset {
  readonly id: string;
  /** For people, in one line. */
  readonly title: string;
  readonly state: 'included' | 'fetched' | 'not fetched yet';
  /** Of a published set: as its source states it. */
  readonly licence?: string;
  /** Of a published set: what can stand behind a colon after its id. */
  readonly parts?: readonly string[];
  /** Of a published set: which retrievers can work on it, for people. */
  readonly retrieval?: string;
}

/**
 * Lists the datasets that come with the program, then the published ones that it can fetch.
 *
 * @example (await listDatasets()).filter(({ state }) => state !== 'not fetched yet') // what opens offline
 */
export async function listDatasets(cacheDir: string = defaultCacheDir()): Promise<ListedDataset[]> {
  const listed: ListedDataset[] = [];
  for (const { id, title, fetched } of REGISTERED) {
    const state = !fetched ? 'included' : await stateOf(isFetched(id, cacheDir));
    listed.push({ id, title, state });
  }
  for (const set of PUBLISHED_SETS) {
    const { id, title, tasks, licence, parts, retrieval } = set;
    const state = await stateOf(isPulled(cacheDir, set));
    listed.push({ id, title: `${title}, ${tasks}`, state, licence, parts: Object.keys(parts), retrieval });
  }
  return listed;
}

async function stateOf(isHere: Promise<boolean>): Promise<ListedDataset['state']> {
  return (await isHere) ? 'fetched' : 'not fetched yet';
}
