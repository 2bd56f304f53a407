/**
 * @file Text files that somebody else wrote, read whole: configurations, tokenizers, descriptions, settings of runs.
 *
 * A link in a folder of a stranger may lead to a file without end, and a file may be of any size. So reading stops at
 * a limit instead of at the end of memory.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DataError } from '../domain/errors.js';

/**
 * Most bytes of a text that is read whole. The largest that models have are `tokenizer.json` files, of up to 35 MB;
 * `run.json` and baselines have less than 1 MB.
 */
export const MOST_TEXT_BYTES = 256 * 2 ** 20;

/**
 * Most bytes of one line of a file of JSON lines. The largest published lines hold all files of a repository, and
 * have some 10 MB.
 */
export const MOST_LINE_BYTES = 256 * 2 ** 20;

/** Bytes read at once, and where a file does not say how many there are. */
const PIECE_BYTES = 1 << 20;
const UNKNOWN_BYTES = 1 << 12;

/**
 * The text of a file; bytes that are not UTF-8 become U+FFFD.
 *
 * @throws {DataError} If it is longer than the limit.
 * @throws The error of the file system, if the file cannot be read.
 */
export function readForeignTextSync(path: string, most = MOST_TEXT_BYTES): string {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size > most) throw tooLong(path, `${size} bytes`, most);
    const pieces: Buffer[] = [];
    let total = 0;
    for (;;) {
      const left = size > total ? size - total : UNKNOWN_BYTES;
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, left));
      const read = readSync(descriptor, piece, 0, piece.length, null);
      if (read === 0) return Buffer.concat(pieces, total).toString('utf8');
      total += read;
      if (total > most) throw tooLong(path, `more than ${most} bytes`, most);
      pieces.push(piece.subarray(0, read));
    }
  } finally {
    closeSync(descriptor);
  }
}

/** As {@link readForeignTextSync}, for those who wait for a promise anyway. The files are small, so it reads at once. */
export function readForeignText(path: string, most?: number): Promise<string> {
  return new Promise((resolve) => {
    resolve(readForeignTextSync(path, most));
  });
}

function tooLong(path: string, has: string, most: number): DataError {
  return new DataError(`${path}: it has ${has}; a file of text is read up to ${most}`, [
    'such a file is not what its name says; fetch it again, or look at what it links to',
  ]);
}
