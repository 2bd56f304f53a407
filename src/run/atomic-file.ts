/**
 * @file Files that are either the old one or the new one, never half of the new one.
 */

import { open, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { DataError, messageOf } from '../domain/errors.js';

/**
 * Writes a text through a temporary file beside it, flushed and then renamed.
 *
 * @throws {DataError} If the folder cannot be written; an earlier file of that name is then unchanged.
 */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new DataError(
      `${path}: cannot be written: ${messageOf(error)}`,
      ['choose another folder with --out'],
      {
        cause: error,
      },
    );
  }
}
