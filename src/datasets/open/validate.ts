/**
 * @file Everything that is wrong with a dataset, line by line.
 */

import { NoTasksError, type Dataset, type DatasetOptions } from '../dataset.js';
import { schemaNeeds } from '../formats/recognition.js';
import { findStrangers } from '../records/foreign-tasks.js';
import { openDataset } from './open-dataset.js';

/** What {@link validateDataset} finds. */
export interface Validation {
  readonly id: string;
  readonly format: string | null;
  readonly valid: boolean;
  /** Usable tasks. */
  readonly tasks: number;
  /** Null where no task is usable. */
  readonly contentHash: string | null;
  /** All problems. */
  readonly problemCount: number;
  /** The first of them, a sentence each. */
  readonly problems: readonly string[];
  /** Repositories of which nothing was found, so that nothing can be retrieved; not a problem of the records. */
  readonly missingRepositories: readonly string[];
  /** Where no task is usable: the schemas that are known, and the fields that each needs. */
  readonly schemas?: readonly string[];
}

/**
 * Loads a dataset completely and reports every line that cannot be used.
 *
 * @param mostProblems How many problems to keep; all are counted.
 * @throws {DataError} If there is no such dataset, or its schema cannot be told.
 * @example
 * const { valid, problems } = await validateDataset('lines.jsonl', 10);
 */
export async function validateDataset(
  reference: string,
  mostProblems: number,
  options: Pick<DatasetOptions, 'reposDir' | 'format' | 'onProgress' | 'cacheDir'> = {},
): Promise<Validation> {
  const problems: string[] = [];
  let problemCount = 0;
  const report = (problem: string): void => {
    if (++problemCount <= mostProblems) problems.push(problem);
  };
  const dataset = await openLeniently(reference, options, report);
  if (dataset === null) return nothingUsable(reference, problemCount, problems);
  for (const deviation of dataset.deviations) report(deviation);
  for await (const stranger of findStrangers(dataset)) report(stranger);
  return {
    id: dataset.id,
    format: dataset.format,
    valid: problemCount === 0,
    tasks: dataset.tasks.length,
    contentHash: dataset.contentHash,
    problemCount,
    problems,
    missingRepositories: dataset.sources
      .filter(({ isMissing }) => isMissing)
      .map(({ repository }) => repository),
  };
}

/** Opens a dataset without its bad lines; null if every line is bad. */
async function openLeniently(
  reference: string,
  options: DatasetOptions,
  report: (problem: string) => void,
): Promise<Dataset | null> {
  try {
    return await openDataset(reference, {
      ...options,
      withShipped: true,
      skipInvalid: true,
      onInvalid: (problem) => {
        report(problem.message);
      },
    });
  } catch (error) {
    if (error instanceof NoTasksError && error.skipped > 0) return null;
    throw error;
  }
}

function nothingUsable(id: string, problemCount: number, problems: readonly string[]): Validation {
  return {
    ...{ id, format: null, valid: false, tasks: 0, contentHash: null },
    ...{ problemCount, problems, missingRepositories: [], schemas: schemaNeeds() },
  };
}
