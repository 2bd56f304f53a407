/**
 * @file Append-only files of JSON lines, as a run writes them and a crash leaves them.
 *
 * On disk after a crash: every line but possibly the last is whole. A torn last line is cut off when the
 * file is opened again; damage anywhere else is an error of whoever reads the lines.
 */

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, truncate, type FileHandle } from 'node:fs/promises';
import { DataError, JournalError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { MOST_LINE_BYTES } from './foreign-text-file.js';

export interface WholeLines {
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
}

/** Bytes read at once. */
const PIECE_BYTES = 1 << 20;

/**
 * Reads the whole lines of a file, one after the other: neither the file nor its values are ever in memory
 * together, nor need the file fit into a string.
 *
 * @param repair  What to do about a line that is not JSON.
 * @param onValue Given each parsed line with its number, the first being 1; awaited before the next.
 * @param most    Most bytes of a line.
 * @throws {JournalError} With file and line, if a whole line is not JSON, or if a line is longer.
 * @throws The error of the file system, if the file cannot be read.
 */
export async function readWholeLines(
  path: string,
  repair: string,
  onValue: (value: unknown, line: number) => void | Promise<void>,
  most = MOST_LINE_BYTES,
): Promise<WholeLines> {
  let wholeBytes = 0;
  let line = 0;
  /** The beginning of a line whose end has not been read. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      const bytes = Buffer.concat([...pending, piece.subarray(start, end)]);
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      line++;
      wholeBytes += bytes.length + 1;
      await onValue(parsed(bytes, `${path}:${line}`, repair), line);
    }
    if (start === piece.length) continue;
    pending.push(piece.subarray(start));
    pendingBytes += piece.length - start;
    if (pendingBytes > most) {
      throw new JournalError(`${path}:${line + 1}: the line is longer than ${most} bytes`, [repair]);
    }
  }
  return { wholeBytes };
}

const NEWLINE = 0x0a;

function parsed(bytes: Buffer, where: string, repair: string): unknown {
  try {
    if (!isUtf8(bytes)) throw new Error('it is not UTF-8');
    return parseJson(bytes.toString('utf8'));
  } catch (error) {
    throw new JournalError(`${where}: not JSON: ${messageOf(error)}`, [repair], { cause: error });
  }
}

/** An open file of lines; values reach it in the order of the calls, one write each. */
export class LineWriter {
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Starts a new file. @throws {JournalError} If there is one already. */
  static async create(path: string): Promise<LineWriter> {
    try {
      return new LineWriter(await open(path, 'ax'), path);
    } catch (error) {
      throw new JournalError(
        `${path}: cannot be created: ${messageOf(error)}`,
        ['continue an earlier run with --resume, or choose another folder with --out'],
        { cause: error },
      );
    }
  }

  /** Starts a file anew, in a folder that belongs to the caller. @throws {DataError} If it cannot be made. */
  static async replace(path: string): Promise<LineWriter> {
    try {
      return new LineWriter(await open(path, 'w'), path);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Opens a file that has been read, without its torn last line. */
  static async reopen(path: string, { wholeBytes }: Pick<WholeLines, 'wholeBytes'>): Promise<LineWriter> {
    await truncate(path, wholeBytes);
    return new LineWriter(await open(path, 'a'), path);
  }

  /** @throws {DataError} If the disk is full or gone, or the file was removed; earlier lines are kept. */
  async append(value: object): Promise<void> {
    try {
      // The system takes lines for a file that was removed, and loses them.
      if ((await this.#file.stat()).nlink === 0) throw new Error('it was removed while the run wrote it');
      await this.#file.appendFile(`${JSON.stringify(value)}\n`, 'utf8');
    } catch (error) {
      throw unwritable(this.#path, error);
    }
  }

  /** Flushes to the disk and closes. @throws {DataError} If the disk did not take what was written. */
  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw unwritable(this.#path, error);
    } finally {
      await this.#file.close();
    }
  }
}

function unwritable(path: string, cause: unknown): DataError {
  return new DataError(
    `${path}: cannot be written: ${messageOf(cause)}`,
    ['what was recorded is kept; make room and continue with --resume'],
    { cause },
  );
}
