/**
 * @file `runComparison`: the command `run` as a function.
 */

import { comparisonRequestSchema, type ComparisonRequest } from '../comparison/request.js';
import { runComparison as run, type ComparisonOutcome } from '../comparison/run-comparison.js';
import { loadPlugins } from '../plugins/load.js';
import { checkedRequest, surroundingsOf, type RunSurroundings } from './surroundings.js';

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
  surroundings: RunSurroundings = {},
): Promise<ComparisonOutcome> {
  // The names of plug-ins are valid values of a request once they are loaded.
  await loadPlugins(request.plugins ?? []);
  return run(checkedRequest(comparisonRequestSchema, request), surroundingsOf(surroundings));
}
