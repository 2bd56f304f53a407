/**
 * @file Joins what a loader read into a `Dataset`, and hashes its content.
 */

import { createHash } from 'node:crypto';
import type { CompletionTask, Repository } from '../domain/task.js';
import type { Dataset } from './dataset.js';
import type { LeftOut } from './repository/left-out.js';

/** A repository as a loader hands it over. */
export interface LoadedRepository {
  readonly name: string;
  readonly origin: string;
  readonly licence: string | null;
  /** The files, or why there are none: the error that `Dataset.repository` then throws. */
  readonly content: Repository | Error | HeldRepository;
  /** What its folder holds besides; absent where it is no folder. */
  readonly leftOut?: readonly LeftOut[];
}

/** A repository that its dataset holds and that is read when it is asked for. */
export interface HeldRepository {
  /** Of what it is read from, hexadecimal. */
  readonly hash: string;
  readonly load: () => Promise<Repository>;
}

/**
 * Joins what a loader read into a dataset and hashes it.
 *
 * @param parts.repositories One per repository that the tasks use.
 */
export function assembleDataset(parts: {
  readonly id: string;
  readonly tasks: readonly CompletionTask[];
  readonly repositories: readonly LoadedRepository[];
  readonly skipped: number;
  readonly format?: string | null;
  readonly deviations?: readonly string[];
}): Dataset {
  const byName = new Map(parts.repositories.map((entry) => [entry.name, entry.content]));
  let contentHash: string | null = null;
  return {
    id: parts.id,
    tasks: parts.tasks,
    skipped: parts.skipped,
    format: parts.format ?? null,
    deviations: parts.deviations ?? [],
    // On demand: scoring opens datasets and has no use for it.
    get contentHash() {
      return (contentHash ??= hashContent(parts.tasks, parts.repositories));
    },
    sources: parts.repositories.map(({ name, origin, licence, content, leftOut = [] }) => ({
      repository: name,
      origin,
      licence,
      isMissing: content instanceof Error,
      size: content instanceof Error || 'load' in content ? null : sizeOf(content),
      leftOut,
    })),
    repository(name) {
      const content = byName.get(name);
      if (content === undefined) return Promise.reject(new RangeError(`no task uses repository "${name}"`));
      if (content instanceof Error) return Promise.reject(content);
      return 'load' in content ? content.load() : Promise.resolve(content);
    },
  };
}

function sizeOf(repository: Repository): { files: number; characters: number } {
  return {
    files: repository.files.length,
    characters: repository.files.reduce((sum, file) => sum + file.text.length, 0),
  };
}

/** Every field is preceded by its length, so that no two contents run together to the same bytes. */
function hashContent(tasks: readonly CompletionTask[], repositories: readonly LoadedRepository[]): string {
  const hash = createHash('sha256');
  const add = (...fields: readonly string[]): void => {
    for (const field of fields) {
      hash.update(`${Buffer.byteLength(field, 'utf8')}:`);
      hash.update(field, 'utf8');
    }
  };
  for (const task of tasks) {
    add('task', task.id, task.repository, task.path, task.language, task.prefix, task.reference, task.suffix);
    add(String(task.crossFile));
    if (task.category !== undefined) add('category', task.category);
    if (task.lines !== undefined) add('lines', String(task.lines.start), String(task.lines.hole));
    for (const chunk of task.shipped ?? []) {
      add('shipped', chunk.path, chunk.text, chunk.shown ?? '', String(chunk.score));
    }
  }
  for (const { name, content } of repositories) {
    if (content instanceof Error) {
      add('missing repository', name);
      continue;
    }
    if ('load' in content) {
      add('held repository', name, content.hash);
      continue;
    }
    add('repository', name);
    for (const file of content.files) add(file.path, file.text);
  }
  return hash.digest('hex');
}
