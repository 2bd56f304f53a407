/**
 * @file Scores of predictions that exist already, as a function; no model is needed.
 *
 * Predictions are scored as they are read: only the references and the scores are kept.
 */

import type { Dataset } from '../datasets/dataset.js';
import type { FormatName } from '../datasets/formats/all.js';
import { openDataset } from '../datasets/open/open-dataset.js';
import { readPredictions } from '../datasets/records/predictions.js';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Language } from '../domain/task.js';
import { writeAtomically } from '../files/atomic-file.js';
import { scoreCompletion, type MetricProfile, type TaskScore } from '../metrics/profile.js';
import { metricProfileKind, type MetricProfileName } from '../metrics/registry.js';
import type { ScoringRun } from '../report/terminal/scores.js';
import { loadPlugins } from '../plugins/load.js';
import { openMetricProfile } from './metric-profile.js';

/** What {@link scorePredictions} is asked. */
export interface ScoreRequest {
  /** File of `{task_id, pred}` lines. */
  readonly predictions: string;
  /** The dataset that they answer, as `openDataset` takes it. */
  readonly references: string;
  readonly profile: MetricProfileName;
  /** Schema of the references, where it is not to be told from them. */
  readonly format?: FormatName | undefined;
  /** Of all tasks, where the file names do not tell. */
  readonly language?: Language | undefined;
  /** Leave damaged lines of both files out and count them. */
  readonly skipInvalid?: boolean | undefined;
  /** File to write `{task_id, em, es, …}` lines to: fractions, a task a line. */
  readonly details?: string | undefined;
  /** Files of plug-ins, from the working folder. */
  readonly plugins?: readonly string[] | undefined;
}

/**
 * Joins predictions to the records of a dataset by task id and scores them as a published harness does.
 *
 * @param onInvalid Told of each line that `skipInvalid` leaves out.
 * @throws {DataError} If a file cannot be used, or the two do not answer each other one to one.
 * @example
 * const request = { predictions: 'p.jsonl', references: 'tiny', profile: 'llavacode' } as const;
 * const { report } = await scorePredictions(request, (problem) => console.warn(problem.message));
 * report.emExact; // percent
 */
export async function scorePredictions(
  request: ScoreRequest,
  onInvalid: (problem: DataError) => void = () => undefined,
): Promise<ScoringRun> {
  await loadPlugins(request.plugins ?? []);
  const references = await openReferences(request, onInvalid);
  const profile = await openMetricProfile(request.profile, references.tasks);
  const answers = await scoreEach(request, references.tasks, profile, onInvalid);
  const missing = requireOneToOne(request, references, answers);
  const scored = scoredTasks(request, references.tasks, answers.scores);
  if (request.details !== undefined) await writeDetails(request.details, scored);
  return {
    profile,
    report: profile.report(scored),
    skipped:
      request.skipInvalid === true
        ? { references: references.skipped, predictions: answers.skipped, tasks: missing }
        : null,
  };
}

type References = Pick<Dataset, 'tasks' | 'skipped'>;

async function openReferences(
  { references, profile, format, language, skipInvalid }: ScoreRequest,
  onInvalid: (problem: DataError) => void,
): Promise<References> {
  const { readsPrefix } = metricProfileKind(profile);
  const { tasks, skipped } = await openDataset(references, {
    ...(skipInvalid === true ? { skipInvalid, onInvalid } : {}),
    ...(format === undefined ? {} : { format }),
    withRepositories: false,
    // Some profiles look at the code before a hole, and none at what follows it.
    trim: (task) => ({ ...task, suffix: '', prefix: readsPrefix ? task.prefix : '' }),
  });
  return {
    tasks: language === undefined ? tasks : tasks.map((task): CompletionTask => ({ ...task, language })),
    skipped,
  };
}

/** What the predictions came to. */
interface Answers {
  /** In the order of the tasks; undefined where a task has no prediction. */
  readonly scores: readonly (TaskScore | undefined)[];
  /** Task ids that the references do not have. */
  readonly unknown: readonly string[];
  /** Damaged lines that were left out. */
  readonly skipped: number;
}

async function scoreEach(
  { predictions, skipInvalid }: ScoreRequest,
  tasks: readonly CompletionTask[],
  profile: MetricProfile,
  onInvalid: (problem: DataError) => void,
): Promise<Answers> {
  const indexOfId = new Map(tasks.map((task, i): [string, number] => [task.id, i]));
  const scores = tasks.map((): TaskScore | undefined => undefined);
  const unknown: string[] = [];
  let skipped = 0;
  const leaveOut = (problem: DataError): void => {
    skipped++;
    onInvalid(problem);
  };
  const lines = readPredictions(predictions, skipInvalid === true ? leaveOut : null);
  for await (const { taskId, completion } of lines) {
    const i = indexOfId.get(taskId);
    if (i === undefined) unknown.push(taskId);
    else scores[i] = scoreCompletion(profile, completion, tasks[i]!);
  }
  return { scores, unknown, skipped };
}

/**
 * Of each line that was left out one counterpart may be over; more than that is another file's predictions.
 *
 * @returns How many tasks have no prediction.
 * @throws {DataError} Naming some of those that have no counterpart.
 */
function requireOneToOne(
  { predictions, references }: ScoreRequest,
  { tasks, skipped }: References,
  answers: Answers,
): number {
  const missing = tasks.filter((_, i) => answers.scores[i] === undefined).map((task) => task.id);
  if (missing.length <= answers.skipped && answers.unknown.length <= skipped) return missing.length;
  throw new DataError(`${predictions}: does not answer ${references} one to one`, [
    ...describe(missing, 'without a prediction'),
    ...describe(answers.unknown, 'predicted but not in the references'),
    'a mean over some of the tasks cannot be compared with one over all of them',
  ]);
}

function describe(ids: readonly string[], what: string): string[] {
  if (ids.length === 0) return [];
  const shown = ids.slice(0, 3).join(', ');
  return [`${ids.length} ${what}: ${shown}${ids.length > 3 ? ', …' : ''}`];
}

interface ScoredTask {
  readonly task: CompletionTask;
  readonly score: TaskScore;
}

/** @throws {DataError} If there is none. */
function scoredTasks(
  { predictions }: ScoreRequest,
  tasks: readonly CompletionTask[],
  scores: Answers['scores'],
): ScoredTask[] {
  const scored = tasks.flatMap((task, i) => {
    const score = scores[i];
    return score === undefined ? [] : [{ task, score }];
  });
  if (scored.length > 0) return scored;
  throw new DataError(`${predictions}: no prediction is left to score`, [
    'every one that the references ask for was left out as damaged',
  ]);
}

async function writeDetails(path: string, scored: readonly ScoredTask[]): Promise<void> {
  const lines = scored.map(({ task, score: { exactMatch, editSimilarity, extras } }) =>
    JSON.stringify({ task_id: task.id, em: exactMatch, es: editSimilarity, ...extras }),
  );
  await writeAtomically(path, lines.map((line) => `${line}\n`).join(''));
}
