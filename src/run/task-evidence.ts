/**
 * @file `tasks.jsonl`: what the tasks of a run were, so that a report can show them without the dataset.
 *
 * The run writes one line a task, before the first record of the task. No number needs the file. A run folder
 * without it is reported all the same, only its tasks cannot be looked at. With a record, a line gives back each
 * prompt. `left` and `right` are in all of them. What else a prompt has depends on what its pipeline shows
 * (`pipelines/kinds.ts`, `shows`): the first `contextCharacters` of a block of the record's chunks, the record's own
 * `contextText`, or the soft tokens of those chunks.
 */

import { z } from 'zod';
import { JournalError, messageOf } from '../domain/errors.js';
import { LANGUAGES } from '../domain/task.js';
import { isSystemError } from '../files/file-system-error.js';
import { LineWriter, readWholeLines, type WholeLines } from '../files/line-file.js';

const evidenceSchema = z.strictObject({
  taskId: z.string(),
  repository: z.string(),
  path: z.string(),
  language: z.enum(LANGUAGES),
  /** What completions were compared with. */
  reference: z.string(),
  /** The code before the hole that is in the prompts, after the cut to the budget. */
  left: z.string(),
  /** The code after the hole that is in the prompts. */
  right: z.string(),
  /** The text of each position whose likelihood the records have, a stop token as empty text; absent without them. */
  referencePieces: z.array(z.string()).optional(),
  /**
   * Every chunk that any configuration was given, once. Those without lines are the ones the benchmark
   * ships, in its order: the i-th of them is the i-th chunk of a record of that retriever.
   */
  chunks: z.array(
    z.strictObject({
      path: z.string(),
      startLine: z.int().positive().nullable(),
      endLine: z.int().positive().nullable(),
      text: z.string(),
      /** What text pipelines show of it, where that is not made from path and text. */
      shown: z.string().optional(),
      /** Where it is of another repository than the task: lent by another task. */
      repository: z.string().optional(),
    }),
  ),
});

export type TaskEvidence = z.infer<typeof evidenceSchema>;

/** Which tasks the file has, for whoever goes on writing it. */
export interface EvidenceIndex {
  readonly ids: ReadonlySet<string>;
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
}

export interface EvidenceContent extends EvidenceIndex {
  readonly tasks: ReadonlyMap<string, TaskEvidence>;
}

const REPAIR = 'the line is damaged; remove it, and reports show all tasks but this one';

/**
 * Reads the file task by task and keeps their ids.
 *
 * @returns null if there is none.
 * @throws {JournalError} With file and line, if it cannot be read, or holds a damaged line before the
 *         last or a task twice.
 * @throws Whatever `onTask` throws.
 */
export async function scanTaskEvidence(
  path: string,
  onTask: (evidence: TaskEvidence) => void | Promise<void> = () => undefined,
): Promise<EvidenceIndex | null> {
  const ids = new Set<string>();
  let content: WholeLines;
  try {
    content = await readWholeLines(path, REPAIR, (value, line) => {
      const parsed = evidenceSchema.safeParse(value);
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        throw new JournalError(`${path}:${line}: ${issue.path.join('.') || 'line'}: ${issue.message}`, [
          REPAIR,
        ]);
      }
      const { taskId } = parsed.data;
      if (ids.has(taskId)) {
        throw new JournalError(`${path}:${line}: ${taskId} is there twice`, [
          'two runs wrote to the same folder; start a new one',
        ]);
      }
      ids.add(taskId);
      return onTask(parsed.data);
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return null;
    throw new JournalError(`${path}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  return { ids, wholeBytes: content.wholeBytes };
}

/** The same with the tasks themselves, all of them in memory. */
export async function readTaskEvidence(path: string): Promise<EvidenceContent | null> {
  const tasks = new Map<string, TaskEvidence>();
  const index = await scanTaskEvidence(path, (evidence) => {
    tasks.set(evidence.taskId, evidence);
  });
  return index === null ? null : { ...index, tasks };
}

/** The open file; a task that has its line already keeps it. */
export class EvidenceWriter {
  readonly #lines: LineWriter;
  readonly #written: Set<string>;

  private constructor(lines: LineWriter, written: Iterable<string>) {
    this.#lines = lines;
    this.#written = new Set(written);
  }

  /**
   * Continues what `scanTaskEvidence` has read, or starts the file if there was none. The journal is what
   * guards the folder against a second run, and comes first.
   */
  static async open(path: string, earlier: EvidenceIndex | null): Promise<EvidenceWriter> {
    return earlier === null
      ? new EvidenceWriter(await LineWriter.replace(path), [])
      : new EvidenceWriter(await LineWriter.reopen(path, earlier), earlier.ids);
  }

  async append(evidence: TaskEvidence): Promise<void> {
    if (this.#written.has(evidence.taskId)) return;
    await this.#lines.append(evidence);
    this.#written.add(evidence.taskId);
  }

  /** Flushes to the disk and closes. */
  close(): Promise<void> {
    return this.#lines.close();
  }
}
