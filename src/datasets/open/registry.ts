/**
 * @file The datasets that come with the program, by id.
 */

import { fileURLToPath } from 'node:url';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { isOfPackages, readDescription } from '../description.js';
import { REGISTRY_OF } from '../packages/all.js';
import { cachedFolder } from '../packages/package-cache.js';
import { PUBLISHED_SETS } from '../published/catalog.js';
import { isFolder } from '../repository/source-folder.js';

export interface RegisteredDataset {
  readonly id: string;
  /** One line for `datasets list`. */
  readonly title: string;
  /** Whether the first use needs the network. */
  readonly fetched: boolean;
  /** How many tasks a run without a limit takes: minutes, not an hour, on two cores. Null for all. */
  readonly sample: number | null;
}

/** The dataset of a run that names none. */
export const DEFAULT_DATASET = 'npm-ts-lines';

export const REGISTERED: readonly RegisteredDataset[] = [
  {
    id: DEFAULT_DATASET,
    title: '1,600 lines of eight TypeScript packages, fetched with npm at first use',
    fetched: true,
    sample: 80,
  },
  {
    id: 'pypi-py-lines',
    title: '1,600 lines of eight Python packages, fetched with pip at first use',
    fetched: true,
    sample: 80,
  },
  {
    id: 'tiny',
    title: 'a dozen lines of two small hand-made repositories, offline',
    fetched: false,
    sample: null,
  },
];

/** The registered dataset of an id, if there is one. */
export function findRegistered(id: string): RegisteredDataset | undefined {
  return REGISTERED.find((entry) => entry.id === id);
}

/** The folder of a registered dataset inside the installed program. */
export function registeredFolder(id: string): string {
  // Three levels up from both src/datasets/open and dist/datasets/open.
  return fileURLToPath(new URL(`../../../datasets/${id}`, import.meta.url));
}

/** Whether all packages of a registered dataset lie in the cache, so that it opens offline. */
export async function isFetched(id: string, cacheDir: string = defaultCacheDir()): Promise<boolean> {
  const description = await readDescription(registeredFolder(id));
  if (!isOfPackages(description)) return true;
  const { hash } = REGISTRY_OF[description.kind];
  for (const pin of description.packages) {
    if (!(await isFolder(cachedFolder(cacheDir, pin, hash)))) return false;
  }
  return true;
}

/** Every id that names a set, those of published sets included. */
export function knownIds(): string[] {
  return [...REGISTERED, ...PUBLISHED_SETS].map(({ id }) => id);
}
