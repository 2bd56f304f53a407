/**
 * @file `runComparison`: the command `run` as a function.
 */

import { quietSurroundings, type ComparisonEvent } from '../comparison/events.js';
import { comparisonRequestSchema, type ComparisonRequest } from '../comparison/request.js';
import { runComparison as run, type ComparisonOutcome } from '../comparison/run-comparison.js';
import { UsageError } from '../domain/errors.js';
import { loadPlugins } from '../plugins/load.js';

/** What a program may want to hear, and how it ends a run. */
export interface RunSurroundings {
  /** Told of progress and notes. No result depends on it. */
  readonly onEvent?: (event: ComparisonEvent) => void;
  /** Ends the run after the task at hand. What is recorded stays, and `resume` goes on with it. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a comparison and writes a run folder, or goes on with one.
 *
 * @param request The settings of `llava-eval run`, in camel case; `{}` is the default run.
 * @throws {UserError} With a message for people, if something cannot be used: its `hints` say what to do.
 * @example
 * const outcome = await runComparison({ dataset: 'tiny', plugins: ['./mine.js'], out: 'results/a' });
 * if (outcome.kind === 'finished') console.log(outcome.summary.rows[0].exactMatch.mean); // percent
 */
export async function runComparison(
  request: ComparisonRequest,
  { onEvent, signal }: RunSurroundings = {},
): Promise<ComparisonOutcome> {
  // The names of plug-ins are valid values of a request once they are loaded.
  await loadPlugins(request.plugins ?? []);
  const parsed = comparisonRequestSchema.safeParse(request);
  if (!parsed.success) {
    throw new UsageError(
      parsed.error.issues
        .map(({ path, message }) => `request: ${path.map(String).join('.') || 'settings'}: ${message}`)
        .join('; '),
      ['the settings are the flags of `llava-eval run`, in camel case'],
    );
  }
  return run(parsed.data, {
    ...quietSurroundings(),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(signal === undefined ? {} : { signal }),
  });
}
