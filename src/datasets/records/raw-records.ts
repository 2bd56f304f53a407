/**
 * @file The records of a dataset as they stand in its file, for commands that give them back with a field more.
 *
 * `record-file.ts` reads records for their tasks and forgets the rest; here every field is kept, known or not, and
 * so is the order of the fields.
 */

import { z } from 'zod';
import type { CompletionTask } from '../../domain/task.js';
import { readLines } from '../rows/jsonl.js';
import { recordOfTask } from '../formats/cceval.js';
import { parseJson } from '../../domain/json.js';

/** A record as JSON. */
export type RawRecord = Readonly<Record<string, unknown>>;

export interface TaskWithRecord {
  readonly task: CompletionTask;
  readonly record: RawRecord;
}

const rawSchema = z.looseObject({ metadata: z.looseObject({ task_id: z.string() }) });

/**
 * Each task with its record: first those that are lines of the file, in its order, then the others, with
 * the record that this program writes for a task.
 *
 * @param reference What the dataset was opened with. Lines that made no task (damaged, left out) are skipped.
 */
export async function* tasksWithRecords(
  reference: string,
  tasks: readonly CompletionTask[],
): AsyncGenerator<TaskWithRecord> {
  const waiting = new Map<string, CompletionTask>(tasks.map((task) => [task.id, task]));
  if (/\.jsonl?$/.test(reference)) {
    for await (const { text, brokenAt } of readLines(reference)) {
      const found = brokenAt === null ? rawRecord(text) : null;
      const task = found === null ? undefined : waiting.get(found.id);
      if (found === null || task === undefined) continue;
      waiting.delete(task.id);
      yield { task, record: found.record };
    }
  }
  for (const task of waiting.values()) {
    yield { task, record: recordOfTask(task, lineOf(task), null) };
  }
}

/** 1-based, counted from the beginning of the prefix. */
function lineOf({ prefix }: CompletionTask): number {
  return prefix.split('\n').length;
}

/** The line's own object, so that its fields stay in their order; null for anything but a record. */
function rawRecord(text: string): { readonly id: string; readonly record: RawRecord } | null {
  try {
    const value: unknown = parseJson(text.trim());
    return isRecord(value) ? { id: value.metadata.task_id, record: value } : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is z.infer<typeof rawSchema> {
  return rawSchema.safeParse(value).success;
}
