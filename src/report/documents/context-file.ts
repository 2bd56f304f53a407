/**
 * @file A file of ranked chunks, one JSON line a task, in one of the published forms.
 */

import { tasksWithRecords, type RawRecord } from '../../datasets/records/raw-records.js';
import type { CompletionTask } from '../../domain/task.js';
import { AtomicLines } from '../../files/atomic-file.js';
import type { RetrieverName } from '../../retrieval/kinds.js';
import type { Retrieved } from '../../run/task-chunks.js';
import { contextLine, type ContextFormat } from './crossfile-fields.js';

/**
 * The file while it is written. Its lines come in the order of the dataset, answers in that of the repositories:
 * an answer waits here until it is its turn. The file appears, whole, with `commit`.
 */
export class ContextFile {
  readonly #lines: AtomicLines;
  readonly #format: ContextFormat;
  readonly #records: Map<string, RawRecord>;
  readonly #order: readonly string[];
  readonly #waiting = new Map<string, string>();
  #next = 0;

  private constructor(lines: AtomicLines, format: ContextFormat, records: Map<string, RawRecord>) {
    this.#lines = lines;
    this.#format = format;
    this.#records = records;
    this.#order = [...records.keys()];
  }

  /**
   * Begins a file.
   *
   * @param dataset What the dataset was opened with: its records are given back with a field more.
   * @throws {DataError} If the folder cannot be written.
   */
  static async open(
    path: string,
    format: ContextFormat,
    dataset: string,
    tasks: readonly CompletionTask[],
  ): Promise<ContextFile> {
    const records = new Map<string, RawRecord>();
    for await (const { task, record } of tasksWithRecords(dataset, tasks)) records.set(task.id, record);
    return new ContextFile(await AtomicLines.open(path), format, records);
  }

  /** Adds the chunks of one retriever for one task; every task once, in any order. */
  async add({ task, chunks, reason }: Retrieved, retriever: RetrieverName): Promise<void> {
    const record = this.#records.get(task.id)!;
    this.#records.delete(task.id);
    const line = contextLine(this.#format, { task, record }, chunks.get(retriever)!, reason);
    this.#waiting.set(task.id, JSON.stringify(line));
    for (let id = this.#order[this.#next]; id !== undefined; id = this.#order[this.#next]) {
      const ready = this.#waiting.get(id);
      if (ready === undefined) return;
      this.#waiting.delete(id);
      this.#next++;
      await this.#lines.write(ready);
    }
  }

  /** @throws {DataError} If the disk is full; nothing is left then. */
  commit(): Promise<void> {
    return this.#lines.commit();
  }

  /** Leaves an earlier file of that name as it was. Harmless after `commit`. */
  discard(): Promise<void> {
    return this.#lines.discard();
  }
}
