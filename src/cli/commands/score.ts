/**
 * @file `llava-eval score`: flags to a request, scores to text.
 */

import type { Command } from 'commander';
import { scorePredictions } from '../../comparison/score.js';
import { formatNames, type FormatName } from '../../datasets/formats/all.js';
import { EXIT } from '../../domain/errors.js';
import { LANGUAGES, type Language } from '../../domain/task.js';
import {
  DEFAULT_METRIC_PROFILE,
  metricProfileNames,
  type MetricProfileName,
} from '../../metrics/registry.js';
import { renderScores, scoresJson } from '../../report/terminal/scores.js';
import { oneMore, oneOf } from '../flags/options.js';
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
  readonly plugin?: string[];
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
      `metric profile: ${metricProfileNames().join(', ')}`,
      oneOf(metricProfileNames()),
      DEFAULT_METRIC_PROFILE,
    )
    .option(
      '--language <name>',
      `of all tasks (${LANGUAGES.join(', ')}), where the file names do not tell`,
      oneOf(LANGUAGES),
    )
    .option('--details <file>', 'write {task_id, em, es, …} per task there, fractions')
    .option('--format <name>', `schema of the references: ${formatNames().join(', ')}`, oneOf(formatNames()))
    .option('--skip-invalid', 'leave damaged lines out and count them')
    .option(
      '--plugin <file>',
      'a file of JavaScript that adds metric profiles or record formats; several: once for each',
      oneMore,
    )
    .option('--json', 'print one JSON object')
    .action(async ({ json, plugin, ...request }: ScoreFlags) => {
      const run = await scorePredictions({ ...request, plugins: plugin }, (problem) => {
        shell.stderr.write(`left out: ${problem.message}\n`);
      });
      shell.stdout.write(json === true ? `${JSON.stringify(scoresJson(run))}\n` : renderScores(run));
      shell.exit(EXIT.done);
    });
}
