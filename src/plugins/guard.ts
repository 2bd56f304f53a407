/**
 * @file What stands between the program and the code of a plug-in: its name in every message, and frozen copies of what
 * it is given.
 */

import type { CompletionTask } from '../domain/task.js';
import { messageOf } from '../domain/errors.js';
import type { VisibleTask } from './definition.js';

/** Something that a plug-in brought, for messages. */
export interface Origin {
  /** The plug-in's file. */
  readonly path: string;
  /** Such as "pipeline best-chunk". */
  readonly what: string;
}

/** A copy that nobody can change, all the way down. What a plug-in does to it cannot reach others. */
export function frozenCopy<T>(value: T): T {
  const copy = structuredClone(value);
  freeze(copy);
  return copy;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
}

/** A task without its answer. */
export function visibleTask(task: CompletionTask): VisibleTask {
  const { id, repository, path, language, prefix, suffix } = task;
  return frozenCopy({ id, repository, path, language, prefix, suffix });
}

/** An error in the name of a plug-in. */
export function blamed({ path, what }: Origin, problem: unknown): Error {
  return new Error(`plug-in ${path}: ${what}: ${messageOf(problem)}`, { cause: problem });
}

/** Runs code of a plug-in; what it throws names the plug-in. */
export function guarded<T>(origin: Origin, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw blamed(origin, error);
  }
}

/** The same for code that may take its time. */
export async function guardedAsync<T>(origin: Origin, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw blamed(origin, error);
  }
}
