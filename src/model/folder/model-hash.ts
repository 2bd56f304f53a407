/**
 * @file Hashes of model files, and the identity of a model that is made of them.
 */

import { createHash } from 'node:crypto';

import { messageOf, ModelError } from '../../domain/errors.js';
import { rememberedFileHash } from '../../files/file-hash.js';

/**
 * Lower-case hexadecimal SHA-256 of a file's bytes.
 *
 * @throws {ModelError} If the file cannot be read.
 */
export async function modelFileHash(path: string): Promise<string> {
  try {
    return await rememberedFileHash(path);
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
}

/**
 * One hash over several files, in the given order, and a label for how they are used.
 *
 * @throws {ModelError} If a file cannot be read.
 */
export async function identityOf(label: string, paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(label);
  for (const path of paths) hash.update(`\n${await modelFileHash(path)}`);
  return hash.digest('hex');
}
