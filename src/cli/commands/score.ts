/**
 * @file `llava-eval score`: EM and ES of predictions that exist already; no model needed.
 */

import type { Command } from 'commander';
import { z } from 'zod';
import { openDataset } from '../../datasets/dataset.js';
import { parseLine, readLines } from '../../datasets/jsonl.js';
import { DataError, EXIT } from '../../domain/errors.js';
import { LLAVACODE_PROFILE, scoreLlavacode, type TaskScore } from '../../metrics/llavacode.js';
import { roundHalfEven2 } from '../../metrics/rounding.js';
import { mean } from '../../metrics/statistics.js';
import { writeAtomically } from '../../run/atomic-file.js';
import { oneOf } from '../options.js';
import { METRIC_PROFILES } from '../run-options.js';
import type { Shell } from '../shell.js';

const predictionSchema = z.object({ task_id: z.string().min(1), pred: z.string() });

interface ScoreFlags {
  readonly predictions: string;
  readonly references: string;
  readonly profile: (typeof METRIC_PROFILES)[number];
  readonly details?: string;
  readonly json?: true;
}

/** Registers the command. */
export function registerScore(program: Command, shell: Shell): void {
  program
    .command('score')
    .summary('EM and ES of existing predictions; no model needed')
    .description(
      'Joins {task_id, pred} lines to the records of a dataset by task id and scores them. Percent, over all ' +
        'references; every reference needs exactly one prediction.',
    )
    .requiredOption('--predictions <file>', 'JSON lines of {task_id, pred}')
    .requiredOption('--references <file>', 'the dataset they answer: a file, a folder or an id')
    .option(
      '--profile <name>',
      `metric profile: ${METRIC_PROFILES.join(', ')}`,
      oneOf(METRIC_PROFILES),
      'llavacode',
    )
    .option('--details <file>', 'write {task_id, em, es} per task there')
    .option('--json', 'print one JSON object')
    .action(async (flags: ScoreFlags) => {
      await score(flags, shell);
      shell.exit(EXIT.done);
    });
}

async function score(flags: ScoreFlags, shell: Shell): Promise<void> {
  const predictions = await readPredictions(flags.predictions);
  const dataset = await openDataset(flags.references);
  const ids = new Set<string>(dataset.tasks.map((task) => task.id));
  const missing = dataset.tasks.filter((task) => !predictions.has(task.id)).map((task) => task.id);
  const unknown = [...predictions.keys()].filter((id) => !ids.has(id));
  if (missing.length > 0 || unknown.length > 0) {
    throw new DataError(`${flags.predictions}: does not answer ${flags.references} one to one`, [
      ...describe(missing, 'without a prediction'),
      ...describe(unknown, 'predicted but not in the references'),
      'a mean over some of the tasks cannot be compared with one over all of them',
    ]);
  }
  const scores = dataset.tasks.map((task) => ({
    id: task.id,
    ...scoreLlavacode(predictions.get(task.id)!, task.reference),
  }));
  const emExact = percent(scores, (entry) => entry.exactMatch);
  const esExact = percent(scores, (entry) => entry.editSimilarity);
  if (flags.details !== undefined) {
    const lines = scores.map(({ id, exactMatch, editSimilarity }) =>
      JSON.stringify({ task_id: id, em: exactMatch, es: editSimilarity }),
    );
    await writeAtomically(flags.details, lines.map((line) => `${line}\n`).join(''));
  }
  const result = {
    profile: flags.profile,
    version: LLAVACODE_PROFILE,
    total: scores.length,
    em: roundHalfEven2(emExact),
    es: roundHalfEven2(esExact),
    emExact,
    esExact,
  };
  shell.stdout.write(
    flags.json === true
      ? `${JSON.stringify(result)}\n`
      : `${result.version}: EM ${result.em.toFixed(2)} %, ES ${result.es.toFixed(2)} % over ${result.total} tasks\n`,
  );
}

async function readPredictions(file: string): Promise<Map<string, string>> {
  const predictions = new Map<string, string>();
  for await (const line of readLines(file)) {
    const { task_id: id, pred } = parseLine(file, line, predictionSchema, {
      task_id: 'predictions are joined to references by this id, never by their order',
      pred: 'this is the completion to score',
    });
    if (predictions.has(id)) {
      throw new DataError(`${file}:${line.line}: task_id "${id}" was predicted before`, [
        'which of the two counts cannot be decided here; keep one',
      ]);
    }
    predictions.set(id, pred);
  }
  return predictions;
}

function percent(scores: readonly TaskScore[], read: (entry: TaskScore) => number): number {
  const value = mean(scores.map(read));
  if (value === null) throw new DataError('the references hold no task', ['there is nothing to score']);
  return value * 100;
}

function describe(ids: readonly string[], what: string): string[] {
  if (ids.length === 0) return [];
  const shown = ids.slice(0, 3).join(', ');
  return [`${ids.length} ${what}: ${shown}${ids.length > 3 ? ', …' : ''}`];
}
