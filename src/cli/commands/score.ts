/**
 * @file `llava-eval score`: flags to a request, scores to text.
 */

import type { Command } from 'commander';
import { scorePredictions } from '../../comparison/score.js';
import { FORMAT_NAMES, type FormatName } from '../../datasets/formats/all.js';
import { EXIT } from '../../domain/errors.js';
import { LANGUAGES, type Language } from '../../domain/task.js';
import { DEFAULT_METRIC_PROFILE, METRIC_PROFILES, type MetricProfileName } from '../../metrics/registry.js';
import { renderScores, scoresJson } from '../../report/terminal/scores.js';
import { oneOf } from '../flags/options.js';
import type { Shell } from '../terminal/shell.js';

interface ScoreFlags {
  readonly predictions: string;
  readonly references: string;
  readonly profile: MetricProfileName;
  readonly language?: Language;
  readonly details?: string;
  readonly format?: FormatName;
  readonly skipInvalid?: true;
  readonly json?: true;
}

/** Registers the command. */
export function registerScore(program: Command, shell: Shell): void {
  program
    .command('score')
    .summary('EM, ES and more of existing predictions; no model needed')
    .description(
      'Joins {task_id, pred} lines to the records of a dataset by task id and scores them as one of the ' +
        'published harnesses does. Every reference needs exactly one prediction.',
    )
    .requiredOption('--predictions <file>', 'JSON lines of {task_id, pred}')
    .requiredOption('--references <file>', 'the dataset they answer: a file, a folder or an id')
    .option(
      '--profile <name>',
      `metric profile: ${METRIC_PROFILES.join(', ')}`,
      oneOf(METRIC_PROFILES),
      DEFAULT_METRIC_PROFILE,
    )
    .option(
      '--language <name>',
      `of all tasks (${LANGUAGES.join(', ')}), where the file names do not tell`,
      oneOf(LANGUAGES),
    )
    .option('--details <file>', 'write {task_id, em, es, …} per task there, fractions')
    .option('--format <name>', `schema of the references: ${FORMAT_NAMES.join(', ')}`, oneOf(FORMAT_NAMES))
    .option('--skip-invalid', 'leave damaged lines out and count them')
    .option('--json', 'print one JSON object')
    .action(async ({ json, ...request }: ScoreFlags) => {
      const run = await scorePredictions(request, (problem) => {
        shell.stderr.write(`left out: ${problem.message}\n`);
      });
      shell.stdout.write(json === true ? `${JSON.stringify(scoresJson(run))}\n` : renderScores(run));
      shell.exit(EXIT.done);
    });
}
