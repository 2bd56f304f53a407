/**
 * @file Opens files of records in any known format, and makes a dataset of them.
 *
 * `rows/` reads the rows of a file, `formats/` turns each row into tasks, and this folder puts the tasks together
 * and finds their repositories. Rows become tasks one by one; the text of a file is never in memory as a whole.
 * Several files are the parts of one dataset, in the order of their names.
 */

import { basename, dirname } from 'node:path';
import { DataError } from '../../domain/errors.js';
import { assembleDataset } from '../assemble.js';
import { NoTasksError, type Dataset, type DatasetOptions } from '../dataset.js';
import { fileHash } from '../../files/file-hash.js';
import type { FoundTask, RecordFormat, RowContext } from '../formats/format.js';
import { MOST_GENERAL_FORMAT } from '../formats/all.js';
import { formatOf, recogniseRow, schemaNeeds } from '../formats/recognition.js';
import { findRepositories, type RepositoryMention } from './repositories.js';
import { openRows, type Row, type RowFile, type RowOrProblem } from '../rows/rows.js';

const SKIP_HINT = 'mend the line, or pass --skip-invalid to leave such lines out (they are counted)';

/** Rows looked at for one of a known schema, where damaged ones are left out anyway. */
const ROWS_TRIED = 100;

/** Reasons given where no line is usable. */
const MOST_REASONS = 3;

/** What is known of a dataset's files beyond what is in them. */
export interface RecordFileFacts {
  readonly id: string;
  /** What a registered set states about its repositories; otherwise their package.json. */
  readonly licence?: string | null;
}

/**
 * Loads the files of one dataset.
 *
 * @param files As the user named them; messages repeat them. At least one.
 * @throws {DataError} If a schema is not known, or not the same in all files; if a row is damaged or
 *                     repeats a task id (without `skipInvalid`); if no task is left.
 */
export async function openRecordFiles(
  files: readonly string[],
  facts: RecordFileFacts,
  options: DatasetOptions,
): Promise<Dataset> {
  const loader = new Loader(options);
  for (const file of files) await loader.read(file);
  const { tasks, skipped } = loader;
  if (tasks.length === 0) {
    throw new NoTasksError(
      `${files.join(', ')}: no task${skipped === 0 ? '' : ` is left; ${skipped} lines cannot be used`}`,
      [
        ...loader.firstProblems,
        'a dataset file holds one record per line, or is Parquet, in one of these schemas:',
        ...schemaNeeds(),
      ],
      skipped,
    );
  }
  const wanted = options.withRepositories === false ? [] : loader.mentions();
  const found = await findRepositories(dirname(files[0]!), wanted, {
    file: files[0]!,
    rule: loader.format?.sourceRule ?? MOST_GENERAL_FORMAT.sourceRule,
    reposDir: options.reposDir,
    licence: facts.licence ?? null,
    onProgress: options.onProgress,
  });
  return assembleDataset({
    id: facts.id,
    tasks,
    repositories: found,
    skipped,
    format: loader.format?.name ?? null,
    deviations: loader.deviations,
  });
}

/** Collects the tasks of one file after the other. */
class Loader {
  readonly tasks: FoundTask['task'][] = [];
  /** What is wrong with the first lines that were left out. */
  readonly firstProblems: string[] = [];
  readonly #options: DatasetOptions;
  readonly #placeOfId = new Map<string, string>();
  readonly #mentions = new Map<string, { -readonly [K in keyof RepositoryMention]: RepositoryMention[K] }>();
  readonly #rowsOfSplit = new Map<string, number>();
  readonly #namesAsked = new Map<string, number>();
  readonly #deviations = new Map<string, { count: number; first: string }>();
  #format: RecordFormat | null = null;
  #skipped = 0;
  #rows = 0;

  constructor(options: DatasetOptions) {
    this.#options = options;
  }

  get skipped(): number {
    return this.#skipped;
  }

  /** Null where no file holds a row. */
  get format(): RecordFormat | null {
    return this.#format;
  }

  /** Each kind of deviation once, with its number and its first place. */
  get deviations(): string[] {
    return [...this.#deviations].map(([what, { count, first }]) =>
      count === 1 ? `${first}: ${what}` : `${first} and ${count - 1} more: ${what}`,
    );
  }

  mentions(): RepositoryMention[] {
    return [...this.#mentions.values()];
  }

  async read(path: string): Promise<void> {
    const file = await openRows(path);
    const format = await this.#recognise(path, file);
    if (format === null) return;
    const withShipped = this.#options.withShipped === true;
    const { readColumns } = file;
    const split = splitOf(path);
    const hash = once(() => fileHash(path));
    let row = 0;
    for await (const found of file.rows(format.columns(withShipped), SKIP_HINT)) {
      if (this.#rows >= (this.#options.mostRows ?? Infinity)) return;
      this.#rows++;
      const index = this.#rowsOfSplit.get(split) ?? 0;
      this.#rowsOfSplit.set(split, index + 1);
      const rowInFile = row++;
      const context: RowContext = {
        split,
        index,
        countOf: (name) => this.#count(name),
        withShipped,
        advice: SKIP_HINT,
        deviate: (what) => {
          this.#deviate(found.where, what);
        },
        readColumns: readColumns === null ? null : (names) => readColumns(rowInFile, names),
      };
      for (const task of this.#tasksOf(found, format, context)) this.#add(task, hash);
    }
  }

  /** The format of a file; null if it has no row. All files of a dataset have the same. */
  async #recognise(path: string, file: RowFile): Promise<RecordFormat | null> {
    const forced = this.#options.format;
    const row = forced === undefined && file.fields === null ? await this.#firstRow(file) : null;
    if (row === undefined) return null;
    // Nothing in it can be read: any format serves to count its lines.
    if (row === null && forced === undefined && file.fields === null) {
      return MOST_GENERAL_FORMAT;
    }
    const format = formatOf(path, file, row, forced);
    if (this.#format !== null && this.#format !== format) {
      throw new DataError(
        `${path}: is of schema ${format.name}, the files before it of ${this.#format.name}`,
        ['the files of one dataset have one schema'],
      );
    }
    this.#format = format;
    return format;
  }

  /** The row that tells the schema; undefined where there is none, null where none can be read. */
  async #firstRow(file: RowFile): Promise<Row | null | undefined> {
    let first: Row | null | undefined;
    let tried = 0;
    for await (const found of file.rows([], SKIP_HINT)) {
      if ('problem' in found) {
        if (this.#options.skipInvalid !== true) throw found.problem;
        first ??= null;
      } else {
        if (this.#options.skipInvalid !== true || recogniseRow(file, found).kind === 'format') return found;
        first ??= found;
      }
      if (++tried === ROWS_TRIED) break;
    }
    return first;
  }

  /** The usable tasks of a row; the rest is reported and counted, or thrown. */
  #tasksOf(found: RowOrProblem, format: RecordFormat, context: RowContext): readonly FoundTask[] {
    try {
      if ('problem' in found) throw found.problem;
      const tasks = format.read(found, context);
      for (const { task } of tasks) {
        const earlier = this.#placeOfId.get(task.id);
        if (earlier !== undefined) {
          throw new DataError(`${found.where}: task id "${task.id}" was already used on ${earlier}`, [
            'results are joined by task id, so a repeated one would hide a task',
            SKIP_HINT,
          ]);
        }
      }
      for (const { task } of tasks) this.#placeOfId.set(task.id, shortPlace(found.where));
      return tasks;
    } catch (error) {
      if (!(error instanceof DataError) || this.#options.skipInvalid !== true) throw error;
      this.#options.onInvalid?.(error);
      if (this.#skipped++ < MOST_REASONS) this.firstProblems.push(error.message);
      return [];
    }
  }

  #add({ task, repositoryDir, repository }: FoundTask, hash: () => Promise<string>): void {
    this.tasks.push(this.#options.trim?.(task) ?? task);
    let mention = this.#mentions.get(task.repository);
    if (mention === undefined) {
      mention = { name: task.repository, languages: new Set(), dir: undefined, held: null };
      this.#mentions.set(task.repository, mention);
    }
    if (!mention.languages.has(task.language)) {
      mention.languages = new Set([...mention.languages, task.language]);
    }
    mention.dir ??= repositoryDir;
    if (repository !== undefined) mention.held ??= { hash, load: repository };
  }

  #count(name: string): number {
    const before = this.#namesAsked.get(name) ?? 0;
    this.#namesAsked.set(name, before + 1);
    return before;
  }

  #deviate(where: string, what: string): void {
    const known = this.#deviations.get(what);
    if (known === undefined) this.#deviations.set(what, { count: 1, first: where });
    else known.count++;
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

/** "line 3" or "row 3", as the same file is meant; else the whole place. */
function shortPlace(where: string): string {
  const line = /:(\d+)$/.exec(where)?.[1];
  return line === undefined ? where.replace(/^.*: (?=row \d+$)/, '') : `line ${line}`;
}

/**
 * What a file's name says about its split.
 *
 * @example splitOf('data/in_file-00001-of-00003.parquet') // => 'in_file'
 * @example splitOf('in_file/0000.parquet') // => 'in_file': the hub's own conversions
 */
function splitOf(path: string): string {
  const stem = basename(path)
    .replace(/\.[^.]+$/, '')
    .replace(/-\d{5}-of-\d{5}$/, '');
  return /^\d+$/.test(stem) ? basename(dirname(path)) : stem;
}
