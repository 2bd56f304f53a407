/**
 * @file Which samples train and which validate: whole repositories, or whole files where there is one repository.
 *
 * Tasks of one repository share names and habits, so a projector that has seen some of them knows the others. Files of
 * one repository share them as well; a split by files says less, and whoever reports it says so.
 */

import { DataError, UsageError } from '../../domain/errors.js';
import { sha256 } from '../../domain/hash.js';
import type { CompletionTask } from '../../domain/task.js';

export interface SplitSetting {
  /** Share of the tasks that validate, above 0 and below 1. */
  readonly share: number;
  /** Repositories that validate; undefined draws them. */
  readonly repositories: readonly string[] | undefined;
  readonly seed: number;
}

export interface Split {
  readonly by: 'repository' | 'file';
  readonly training: readonly CompletionTask[];
  readonly validation: readonly CompletionTask[];
  /** Names of what validates, sorted. */
  readonly held: readonly string[];
}

/**
 * Divides tasks.
 *
 * Groups are drawn by a hash of seed and name alone, so that a dataset which grows keeps the sides of its repositories.
 *
 * @throws {UsageError} If a repository is named that no task has.
 * @throws {DataError} If one side would be empty.
 */
export function splitTasks(tasks: readonly CompletionTask[], setting: SplitSetting): Split {
  const { share, repositories, seed } = setting;
  const names = new Set(tasks.map(({ repository }) => repository));
  const unknown = (repositories ?? []).filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw new UsageError(`--validation-repos: no task is of ${unknown.join(', ')}`, [
      `the repositories are ${[...names].slice(0, 20).join(', ')}`,
    ]);
  }
  const by = names.size > 1 ? 'repository' : 'file';
  const groupOf = (task: CompletionTask): string => (by === 'repository' ? task.repository : task.path);
  const held = new Set(repositories ?? drawn(tasks.map(groupOf), share, seed));
  const validation = tasks.filter((task) => held.has(groupOf(task)));
  const training = tasks.filter((task) => !held.has(groupOf(task)));
  if (training.length === 0 || validation.length === 0) {
    throw new DataError(
      `${tasks.length} holes of ${names.size} repositories give ${training.length} to train on and ${validation.length} to validate on`,
      ['give more code with --dataset, or another --validation-share or --validation-repos'],
    );
  }
  return { by, training, validation, held: [...held].sort() };
}

/** Groups in the order of their hashes until they hold the share of all; never all of them. */
function drawn(groups: readonly string[], share: number, seed: number): string[] {
  const sizes = new Map<string, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const order = [...sizes.keys()].sort((a, b) => {
    const [x, y] = [a, b].map((name) => sha256(JSON.stringify([seed, 'validation', name])));
    return x! < y! ? -1 : 1;
  });
  const chosen: string[] = [];
  let count = 0;
  for (const group of order.slice(0, -1)) {
    if (count >= share * groups.length) break;
    chosen.push(group);
    count += sizes.get(group)!;
  }
  return chosen;
}
