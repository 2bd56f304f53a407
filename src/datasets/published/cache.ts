/**
 * @file Published sets on this machine: `<cache>/published/<folder>/`, and `set.json` in it, which says
 * what was fetched, from where, and with which hash.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../../files/atomic-file.js';
import type { PublishedSet } from './catalog.js';
import { parseJson } from '../../domain/json.js';
import { readForeignText } from '../../files/foreign-text-file.js';

const recordSchema = z.object({
  schema: z.literal('llava-eval/published-set@1'),
  files: z.array(
    z.object({
      /** In the set's folder. */
      path: z.string(),
      url: z.string(),
      bytes: z.int(),
      sha256: z.string(),
      holds: z.enum(['records', 'repositories']),
      /** Whether the source stated the hash; else it was recorded when the file was first fetched. */
      hashStated: z.boolean(),
    }),
  ),
});

export type FetchedFile = z.output<typeof recordSchema>['files'][number];

export function setFolder(cacheDir: string, set: PublishedSet): string {
  return join(cacheDir, 'published', set.folder);
}

/** What was fetched for a folder, sets that share it included; empty where nothing was. */
export async function fetchedFiles(folder: string): Promise<readonly FetchedFile[]> {
  try {
    return recordSchema.parse(parseJson(await readForeignText(join(folder, 'set.json')))).files;
  } catch {
    return [];
  }
}

/** Adds a fetched file to the record, replacing an earlier one of its path. */
export async function recordFetched(folder: string, file: FetchedFile): Promise<void> {
  const files = [...(await fetchedFiles(folder)).filter(({ path }) => path !== file.path), file];
  const target = join(folder, 'set.json');
  const text = `${JSON.stringify({ schema: 'llava-eval/published-set@1', files }, null, 2)}\n`;
  await writeAtomically(target, text);
}

/** Whether everything that a set's sources name was fetched and is there. */
export async function isPulled(cacheDir: string, set: PublishedSet): Promise<boolean> {
  const folder = setFolder(cacheDir, set);
  const fetched = await fetchedFiles(folder);
  return set.sources.every((source) =>
    source.kind === 'github'
      ? fetched.some(({ path }) => source.path.endsWith(`/${path}`))
      : fetched.some(({ path }) => source.pattern.test(path)),
  );
}

/** Folder into which an archive of records is unpacked. */
export function unpackedName(path: string): string {
  return `${path}.d`;
}

/** Paths of all files below a folder that a part's pattern picks, in code-unit order. */
export async function filesOfPart(folder: string, pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (pattern.test(path.slice(folder.length + 1).replaceAll('\\', '/'))) found.push(path);
  }
  return found.sort();
}
