/**
 * @file The journal: a header line, then one line per finished record. Append-only; the truth.
 *
 * On disk after a crash: every line but possibly the last is whole. A torn last line is cut off when
 * the journal is opened again and its record runs again; damage anywhere else is an error.
 */

import { open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { DataError, JournalError, messageOf } from '../domain/errors.js';
import { parseRecord, recordKey, type TaskRecord } from './record.js';

const SCHEMA = 'llava-eval/journal@2';

const headerSchema = z.looseObject({ schema: z.literal(SCHEMA), fingerprint: z.string() });
const olderSchema = z.looseObject({ schema: z.literal('llava-eval/journal@1') });

export interface JournalContent {
  readonly fingerprint: string;
  readonly records: readonly TaskRecord[];
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
}

/**
 * Reads a journal.
 *
 * @throws {JournalError} With file and line, if it cannot be read, is no journal, holds a damaged line
 *         before the last, or holds a record twice.
 */
export async function readJournal(path: string): Promise<JournalContent> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new JournalError(
      `${path}: cannot be read: ${messageOf(error)}`,
      ['a run folder holds journal.jsonl; --resume continues one and starts none'],
      {
        cause: error,
      },
    );
  }
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, wholeBytes).toString('utf8').split('\n').slice(0, -1);
  const [first, ...rest] = lines;
  const head = first === undefined ? undefined : parseJson(first, path, 1);
  const header = headerSchema.safeParse(head);
  if (!header.success) {
    if (olderSchema.safeParse(head).success) throw olderVersion(path, 'llava-eval/journal@1', SCHEMA);
    throw new JournalError(`${path}:1: not the header of a ${SCHEMA} file`, [
      'the file was not written by llava-eval, or by another version; start a new run with another --out',
    ]);
  }
  const seen = new Set<string>();
  const records = rest.map((line, i) => {
    const at = `${path}:${i + 2}`;
    const record = parseRecord(parseJson(line, path, i + 2));
    if ('problem' in record) {
      throw new JournalError(`${at}: ${record.problem}`, [
        'the line is damaged; remove it to run its task again',
      ]);
    }
    const key = recordKey(record.taskId, record);
    if (seen.has(key)) {
      throw new JournalError(`${at}: ${key} is recorded twice`, [
        'two runs wrote to the same folder; start a new one',
      ]);
    }
    seen.add(key);
    return record;
  });
  return { fingerprint: header.data.fingerprint, records, wholeBytes };
}

/** The refusal of a file whose records lack what the present ones have. */
export function olderVersion(path: string, found: string, expected: string): JournalError {
  return new JournalError(`${path}: is a ${found} file; this version reads ${expected}`, [
    'older records lack their top-k and the second timing of the A/A comparison',
    'report it with the version that wrote it, or start a new run with another --out',
  ]);
}

function parseJson(line: string, path: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new JournalError(
      `${path}:${number}: not JSON: ${messageOf(error)}`,
      ['the line is damaged; remove it to run its task again'],
      { cause: error },
    );
  }
}

/** An open journal; records reach the file in the order of the calls, one write each. */
export class JournalWriter {
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Starts a new journal. @throws {JournalError} If there is one already. */
  static async create(path: string, fingerprint: string): Promise<JournalWriter> {
    let file: FileHandle;
    try {
      file = await open(path, 'ax');
    } catch (error) {
      throw new JournalError(
        `${path}: cannot be created: ${messageOf(error)}`,
        ['continue an earlier run with --resume, or choose another folder with --out'],
        { cause: error },
      );
    }
    const writer = new JournalWriter(file, path);
    await writer.#write({ schema: SCHEMA, fingerprint });
    return writer;
  }

  /** Opens a journal that `readJournal` has read, without its torn last line. */
  static async reopen(path: string, { wholeBytes }: JournalContent): Promise<JournalWriter> {
    await truncate(path, wholeBytes);
    return new JournalWriter(await open(path, 'a'), path);
  }

  async append(record: TaskRecord): Promise<void> {
    await this.#write(record);
  }

  /** Flushes to the disk and closes. */
  async close(): Promise<void> {
    await this.#file.sync();
    await this.#file.close();
  }

  async #write(value: object): Promise<void> {
    try {
      await this.#file.appendFile(`${JSON.stringify(value)}\n`, 'utf8');
    } catch (error) {
      throw new DataError(
        `${this.#path}: cannot be written: ${messageOf(error)}`,
        ['what was recorded is kept; make room and continue with --resume'],
        { cause: error },
      );
    }
  }
}
