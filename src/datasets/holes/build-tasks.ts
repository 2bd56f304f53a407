/**
 * @file Makes completion tasks of candidate lines: choice and cut.
 *
 * The same for the published benchmark, for `datasets build` and for a folder given as a dataset.
 */

import type { Language } from '../../domain/languages.js';
import { taskId } from '../../domain/task.js';
import type { CompletionTask, Repository } from '../../domain/task.js';
import type { CandidateLine } from '../languages/lines/language.js';
import { chooseHoles } from './choose-holes.js';
import { cutLine } from './hole.js';

/** A task with the line its hole was on. */
export interface BuiltTask {
  readonly task: CompletionTask;
  /** 1-based. */
  readonly line: number;
}

/** What to build from a repository. */
export interface BuildRequest {
  readonly repository: Repository;
  readonly language: Language;
  /** Lines of the repository's files. */
  readonly candidates: readonly CandidateLine[];
  /** Holes wanted; fewer come back where the repository is small. */
  readonly count: number;
  readonly seed: number;
}

/**
 * Builds tasks. A task's id is `<repository>/<path>:<line>`.
 *
 * @returns In random order, so that every beginning is a fair sample.
 */
export function buildTasks({ repository, language, candidates, count, seed }: BuildRequest): BuiltTask[] {
  const textOf = new Map(repository.files.map((file) => [file.path, file.text]));
  return chooseHoles(candidates, count, seed).map(({ path, line, crossFile }) => ({
    line,
    task: {
      id: taskId(`${repository.name}/${path}:${line}`),
      repository: repository.name,
      path,
      language,
      ...cutLine(textOf.get(path)!, line),
      crossFile,
    },
  }));
}
