/**
 * @file SHA-256 of every file of a model, for the record of a run; files of the hub's cache are checked
 * against the hash they are stored under.
 */

import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { ModelError } from '../domain/errors.js';
import { modelFileHash } from '../model/folder/model-hash.js';
import { gitHashOf } from './fetch-file.js';
import type { LocalModel } from './resolve.js';

/**
 * Lower-case hexadecimal SHA-256 of each file in use, by its path inside the model.
 *
 * @throws {ModelError} If a file of the cache is not what its name says.
 */
export async function contentHashes(model: LocalModel): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const file of model.files) {
    const path = join(model.root, file);
    hashes[file] = await modelFileHash(path);
    if (model.origin === null) continue;
    const blob = await realpath(path);
    const expected = basename(blob);
    let found = expected;
    if (/^[0-9a-f]{64}$/.test(expected)) found = hashes[file];
    else if (/^[0-9a-f]{40}$/.test(expected)) found = await gitHashOf(blob);
    if (found !== expected) {
      throw new ModelError(`${model.name}: ${file} in the cache is damaged`, [
        `${blob} has the hash ${found}`,
        'delete that file and run `llava-eval models pull` to fetch it again',
      ]);
    }
  }
  return hashes;
}
