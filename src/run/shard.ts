/**
 * @file Shard i of n: a fixed part of the tasks. The hash of a task's id decides its shard, so that adding a task moves
 * no other.
 */

import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';

export interface Shard {
  /** From 1 to `count`. */
  readonly index: number;
  readonly count: number;
}

/** The tasks of a shard, in their order. The shards of one count are disjoint and complete. */
export function tasksOfShard(tasks: readonly CompletionTask[], shard: Shard): readonly CompletionTask[] {
  return tasks.filter(({ id }) => holdsTask(shard, id));
}

/** Whether a task belongs to a shard. */
export function holdsTask({ index, count }: Shard, taskId: string): boolean {
  return Number.parseInt(sha256(taskId).slice(0, 8), 16) % count === index - 1;
}

/** As `--shard` takes it. @example shardText({ index: 3, count: 8 }) // => '3/8' */
export function shardText({ index, count }: Shard): string {
  return `${index}/${count}`;
}

/** Name of the run folder of a shard. @example shardFolder({ index: 3, count: 8 }) // => 'shard-3-of-8' */
export function shardFolder({ index, count }: Shard): string {
  return `shard-${index}-of-${count}`;
}
