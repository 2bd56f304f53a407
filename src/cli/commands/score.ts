/**
 * @file `llava-eval score`: the metrics of predictions that exist already; no model needed.
 *
 * Predictions are scored as they are read; only the references and the scores are kept.
 */

import type { Command } from 'commander';
import { openDataset } from '../../datasets/open/open-dataset.js';
import { FORMAT_NAMES, type FormatName } from '../../datasets/formats/all.js';
import { readPredictions } from '../../datasets/records/predictions.js';
import { DataError, EXIT } from '../../domain/errors.js';
import { LANGUAGES, type CompletionTask, type Language } from '../../domain/task.js';
import { scoreCompletion, type TaskScore } from '../../metrics/profile.js';
import {
  DEFAULT_METRIC_PROFILE,
  METRIC_PROFILES,
  metricProfileKind,
  type MetricProfileName,
} from '../../metrics/registry.js';
import { renderScores, scoresJson, type ScoringRun } from '../../report/terminal/scores.js';
import { writeAtomically } from '../../files/atomic-file.js';
import { composeMetricProfile } from '../../comparison/compose.js';
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
    .action(async (flags: ScoreFlags) => {
      await score(flags, shell);
      shell.exit(EXIT.done);
    });
}

async function score(flags: ScoreFlags, shell: Shell): Promise<void> {
  const warn = (problem: DataError): void => {
    shell.stderr.write(`left out: ${problem.message}\n`);
  };
  const skipInvalid = flags.skipInvalid === true;
  const { readsPrefix } = metricProfileKind(flags.profile);
  const dataset = await openDataset(flags.references, {
    ...(skipInvalid ? { skipInvalid, onInvalid: warn } : {}),
    ...(flags.format === undefined ? {} : { format: flags.format }),
    withRepositories: false,
    // Some profiles look at the code before a hole, and none at what follows it.
    trim: (task) => ({ ...task, suffix: '', prefix: readsPrefix ? task.prefix : '' }),
  });
  const { language } = flags;
  const tasks =
    language === undefined
      ? dataset.tasks
      : dataset.tasks.map((task): CompletionTask => ({ ...task, language }));
  const profile = await composeMetricProfile(flags.profile, tasks);

  const indexOfId = new Map(tasks.map((task, i): [string, number] => [task.id, i]));
  const scores: (TaskScore | undefined)[] = tasks.map(() => undefined);
  const unknown: string[] = [];
  let skipped = 0;
  const onInvalid = (problem: DataError): void => {
    skipped++;
    warn(problem);
  };
  for await (const { taskId, completion } of readPredictions(
    flags.predictions,
    skipInvalid ? onInvalid : null,
  )) {
    const i = indexOfId.get(taskId);
    if (i === undefined) unknown.push(taskId);
    else scores[i] = scoreCompletion(profile, completion, tasks[i]!);
  }

  const missing = tasks.filter((_, i) => scores[i] === undefined).map((task) => task.id);
  // Of each line left out one counterpart may be over; more than that is another file's predictions.
  if (missing.length > skipped || unknown.length > dataset.skipped) {
    throw new DataError(`${flags.predictions}: does not answer ${flags.references} one to one`, [
      ...describe(missing, 'without a prediction'),
      ...describe(unknown, 'predicted but not in the references'),
      'a mean over some of the tasks cannot be compared with one over all of them',
    ]);
  }
  const scored = tasks.flatMap((task, i) => (scores[i] === undefined ? [] : [{ task, score: scores[i] }]));
  if (scored.length === 0) {
    throw new DataError(`${flags.predictions}: no prediction is left to score`, [
      'every one that the references ask for was left out as damaged',
    ]);
  }
  if (flags.details !== undefined) {
    const lines = scored.map(({ task, score: { exactMatch, editSimilarity, extras } }) =>
      JSON.stringify({ task_id: task.id, em: exactMatch, es: editSimilarity, ...extras }),
    );
    await writeAtomically(flags.details, lines.map((line) => `${line}\n`).join(''));
  }
  const run: ScoringRun = {
    profile,
    report: profile.report(scored),
    skipped: skipInvalid
      ? { references: dataset.skipped, predictions: skipped, tasks: missing.length }
      : null,
  };
  shell.stdout.write(flags.json === true ? `${JSON.stringify(scoresJson(run))}\n` : renderScores(run));
}

function describe(ids: readonly string[], what: string): string[] {
  if (ids.length === 0) return [];
  const shown = ids.slice(0, 3).join(', ');
  return [`${ids.length} ${what}: ${shown}${ids.length > 3 ? ', …' : ''}`];
}
