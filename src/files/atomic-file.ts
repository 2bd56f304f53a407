/**
 * @file Files that are either the old one or the new one, never half of the new one.
 */

import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../domain/errors.js';
import { notWritable } from './file-system-error.js';

/**
 * Writes a text through a temporary file beside it, flushed and then renamed.
 *
 * @throws {DataError} If the folder cannot be written; an earlier file of that name is then unchanged.
 */
export async function writeAtomically(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, [text]);
  } catch (error) {
    throw notWritable(path, error);
  }
}

/** A file in parts, texts in UTF-8; made one by one where they come from a generator. */
export type FileParts = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

/**
 * The same for a text that is too long to be in memory: its lines, to each of which a newline is added.
 *
 * @throws {DataError} If the folder cannot be written; an earlier file of that name is then unchanged.
 */
export async function writeLinesAtomically(path: string, lines: Iterable<string>): Promise<void> {
  const file = await AtomicLines.open(path);
  try {
    for (const line of lines) await file.write(line);
    await file.commit();
  } finally {
    await file.discard();
  }
}

/**
 * The same for a file of several parts, of which one is in memory at a time.
 *
 * @throws {DataError} If the folder cannot be written; an earlier file of that name is then unchanged.
 * @throws {DataError} What the making of a part throws.
 */
export async function writePartsAtomically(path: string, parts: FileParts): Promise<void> {
  try {
    await replaceFile(path, parts);
  } catch (error) {
    throw error instanceof DataError ? error : notWritable(path, error);
  }
}

/**
 * The same with the error as it is.
 *
 * @throws The error of the file system; an earlier file of that name is then unchanged.
 */
export async function replaceFile(path: string, parts: FileParts): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      for await (const part of parts) await file.writeFile(part, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** As {@link replaceFile} and {@link AtomicLines} name their temporary files. */
const TEMPORARY = /\.[0-9a-f]{8}\.tmp$/;

/** Removes the temporary files that a killed process left in a folder. The caller knows that no other process writes there. */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** Lines gathered before they are written; an output of many small ones then costs few calls. */
const FLUSH_CHARACTERS = 1 << 18;

/**
 * A file written line by line through a temporary one: it appears, whole, with `commit`, and not at all
 * with `discard`.
 */
export class AtomicLines {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #pending = '';

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** @throws {DataError} If the folder cannot be written. */
  static async open(path: string): Promise<AtomicLines> {
    const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      return new AtomicLines(path, temporary, await open(temporary, 'wx'));
    } catch (error) {
      throw notWritable(path, error);
    }
  }

  /** Adds one line; its newline is added here. */
  async write(line: string): Promise<void> {
    this.#pending += `${line}\n`;
    if (this.#pending.length >= FLUSH_CHARACTERS) await this.#flush();
  }

  /** @throws {DataError} If the disk is full or the file cannot be renamed; nothing is left then. */
  async commit(): Promise<void> {
    try {
      await this.#flush();
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#temporary, this.#path);
    } catch (error) {
      await this.discard();
      throw error instanceof DataError ? error : notWritable(this.#path, error);
    }
  }

  /** Leaves an earlier file of that name as it was. Harmless after `commit`. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#pending;
    this.#pending = '';
    try {
      await this.#file.writeFile(text, 'utf8');
    } catch (error) {
      throw notWritable(this.#path, error);
    }
  }
}
