/**
 * @file Makes completion tasks from a repository in memory: candidates, choice, cut.
 *
 * The same for the published benchmark, for `datasets build` and for a folder given as a dataset.
 */

import { taskId } from '../../domain/task.js';
import type { CompletionTask, Language, Repository } from '../../domain/task.js';
import { chooseHoles } from './choose-holes.js';
import { cutLine } from './hole.js';
import { createResolver } from './module-resolution.js';
import type { PathAliases } from './module-resolution.js';
import { findCandidateLines } from './typescript-lines.js';

/** Languages whose lines can be chosen; they share one parser. */
export type BuildLanguage = Extract<Language, 'typescript' | 'javascript'>;

/** A task with the line its hole was on. */
export interface BuiltTask {
  readonly task: CompletionTask;
  /** 1-based. */
  readonly line: number;
}

/** What to build from a repository. */
export interface BuildRequest {
  readonly repository: Repository;
  readonly language: BuildLanguage;
  readonly aliases: PathAliases;
  /** Holes wanted; fewer come back where the repository is small. */
  readonly count: number;
  readonly seed: number;
}

/**
 * Builds tasks. A task's id is `<repository>/<path>:<line>`.
 *
 * @returns In random order, so that every beginning is a fair sample.
 */
export function buildTasks({ repository, language, aliases, count, seed }: BuildRequest): BuiltTask[] {
  const resolve = createResolver(
    repository.files.map((file) => file.path),
    aliases,
  );
  const textOf = new Map(repository.files.map((file) => [file.path, file.text]));
  return chooseHoles(findCandidateLines(repository.files, resolve), count, seed).map(
    ({ path, line, crossFile }) => ({
      line,
      task: {
        id: taskId(`${repository.name}/${path}:${line}`),
        repository: repository.name,
        path,
        language,
        ...cutLine(textOf.get(path)!, line),
        crossFile,
      },
    }),
  );
}
