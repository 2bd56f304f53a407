/**
 * @file The journal: a header line, then one line per finished record. Lines are only appended, and all reports follow
 * from them. Only `--retry-failed` takes lines away, those of records that failed, in one step (`withoutFailed`).
 *
 * When the journal is opened again, a torn last line is cut off and its record runs again. Damage anywhere else is an
 * error.
 */

import { open } from 'node:fs/promises';
import { z } from 'zod';
import { JournalError, messageOf } from '../domain/errors.js';
import { AtomicLines } from '../files/atomic-file.js';
import { isSystemError } from '../files/file-system-error.js';
import { LineWriter, readWholeLines, type WholeLines } from '../files/line-file.js';
import type { Axes } from './configurations.js';
import { parseRecord, recordKey, type ScoredRecord, type TaskRecord } from './record.js';
import { RecordTable } from './record-table.js';
import { isTimed, type RunSpec } from './run-spec.js';

const SCHEMA = 'llava-eval/journal@2';

const REPAIR = 'the line is damaged; remove it to run its task again';

const headerSchema = z.looseObject({ schema: z.literal(SCHEMA), fingerprint: z.string() });
const failedSchema = z.looseObject({ status: z.literal('failed') });
const olderSchema = z.looseObject({ schema: z.literal('llava-eval/journal@1') });

export interface JournalContent {
  readonly fingerprint: string;
  /** The numbers of the records; their texts stay in the file. */
  readonly records: RecordTable;
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
}

/**
 * Reads a journal and keeps the numbers of its records.
 *
 * @param spec What the run is; null where no `run.json` says it.
 * @throws {JournalError} As {@link scanJournal}, and if it holds a record twice, or one that the run cannot have: of
 *         something that it does not name, with times where nothing is timed, or without them where it is.
 */
export async function readJournal(
  path: string,
  spec: (Axes & Pick<RunSpec, 'timing'>) | null = null,
): Promise<JournalContent> {
  const records = new RecordTable();
  const content = await scanJournal(path, (record, line) => {
    const stray = spec === null ? null : (strayName(record, spec) ?? strayTiming(record, spec));
    if (stray !== null) {
      throw new JournalError(`${path}:${line}: ${stray}`, [
        'run.json beside it says what the run has; one of the two was changed after the run',
      ]);
    }
    if (records.add(record)) return;
    throw new JournalError(`${path}:${line}: ${recordKey(record.taskId, record)} is recorded twice`, [
      'two runs wrote to the same folder; start a new one',
    ]);
  });
  return { ...content, records };
}

/**
 * Reads a journal record by record, so that memory does not grow with it.
 *
 * @param onRecord Given each record in the order of the lines; awaited before the next.
 * @throws {JournalError} With file and line, if it cannot be read, is no journal, or holds a damaged line before the
 *         last.
 * @throws Whatever `onRecord` throws.
 */
export async function scanJournal(
  path: string,
  onRecord: (record: TaskRecord, line: number) => void | Promise<void>,
): Promise<Omit<JournalContent, 'records'>> {
  let fingerprint = null as string | null;
  let content: WholeLines;
  try {
    content = await readWholeLines(path, REPAIR, (value, line) => {
      if (line === 1) {
        fingerprint = fingerprintOf(value, path);
        return;
      }
      const record = parseRecord(value);
      if ('problem' in record) throw new JournalError(`${path}:${line}: ${record.problem}`, [REPAIR]);
      return onRecord(record, line);
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new JournalError(
      `${path}: cannot be read: ${messageOf(error)}`,
      ['a run folder, as written by `llava-eval run`, holds journal.jsonl'],
      { cause: error },
    );
  }
  if (fingerprint === null) throw noHeader(path);
  return { fingerprint, wholeBytes: content.wholeBytes };
}

/**
 * The records of some tasks with their texts, all of them in memory, in the order of the lines.
 *
 * @param isWanted Whether the records of a task are.
 * @throws {JournalError} As {@link scanJournal}.
 */
export async function collectRecords(
  path: string,
  isWanted: (taskId: string) => boolean = () => true,
): Promise<TaskRecord[]> {
  const records: TaskRecord[] = [];
  const shared = new SharedParts();
  await scanJournal(path, (record) => {
    if (isWanted(record.taskId)) records.push(shared.of(record));
  });
  return records;
}

/** What a record has that is not among the axes of its run; null if all of it is. */
function strayName({ pipeline, retriever, topK, compressionRatio }: TaskRecord, axes: Axes): string | null {
  const stray = (name: string): string => `${name}, which the run does not name`;
  if (!axes.pipelines.includes(pipeline)) return stray(`pipeline ${pipeline}`);
  if (retriever !== null && !axes.retrievers.includes(retriever)) return stray(`retriever ${retriever}`);
  if (topK !== null && !axes.topK.includes(topK)) return stray(`topK ${topK}`);
  if (compressionRatio !== undefined && axes.compressionRatio?.includes(compressionRatio) !== true) {
    return stray(`compressionRatio ${compressionRatio}`);
  }
  return null;
}

/** What is wrong with the times of a record; null if nothing is. */
function strayTiming(record: TaskRecord, spec: Pick<RunSpec, 'timing'>): string | null {
  if (record.status !== 'scored') return null;
  const hasTimes = record.timing !== undefined;
  if (hasTimes === isTimed(spec)) return null;
  return hasTimes
    ? 'a record with times, in a run that is not timed'
    : 'a record without times, in a run that is timed';
}

/**
 * Whether a journal has its first line whole.
 *
 * @throws The error of the file system, if the file cannot be read.
 */
export async function hasHeader(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_HEADER_BYTES), 0, MOST_HEADER_BYTES, 0);
    return bytesRead === MOST_HEADER_BYTES || buffer.subarray(0, bytesRead).includes('\n');
  } finally {
    await file.close();
  }
}

/** A header has about 130; more without a line break is no torn header but another file. */
const MOST_HEADER_BYTES = 4096;

function fingerprintOf(head: unknown, path: string): string {
  const header = headerSchema.safeParse(head);
  if (header.success) return header.data.fingerprint;
  if (olderSchema.safeParse(head).success) throw olderVersion(path, 'llava-eval/journal@1', SCHEMA);
  throw noHeader(path);
}

function noHeader(path: string): JournalError {
  return new JournalError(`${path}:1: not the header of a ${SCHEMA} file`, [
    'the file was not written by llava-eval, or by another version; start a new run with another --out',
  ]);
}

/**
 * Records of one task repeat its names, and records of one retriever repeat its chunks. In memory they share both,
 * which saves half of a journal.
 */
class SharedParts {
  readonly #names = new Map<string, string>();
  #task = '';
  readonly #lists = new Map<string, ScoredRecord['chunks']>();

  of(record: TaskRecord): TaskRecord {
    if (record.taskId !== this.#task) {
      this.#task = record.taskId;
      this.#lists.clear();
    }
    const names = { taskId: this.#task, repository: this.#name(record.repository) };
    return record.status === 'scored'
      ? { ...record, ...names, chunks: this.#list(record.chunks) }
      : { ...record, ...names };
  }

  #name(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, name);
    return name;
  }

  #list(chunks: ScoredRecord['chunks']): ScoredRecord['chunks'] {
    const key = JSON.stringify(chunks);
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = chunks.map((chunk) => ({ ...chunk, path: this.#name(chunk.path) }));
      this.#lists.set(key, list);
    }
    return list;
  }
}

/** The refusal of a file whose records lack what the present ones have. */
export function olderVersion(path: string, found: string, expected: string): JournalError {
  return new JournalError(`${path}: is a ${found} file; this version reads ${expected}`, [
    'older records lack their top-k and the second timing of the A/A comparison',
    'report it with the version that wrote it, or start a new run with another --out',
  ]);
}

/**
 * Takes the failed records out of a journal, so that they can be answered again. The file is replaced as a whole or stays
 * as it is; every other line keeps its bytes.
 *
 * @returns How far the new file is whole.
 * @throws {JournalError} As {@link scanJournal}.
 * @throws {DataError}    If the folder cannot be written.
 */
export async function withoutFailed(path: string): Promise<WholeLines> {
  const lines = await AtomicLines.open(path);
  let wholeBytes = 0;
  try {
    await readWholeLines(path, REPAIR, async (value, line) => {
      if (line > 1 && failedSchema.safeParse(value).success) return;
      const text = JSON.stringify(value);
      await lines.write(text);
      wholeBytes += Buffer.byteLength(text) + 1;
    });
    await lines.commit();
  } finally {
    await lines.discard();
  }
  return { wholeBytes };
}

/** An open journal. */
export class JournalWriter {
  readonly #lines: LineWriter;

  private constructor(lines: LineWriter) {
    this.#lines = lines;
  }

  /** Starts a new journal. @throws {JournalError} If there is one already. */
  static async create(path: string, fingerprint: string): Promise<JournalWriter> {
    const lines = await LineWriter.create(path);
    await lines.append({ schema: SCHEMA, fingerprint });
    return new JournalWriter(lines);
  }

  /** Opens a journal that was read, without its torn last line. */
  static async reopen(path: string, content: WholeLines): Promise<JournalWriter> {
    return new JournalWriter(await LineWriter.reopen(path, content));
  }

  append(record: TaskRecord): Promise<void> {
    return this.#lines.append(record);
  }

  /** Flushes to the disk and closes. */
  close(): Promise<void> {
    return this.#lines.close();
  }
}
