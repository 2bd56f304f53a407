/**
 * @file SHA-256 of files, read once per process.
 *
 * Weights are hashed for the identity of a model and again for the record of a run; the second time
 * costs nothing unless the file changed in between.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { messageOf, ModelError } from '../domain/errors.js';

/** Hashes by path, size and time of change. */
const known = new Map<string, string>();

/**
 * Lower-case hexadecimal SHA-256 of a file's bytes.
 *
 * @throws {ModelError} If the file cannot be read.
 */
export async function sha256OfFile(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    const key = `${path}\0${size}\0${mtimeMs}`;
    let digest = known.get(key);
    if (digest === undefined) {
      const hash = createHash('sha256');
      await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
      digest = hash.digest('hex');
      known.set(key, digest);
    }
    return digest;
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
}

/** One hash over several files, in the given order, and a label for how they are used. */
export async function identityOf(label: string, paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(label);
  for (const path of paths) hash.update(`\n${await sha256OfFile(path)}`);
  return hash.digest('hex');
}
