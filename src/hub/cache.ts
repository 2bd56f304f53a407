/**
 * @file The hub's cache folder, laid out as Hugging Face's Python library lays it out, so that both
 * use each other's files.
 *
 *   models--owner--name/
 *     refs/<revision>             text: the commit it stood for when it was last asked for
 *     snapshots/<commit>/<path>   links to the blobs
 *     blobs/<sha256 or git sha1>  the content
 *     .llava-eval/<commit>.json   this program's own: which files the hub has at that commit
 *
 * Python's library often fetches a part of a model only. The last of these tells a whole snapshot from such a part.
 *
 * `scanCacheDir` of `@huggingface/hub` 2.17 is not used: it counts only files at the top of a snapshot
 * and refuses a repository without refs.
 *
 * Source: huggingface_hub, "Understand caching".
 */

import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';

import { z } from 'zod';

import { DEFAULT_REVISION } from './reference.js';

const COMMIT = /^[0-9a-f]{40}$/;

const LIST = 'llava-eval/hub-files@1';
const listSchema = z.object({ schema: z.literal(LIST), files: z.array(z.string()) });

/** Whether a revision is a full commit id, which never moves. */
export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** The folder of one repository in the cache. */
export class CachedRepository {
  readonly dir: string;

  constructor(cacheDir: string, id: string) {
    this.dir = join(cacheDir, `models--${id.replaceAll('/', '--')}`);
  }

  blob(hash: string): string {
    return join(this.dir, 'blobs', hash);
  }

  snapshot(commit: string): string {
    return join(this.dir, 'snapshots', commit);
  }

  /** The commit a revision stood for when it was last asked for, or null. */
  commitOf(revision: string | null): string | null {
    const name = revision ?? DEFAULT_REVISION;
    if (isCommit(name)) return existsSync(this.snapshot(name)) ? name : null;
    try {
      const commit = readFileSync(join(this.dir, 'refs', ...name.split('/')), 'utf8').trim();
      return isCommit(commit) ? commit : null;
    } catch {
      return null;
    }
  }

  /** Paths of the files of a snapshot that are there; a link to a blob that is gone does not count. */
  async listing(commit: string): Promise<string[]> {
    const root = this.snapshot(commit);
    const entries = await readdir(root, { recursive: true }).catch(() => []);
    const files: string[] = [];
    for (const entry of entries) {
      const found = await stat(join(root, entry)).catch(() => null);
      if (found?.isFile() === true) files.push(entry.replaceAll('\\', '/'));
    }
    return files.sort();
  }

  /** Paths of all files that the repository has at a commit; null where this program never asked. */
  async knownFiles(commit: string): Promise<readonly string[] | null> {
    try {
      return listSchema.parse(JSON.parse(await readFile(this.#list(commit), 'utf8'))).files;
    } catch {
      return null;
    }
  }

  /** Remembers which files the repository has at a commit; that never changes. */
  async rememberFiles(commit: string, paths: readonly string[]): Promise<void> {
    if ((await this.knownFiles(commit)) !== null) return;
    const content = JSON.stringify({ schema: LIST, files: paths });
    await replace(this.#list(commit), (temporary) => writeFile(temporary, `${content}\n`));
  }

  #list(commit: string): string {
    return join(this.dir, '.llava-eval', `${commit}.json`);
  }

  /** Remembers what a branch or tag stands for. */
  async writeRef(revision: string | null, commit: string): Promise<void> {
    const name = revision ?? DEFAULT_REVISION;
    if (isCommit(name) || this.commitOf(revision) === commit) return;
    await replace(join(this.dir, 'refs', ...name.split('/')), (temporary) => writeFile(temporary, commit));
  }

  /** Makes a blob appear in a snapshot under its path. */
  async link(commit: string, path: string, hash: string): Promise<string> {
    const target = join(this.snapshot(commit), ...path.split('/'));
    const blob = this.blob(hash);
    await replace(target, async (temporary) => {
      try {
        await symlink(relative(dirname(target), blob), temporary);
      } catch {
        copyFileSync(blob, temporary); // Windows allows links only to some users.
      }
    });
    return target;
  }
}

/** One repository in the cache. */
export interface CachedModel {
  readonly id: string;
  /** Sum over the blobs. */
  readonly bytes: number;
  readonly snapshots: readonly { readonly commit: string; readonly refs: readonly string[] }[];
}

/** All models in a cache folder, by id. */
export async function cachedModels(cacheDir: string): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  const folders = await readdir(cacheDir, { withFileTypes: true }).catch(() => []);
  for (const folder of folders) {
    const id = /^models--(.+)$/.exec(folder.name)?.[1]?.replaceAll('--', '/');
    if (id === undefined || !folder.isDirectory()) continue;
    const repository = new CachedRepository(cacheDir, id);
    const commits = await readdir(join(repository.dir, 'snapshots')).catch(() => []);
    const refs = (await readdir(join(repository.dir, 'refs'), { recursive: true }).catch(() => []))
      .map((name) => name.replaceAll('\\', '/'))
      .map((name) => ({ name, commit: repository.commitOf(name) }));
    const snapshots = commits.filter(isCommit).map((commit) => ({
      commit,
      refs: refs.filter((ref) => ref.commit === commit).map(({ name }) => name),
    }));
    if (snapshots.length > 0)
      models.push({ id, bytes: await sizeOf(join(repository.dir, 'blobs')), snapshots });
  }
  return models.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.includes('.')) continue; // On its way.
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}

/** Makes a file or link under a temporary name and renames it: others see the old one or the new one. */
async function replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await make(temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
