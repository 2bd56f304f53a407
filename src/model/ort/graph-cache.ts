/**
 * @file Graphs of large models on disk, so that they are built once and the runtime can map their weights.
 *
 *   graphs/<name>-<key>/graph.json   size and SHA-256 of every other file
 *                      /model.onnx   and whatever else belongs to the graph
 *
 * A folder is filled under a temporary name and then renamed, so whoever finds it finds it whole. What happens to it
 * later, such as a truncated or deleted file, is found by sizes and hashes before it is used. A damaged graph is removed
 * with a note and made anew. All graphs together have a limit in bytes; those that were not used for longest go first.
 * What a killed process left behind goes after an hour.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { formatBytes } from '../../domain/units.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { fileHash } from '../../files/file-hash.js';
import { adviceFor } from '../../files/file-system-error.js';

const SCHEMA = 'llava-eval/graph@1';
const MANIFEST = 'graph.json';

/** Bytes that all kept graphs may take. One of 7 billion weights in fp32 has 28 GB. */
const DEFAULT_CACHE_BYTES = 64 * 2 ** 30;
/** A folder that is being filled is written to all the time. */
const ABANDONED_MS = 60 * 60_000;
/** Bytes to leave free beside a graph, since a full disk breaks more than this program. */
const SPARE_BYTES = 256 * 1024 * 1024;

const manifestSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  files: z.record(z.string(), z.strictObject({ bytes: z.int().nonnegative(), sha256: z.string() })),
});

/** Where graphs are kept if nothing else is said. */
export function defaultGraphDir(): string {
  return join(defaultCacheDir(), 'graphs');
}

export interface GraphCacheOptions {
  /** {@link defaultGraphDir} if absent. */
  readonly cacheDir?: string | undefined;
  /** Told in one line of a graph that cannot be used and is made anew. */
  readonly onNote?: ((line: string) => void) | undefined;
  readonly mostBytes?: number;
}

/** A graph that may have to be made. */
export interface CachedGraph {
  /** For people; the beginning of its folder's name. */
  readonly name: string;
  /** Everything that decides its content. */
  readonly content: readonly (string | Uint8Array)[];
  /** Room that its files need. */
  readonly bytes: number;
  /** Called before anything is written, to find out whether the work is of any use. */
  readonly prepare: () => Promise<void>;
  /** Writes its files into an empty folder. */
  readonly fill: (folder: string) => Promise<void>;
}

/**
 * The folder of a graph, filled if it is not there or is damaged.
 *
 * @throws {ModelError} If it cannot be stored.
 * @throws What `prepare` throws.
 */
export async function cachedGraph(graph: CachedGraph, options: GraphCacheOptions): Promise<string> {
  const cacheDir = options.cacheDir ?? defaultGraphDir();
  const hash = createHash('sha256');
  for (const part of graph.content) hash.update(part);
  const folder = join(cacheDir, `${graph.name}-${hash.digest('hex').slice(0, 32)}`);
  if (await isUsable(folder, options)) return folder;
  await graph.prepare();
  await store(graph, cacheDir, folder);
  await makeRoom(cacheDir, folder, options.mostBytes ?? DEFAULT_CACHE_BYTES);
  return folder;
}

/** Whether a graph is there and whole; a damaged one is removed. */
async function isUsable(folder: string, { onNote }: GraphCacheOptions): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const problem = await problemOf(folder);
  if (problem === null) {
    const now = new Date();
    // A cache that can only be read serves all the same.
    await utimes(join(folder, MANIFEST), now, now).catch(() => undefined);
    return true;
  }
  onNote?.(`${folder}: not used and removed: ${problem}; the graph is made anew`);
  await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
    throw unstorable(folder, error);
  });
  return false;
}

/** What is wrong with the files of a graph, in words; null if nothing is. */
async function problemOf(folder: string): Promise<string | null> {
  try {
    const manifest = manifestSchema.safeParse(parseJson(await readFile(join(folder, MANIFEST), 'utf8')));
    if (!manifest.success) return `${MANIFEST} is not one of this version`;
    for (const [name, { bytes, sha256 }] of Object.entries(manifest.data.files)) {
      const { size } = await stat(join(folder, name));
      if (size !== bytes) return `${name} has ${size} bytes instead of ${bytes}`;
      if ((await fileHash(join(folder, name))) !== sha256)
        return `${name} has another content than was written`;
    }
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

async function store({ name, bytes, fill }: CachedGraph, cacheDir: string, folder: string): Promise<void> {
  const partial = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(partial, { recursive: true });
    await requireSpace(cacheDir, name, bytes);
    await fill(partial);
    await writeFile(join(partial, MANIFEST), `${JSON.stringify(await manifestOf(partial))}\n`);
    await rename(partial, folder);
  } catch (error) {
    // The failure matters more than a temporary folder that stays behind.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    // Another process may have been faster; its folder has the same content.
    if (existsSync(folder) && (await problemOf(folder)) === null) return;
    throw error instanceof ModelError ? error : unstorable(folder, error);
  }
}

async function manifestOf(folder: string): Promise<z.infer<typeof manifestSchema>> {
  const files: z.infer<typeof manifestSchema>['files'] = {};
  for (const entry of await readdir(folder, { recursive: true })) {
    const path = join(folder, entry);
    const found = await stat(path);
    if (!found.isFile()) continue;
    files[entry.replaceAll('\\', '/')] = { bytes: found.size, sha256: await fileHash(path) };
  }
  return { schema: SCHEMA, files };
}

/** @throws {ModelError} If a graph of that size would fill the disk; found out before it is written. */
async function requireSpace(folder: string, name: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes + SPARE_BYTES <= free) return;
  throw new ModelError(
    `${folder}: the built ${name} needs ${formatBytes(bytes)}, ${formatBytes(free)} are free there`,
    [
      'graphs of large models are kept on disk, so that they are built once',
      'make room, or let LLAVA_EVAL_CACHE name a folder on a larger disk; --dtype fp16, int8 and int4 need less',
    ],
  );
}

function unstorable(folder: string, cause: unknown): ModelError {
  return new ModelError(
    `${folder}: the built graph cannot be stored: ${messageOf(cause)}`,
    [
      ...adviceFor(cause),
      'graphs of large models are kept on disk; LLAVA_EVAL_CACHE names another folder for the cache',
    ],
    { cause },
  );
}

/** Removes what killed processes left, and graphs from the one that was not used for longest until the rest fits. */
async function makeRoom(cacheDir: string, own: string, mostBytes: number): Promise<void> {
  const graphs: { path: string; bytes: number; usedAt: number }[] = [];
  for (const entry of await readdir(cacheDir, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory()) continue;
    const path = join(cacheDir, entry.name);
    const { bytes, changedAt } = await extentOf(path);
    if (entry.name.endsWith('.tmp')) {
      if (Date.now() - changedAt > ABANDONED_MS) await rm(path, { recursive: true, force: true });
    } else if (existsSync(join(path, MANIFEST)) && path !== own) {
      graphs.push({ path, bytes, usedAt: (await stat(join(path, MANIFEST))).mtimeMs });
    }
  }
  graphs.sort((a, b) => b.usedAt - a.usedAt);
  let kept = (await extentOf(own)).bytes;
  for (const { path, bytes } of graphs) {
    kept += bytes;
    if (kept > mostBytes) await rm(path, { recursive: true, force: true });
  }
}

/** Bytes of a folder, and when one of its files was last written. Files that vanish meanwhile count as nothing. */
async function extentOf(folder: string): Promise<{ readonly bytes: number; readonly changedAt: number }> {
  let bytes = 0;
  let changedAt = (await stat(folder).catch(() => null))?.mtimeMs ?? 0;
  for (const entry of await readdir(folder, { recursive: true }).catch(() => [])) {
    const found = await stat(join(folder, entry)).catch(() => null);
    if (found?.isFile() !== true) continue;
    bytes += found.size;
    changedAt = Math.max(changedAt, found.mtimeMs);
  }
  return { bytes, changedAt };
}
