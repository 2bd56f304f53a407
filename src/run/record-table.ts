/**
 * @file The records of a run as columns of numbers: a row a task, a column a configuration.
 *
 * A million records as objects, with their texts and chunks, take gigabytes. Their numbers take a tenth of that, and
 * statistics need nothing else. The texts stay in the journal; whoever shows them reads those that it shows
 * (`journal.ts`, `collectRecords`).
 */

import { compareCodePoints } from '../domain/text.js';
import {
  configurationOf,
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
  type Timing,
} from './record.js';

/** A time of a record; NaN where the run is not timed. */
const time =
  (read: (timing: Timing) => number) =>
  ({ timing }: ScoredRecord): number =>
    timing === undefined ? NaN : read(timing);

/** What a table keeps of a scored record: times in milliseconds, scores as fractions, NaN for what it has not. */
const NUMBERS = {
  exactMatch: (record) => record.exactMatch,
  editSimilarity: (record) => record.editSimilarity,
  ttftMs: time((timing) => timing.ttftMs),
  ttftColdMs: time((timing) => timing.ttftColdMs),
  /** The second timing of the same prompt. */
  controlMs: time(({ control }) => control?.ttftMs ?? NaN),
  /** The same prompt of text sent as embeddings, to a decoder behind a wire. */
  embeddedMs: time(({ embedded }) => embedded?.ttftMs ?? NaN),
  retrieveMs: time((timing) => timing.retrieveMs),
  tokenizeMs: time((timing) => timing.tokenizeMs),
  encodeMs: time((timing) => timing.encodeMs),
  projectMs: time((timing) => timing.projectMs),
  /** 0 where no decoder was asked while the prompt was made. */
  modelMs: time(({ modelMs }) => modelMs ?? 0),
  prefillMs: time((timing) => timing.prefillMs),
  decodeMs: time((timing) => timing.decodeMs),
  promptTokens: (record) => record.promptTokens,
  softTokens: (record) => record.softTokens,
  generatedTokens: (record) => record.generatedTokens,
  /** Chunks shown. */
  chunks: (record) => record.chunks.length,
  /** Of the true completion, in nats; and its tokens and characters. */
  referenceNats: ({ likelihood }) => likelihood?.referenceNats ?? NaN,
  endNats: ({ likelihood }) => likelihood?.endNats ?? NaN,
  referenceTokens: ({ likelihood }) => likelihood?.referenceTokens ?? NaN,
  referenceCharacters: ({ likelihood }) => likelihood?.referenceCharacters ?? NaN,
} as const satisfies Readonly<Record<string, (record: ScoredRecord) => number>>;

export type RecordNumber = keyof typeof NUMBERS;
const NAMES = Object.keys(NUMBERS) as readonly RecordNumber[];

/** A record that has no numbers. */
export type UnscoredRecord = Exclude<TaskRecord, { status: 'scored' }>;

export type SkipReason = Extract<TaskRecord, { status: 'skipped' }>['reason'];

const STATUSES = [null, 'scored', 'failed', 'skipped'] as const;

/** Rows of a table: their numbers, in some order. */
export type Rows = Int32Array;

/** Rows that a column first has room for. */
const FIRST_CAPACITY = 64;

/** The outcomes of one configuration. A row without a record has the status null. */
export class RecordColumn {
  readonly configuration: Configuration;
  #statuses = new Uint8Array(FIRST_CAPACITY);
  readonly #numbers = new Map<RecordNumber, Float64Array>();
  /** By the name of the score; a score that no record has is absent. */
  readonly #extras = new Map<string, Float64Array>();
  /** Rows whose record has scores beside EM and ES, or the place for them. */
  readonly #withExtras = new Set<number>();
  readonly #unscored = new Map<number, UnscoredRecord>();

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /** @internal The table adds records, each once. */
  set(row: number, record: TaskRecord): void {
    if (row >= this.#statuses.length) this.#statuses = grown(this.#statuses, row, Uint8Array);
    this.#statuses[row] = STATUSES.indexOf(record.status);
    if (record.status !== 'scored') {
      this.#unscored.set(row, record);
      return;
    }
    for (const name of NAMES) put(this.#numbers, name, row, NUMBERS[name](record));
    if (record.extras === undefined) return;
    this.#withExtras.add(row);
    for (const [name, score] of Object.entries(record.extras)) put(this.#extras, name, row, score);
  }

  status(row: number): TaskRecord['status'] | null {
    return STATUSES[this.#statuses[row] ?? 0]!;
  }

  /** NaN where the row is not scored, or the record has no such number. */
  number(name: RecordNumber, row: number): number {
    return this.status(row) === 'scored' ? this.#numbers.get(name)![row]! : NaN;
  }

  /** One number a row, NaN where it is not scored. */
  numbers(name: RecordNumber, rows: Rows): Float64Array {
    return Float64Array.from(rows, (row) => this.number(name, row));
  }

  /** The numbers of the rows that have one, in the order of the rows: none where nothing was measured. */
  scored(name: RecordNumber, rows: Rows): Float64Array {
    return this.numbers(name, rows).filter((value) => !Number.isNaN(value));
  }

  /** How many of the rows have this status. */
  count(status: TaskRecord['status'], rows: Rows): number {
    return rows.reduce((sum, row) => sum + (this.status(row) === status ? 1 : 0), 0);
  }

  /** What the metric profile adds, by name, of the scored rows that have it; null if no record has a place for it. */
  extras(rows: Rows): ReadonlyMap<string, Float64Array> | null {
    if (!rows.some((row) => this.#withExtras.has(row))) return null;
    return new Map(
      [...this.#extras].map(([name, values]) => [
        name,
        Float64Array.from(rows, (row) => values[row] ?? NaN).filter((value) => !Number.isNaN(value)),
      ]),
    );
  }

  /** The record of a row that failed or was skipped; null for any other. */
  unscored(row: number): UnscoredRecord | null {
    return this.#unscored.get(row) ?? null;
  }

  /** All that failed or were skipped. */
  get unscoredRecords(): Iterable<UnscoredRecord> {
    return this.#unscored.values();
  }

  /** @internal Rows of failed records, which lose them. */
  dropFailed(): number {
    let dropped = 0;
    for (const [row, { status }] of this.#unscored) {
      if (status !== 'failed') continue;
      this.#unscored.delete(row);
      this.#statuses[row] = 0;
      dropped++;
    }
    return dropped;
  }
}

/** All records of a run so far. */
export class RecordTable {
  readonly #rowOf = new Map<string, number>();
  readonly #repositories: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #crossFile: (boolean | null)[] = [];
  readonly #columns: RecordColumn[] = [];
  #size = 0;
  #ordered: Rows | null = null;

  /** A table of these records; a table stays itself. */
  static from(records: RecordTable | Iterable<TaskRecord>): RecordTable {
    if (records instanceof RecordTable) return records;
    const table = new RecordTable();
    for (const record of records) table.add(record);
    return table;
  }

  /** Records. */
  get size(): number {
    return this.#size;
  }

  /** Tasks that have a record. */
  get taskCount(): number {
    return this.#rowOf.size;
  }

  /** In the order of their first records: the i-th is that of row i. */
  get taskIds(): readonly string[] {
    return [...this.#rowOf.keys()];
  }

  /** Keeps the numbers of a record. @returns Whether it was new; one that is there already stays as it is. */
  add(record: TaskRecord): boolean {
    const row = this.#rowOf.get(record.taskId) ?? this.#newRow(record);
    const column = this.#columnOf(record) ?? this.#newColumn(record);
    if (column.status(row) !== null) return false;
    column.set(row, record);
    this.#size++;
    return true;
  }

  has(taskId: string, configuration: Configuration): boolean {
    const row = this.#rowOf.get(taskId);
    return row !== undefined && (this.#columnOf(configuration)?.status(row) ?? null) !== null;
  }

  /** The row of a task; undefined if it has no record. */
  rowOf(taskId: string): number | undefined {
    return this.#rowOf.get(taskId);
  }

  /** All rows by task id in code-point order, so that no number depends on the order in which records were written. */
  rows(): Rows {
    this.#ordered ??= this.#inOrder();
    return this.#ordered;
  }

  #inOrder(): Rows {
    const ids = this.taskIds;
    return Int32Array.from(Array.from(ids.keys()).sort((a, b) => compareCodePoints(ids[a]!, ids[b]!)));
  }

  /** The rows of some tasks, in the same order; a task without a record has none. */
  rowsOf(taskIds: Iterable<string>): Rows {
    const wanted = new Set(taskIds);
    const ids = this.taskIds;
    return this.rows().filter((row) => wanted.has(ids[row]!));
  }

  repository(row: number): string {
    return this.#repositories[row]!;
  }

  /** Whether the hole uses an identifier of another file; null where the dataset does not say. */
  crossFile(row: number): boolean | null {
    return this.#crossFile[row]!;
  }

  /** Of every configuration that has a record, in the order of their first records. */
  get columns(): readonly RecordColumn[] {
    return this.#columns;
  }

  /** The outcomes of a configuration; an empty column if it has none. */
  column(configuration: Configuration): RecordColumn {
    return this.#columnOf(configuration) ?? new RecordColumn(configuration);
  }

  /** Forgets the failed records, so that their configurations count as open. @returns How many there were. */
  dropFailed(): number {
    const dropped = this.#columns.reduce((sum, column) => sum + column.dropFailed(), 0);
    this.#size -= dropped;
    return dropped;
  }

  /** @returns How many records failed. */
  get failedCount(): number {
    const rows = this.rows();
    return this.#columns.reduce((sum, column) => sum + column.count('failed', rows), 0);
  }

  /** Records that were skipped, by reason. */
  get skippedCounts(): Readonly<Record<SkipReason, number>> {
    const counts = { 'prompt-too-long': 0, 'no-reference': 0 };
    for (const column of this.#columns) {
      for (const record of column.unscoredRecords) if (record.status === 'skipped') counts[record.reason]++;
    }
    return counts;
  }

  /** Whether any record is scored. */
  get isAnyScored(): boolean {
    const rows = this.rows();
    return this.#columns.some((column) => rows.some((row) => column.status(row) === 'scored'));
  }

  #newRow({ taskId, repository, crossFile }: TaskRecord): number {
    const row = this.#rowOf.size;
    this.#rowOf.set(taskId, row);
    this.#repositories.push(this.#shared(repository));
    this.#crossFile.push(crossFile);
    this.#ordered = null;
    return row;
  }

  /** The tasks of a repository share its name. */
  #shared(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, name);
    return name;
  }

  /** A run has few configurations, so looking at each is fast. */
  #columnOf(configuration: Configuration): RecordColumn | undefined {
    return this.#columns.find((column) => isSameConfiguration(column.configuration, configuration));
  }

  #newColumn(configuration: Configuration): RecordColumn {
    const column = new RecordColumn(configurationOf(configuration));
    this.#columns.push(column);
    return column;
  }
}

function put<Name>(columns: Map<Name, Float64Array>, name: Name, row: number, value: number): void {
  let column = columns.get(name) ?? new Float64Array(FIRST_CAPACITY).fill(NaN);
  if (row >= column.length) {
    const length = column.length;
    column = grown(column, row, Float64Array).fill(NaN, length);
  }
  columns.set(name, column);
  column[row] = value;
}

/** Twice as long as often as the row needs. */
function grown<A extends Uint8Array | Float64Array>(
  values: A,
  row: number,
  make: new (length: number) => A,
): A {
  let { length } = values;
  while (length <= row) length *= 2;
  const longer = new make(length);
  longer.set(values);
  return longer;
}
