/**
 * @file SHA-256 of a file's bytes, streamed. Errors are those of the file system: what they mean is up to the
 * caller.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/** Bytes read at once. */
const PIECE_BYTES = 1 << 20;

/** Reads the whole file. @returns Lower-case hexadecimal. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: PIECE_BYTES }), hash);
  return hash.digest('hex');
}

/** Hashes by path, size and time of change. */
const known = new Map<string, string>();

/**
 * The same, read once per process unless size or time of change differ: weights are hashed for the identity
 * of a model and again for the record of a run.
 */
export async function rememberedFileHash(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = `${path}\0${size}\0${mtimeMs}`;
  const digest = known.get(key) ?? (await fileHash(path));
  known.set(key, digest);
  return digest;
}
