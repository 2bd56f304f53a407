/**
 * @file SHA-256 of every file of a model, for the record of a run; files of the hub's cache are checked
 * against the hash they are stored under, and fetched again if they are damaged.
 */

import { realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { ModelError } from '../domain/errors.js';
import { modelFileHash } from '../model/folder/model-hash.js';
import { gitHashOf } from './fetch-file.js';
import { resolveModel, type LocalModel, type ResolveOptions } from './resolve.js';
import type { FileRole } from './wanted-files.js';

/** A file of the hub's cache is not what its name says. */
class DamagedBlobError extends ModelError {
  readonly blob: string;

  constructor(model: string, file: string, blob: string, found: string) {
    super(`${model}: ${file} in the cache is damaged`, [
      `${blob} has the hash ${found}`,
      'delete that file and run `llava-eval models pull` to fetch it again',
    ]);
    this.blob = blob;
  }
}

/** A model on this machine, and the SHA-256 of each file in use by its path inside the model. */
export interface HashedModel {
  readonly model: LocalModel;
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Brings a model to this machine and hashes its files. What is damaged in the hub's cache is removed with a note and
 * fetched again.
 *
 * @param reference See `reference.ts`.
 * @throws {ModelError} As {@link resolveModel}, and if a file is damaged and cannot be fetched again.
 */
export async function resolveHashed(
  reference: string,
  role: FileRole,
  options: ResolveOptions,
): Promise<HashedModel> {
  const mended = new Set<string>();
  for (;;) {
    const model = await resolveModel(reference, role, options);
    try {
      return { model, files: await contentHashes(model) };
    } catch (error) {
      if (!(error instanceof DamagedBlobError) || mended.has(error.blob)) throw error;
      mended.add(error.blob);
      options.progress?.note(`${error.message}; it is removed and fetched again`);
      await rm(error.blob, { force: true });
    }
  }
}

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
      throw new DamagedBlobError(model.name, file, blob, found);
    }
  }
  return hashes;
}
