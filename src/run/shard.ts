/**
 * @file Shard i of n: a fixed part of the tasks. The hash of a task's id decides its shard, so that adding a task moves
 *   no other.
 */

import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';

export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/** The tasks of a shard, in their order. The shards of one count are disjoint and complete. */
export function tasksOfShard(
  tasks: readonly CompletionTask[],
  { index, count }: Shard,
): readonly CompletionTask[] {
  return tasks.filter(({ id }) => Number.parseInt(sha256(id).slice(0, 8), 16) % count === index - 1);
}
