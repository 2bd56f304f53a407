/**
 * @file Which task lends its chunks to another, for pipelines that must not see their own.
 */

import { sha256 } from '../domain/hash.js';
import type { CompletionTask } from '../domain/task.js';

/** For each task another one. */
export type Lender = (task: CompletionTask) => CompletionTask;

/**
 * Each task borrows from one of another repository, in the same language if there is one. It is drawn by the seed and
 * the borrowing task's id alone, so that resuming or sharding changes nothing.
 *
 * @param tasks Those of the whole run, of all shards.
 * @returns Null if all tasks are of one repository: nobody can lend then.
 */
export function lenderOf(tasks: readonly CompletionTask[], seed: number): Lender | null {
  const repositories = new Set(tasks.map(({ repository }) => repository));
  if (repositories.size < 2) return null;
  const pools = new Map<string, readonly CompletionTask[]>();
  const poolOf = ({ repository, language }: CompletionTask): readonly CompletionTask[] => {
    const key = JSON.stringify([repository, language]);
    const known = pools.get(key);
    if (known !== undefined) return known;
    const others = tasks.filter((task) => task.repository !== repository);
    const alike = others.filter((task) => task.language === language);
    const pool = alike.length === 0 ? others : alike;
    pools.set(key, pool);
    return pool;
  };
  return (task) => {
    const pool = poolOf(task);
    const drawn = Number.parseInt(sha256(JSON.stringify([seed, 'lender', task.id])).slice(0, 12), 16);
    return pool[drawn % pool.length]!;
  };
}
