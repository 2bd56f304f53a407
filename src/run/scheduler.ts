/**
 * @file Which shard a scheduler gave to this process: `--shard auto`.
 *
 * A scheduler that starts many copies of one command tells each copy its number in environment variables. Each
 * scheduler is one row of a table. Variables that are missing, that contradict each other or that are out of range are
 * refused, because a wrong shard would be noticed only when all shards are merged.
 *
 * Sources: sbatch(1), "OUTPUT ENVIRONMENT VARIABLES"; Kubernetes, "Indexed Job"; AWS Batch, "Array jobs";
 * GitLab CI/CD, "Predefined variables".
 */

import { UsageError } from '../domain/errors.js';
import { shardText, type Shard } from './shard.js';

/** How many shards there are, said by whoever wrote the job; schedulers that know it themselves must agree. */
export const SHARDS_VARIABLE = 'LLAVA_EVAL_SHARDS';

/** One scheduler, by the environment variables that it sets. */
export interface Scheduler {
  readonly name: string;
  /** Number of this process. If it is set, this scheduler started the process. */
  readonly index: string;
  /** How many processes there are. */
  readonly count: string;
  /** Number of the first process: a constant of the scheduler, or a variable. */
  readonly first: number | string;
  /** Number of the last process; null where the scheduler does not say. */
  readonly last: string | null;
  /** From one number to the next; null where it is always 1. */
  readonly step: string | null;
}

/** All schedulers that `--shard auto` knows. */
export const SCHEDULERS: readonly Scheduler[] = [
  {
    name: 'Slurm job array',
    index: 'SLURM_ARRAY_TASK_ID',
    count: 'SLURM_ARRAY_TASK_COUNT',
    first: 'SLURM_ARRAY_TASK_MIN',
    last: 'SLURM_ARRAY_TASK_MAX',
    step: 'SLURM_ARRAY_TASK_STEP',
  },
  {
    // Kubernetes tells a pod its index and not the number of completions: the manifest sets that.
    name: 'Kubernetes Indexed Job',
    index: 'JOB_COMPLETION_INDEX',
    count: SHARDS_VARIABLE,
    first: 0,
    last: null,
    step: null,
  },
  {
    name: 'AWS Batch array job',
    index: 'AWS_BATCH_JOB_ARRAY_INDEX',
    count: 'AWS_BATCH_JOB_ARRAY_SIZE',
    first: 0,
    last: null,
    step: null,
  },
  {
    name: 'GitLab parallel job',
    index: 'CI_NODE_INDEX',
    count: 'CI_NODE_TOTAL',
    first: 1,
    last: null,
    step: null,
  },
];

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The shard that the scheduler of this process gave it.
 *
 * @throws {UsageError} If no scheduler is recognised, if two disagree, or if the variables of one are missing,
 *         contradict each other or are out of range.
 * @example
 * shardOfScheduler({ AWS_BATCH_JOB_ARRAY_INDEX: '2', AWS_BATCH_JOB_ARRAY_SIZE: '8' }) // => { index: 3, count: 8 }
 */
export function shardOfScheduler(environment: Environment): Shard {
  const found = SCHEDULERS.filter(({ index }) => isSet(environment, index)).map((scheduler) => ({
    scheduler,
    shard: shardOf(scheduler, environment),
  }));
  const [first, ...others] = found;
  if (first === undefined) throw noScheduler(environment);
  const other = others.find(({ shard }) => shardText(shard) !== shardText(first.shard));
  if (other !== undefined) {
    throw refusal('two schedulers give different shards', [
      ...[first, other].map(
        ({ scheduler, shard }) =>
          `${scheduler.name}: shard ${shardText(shard)} (${settings(scheduler, environment)})`,
      ),
      `unset ${other.scheduler.index} or ${first.scheduler.index}, or give the shard as --shard ${shardText(first.shard)}`,
    ]);
  }
  return first.shard;
}

function shardOf(scheduler: Scheduler, environment: Environment): Shard {
  const missing = variablesOf(scheduler).filter((name) => !isSet(environment, name));
  if (missing.length > 0) {
    throw refusal(`${scheduler.name}: ${missing.join(' and ')} not set`, [
      `set: ${settings(scheduler, environment)}`,
      missing.includes(SHARDS_VARIABLE)
        ? `set ${SHARDS_VARIABLE} in the job to the number of its processes`
        : 'a scheduler of this kind sets them all; set what is missing, or give the shard as --shard i/n',
    ]);
  }
  const numbers = numbersOf(scheduler, environment);
  const problem = problemOf(scheduler, numbers);
  if (problem !== null) {
    throw refusal(`${scheduler.name}: ${problem}`, [
      `set: ${settings(scheduler, environment)}`,
      `number the processes without a gap, or give the shard as --shard i/n`,
    ]);
  }
  const shard = { index: (numbers.index - numbers.first) / numbers.step + 1, count: numbers.count };
  requireSameCount(scheduler, shard, environment);
  return shard;
}

/** What a scheduler says, as numbers. */
interface Numbers {
  readonly index: number;
  readonly count: number;
  readonly first: number;
  readonly step: number;
  readonly last: number;
}

function numbersOf(scheduler: Scheduler, environment: Environment): Numbers {
  const read = (name: string): number => wholeNumber(scheduler, name, environment);
  const count = read(scheduler.count);
  const first = typeof scheduler.first === 'string' ? read(scheduler.first) : scheduler.first;
  const step = scheduler.step === null ? 1 : read(scheduler.step);
  return {
    index: read(scheduler.index),
    ...{ count, first, step },
    last: scheduler.last === null ? first + (count - 1) * step : read(scheduler.last),
  };
}

/** Why the numbers give no shard; null if they do. */
function problemOf(scheduler: Scheduler, { index, count, first, step, last }: Numbers): string | null {
  if (count < 1) return `${scheduler.count}=${count} is no number of processes`;
  if (step < 1 || first + (count - 1) * step !== last) {
    return `${count} processes from ${first} to ${last} in steps of ${step} leave gaps`;
  }
  if (index < first || index > last || (index - first) % step !== 0) {
    return `${scheduler.index}=${index} is none of the ${count} numbers from ${first} to ${last}`;
  }
  // An array of the one task 5 is the repetition of a part of an earlier array, not a run in one piece.
  if (count === 1 && first > 1)
    return `the only process has the number ${first}, so it repeats a part of another job`;
  return null;
}

/** Whoever wrote the job may say how many shards there are. A scheduler that counts otherwise started another job. */
function requireSameCount(scheduler: Scheduler, shard: Shard, environment: Environment): void {
  if (scheduler.count === SHARDS_VARIABLE || !isSet(environment, SHARDS_VARIABLE)) return;
  const wanted = wholeNumber(scheduler, SHARDS_VARIABLE, environment);
  if (wanted === shard.count) return;
  throw refusal(`${scheduler.name}: ${shard.count} processes, but ${SHARDS_VARIABLE}=${wanted}`, [
    `set: ${settings(scheduler, environment)}`,
    `start ${wanted} processes, or give the shard as --shard i/${wanted}`,
  ]);
}

function wholeNumber({ name }: Scheduler, variable: string, environment: Environment): number {
  const text = environment[variable] ?? '';
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw refusal(`${name}: ${variable}="${text}" is not a whole number`, [
      'set it as the scheduler does, or give the shard as --shard i/n',
    ]);
  }
  return value;
}

/** The variables that a row reads. */
export function variablesOf({ index, count, first, last, step }: Scheduler): string[] {
  return [index, first, last, count, step].filter((name) => typeof name === 'string');
}

function noScheduler(environment: Environment): UsageError {
  const hints = SCHEDULERS.map(({ name, index }) => `${name}: ${index}`);
  const halves = SCHEDULERS.flatMap(variablesOf).filter((name) => isSet(environment, name));
  return refusal('no scheduler gave this process a number', [
    `looked for: ${hints.join('; ')}`,
    ...(halves.length === 0
      ? []
      : [`set: ${[...new Set(halves)].map((name) => `${name}=${environment[name]!}`).join(' ')}`]),
    'start it as an array, indexed or parallel job, or give the shard as --shard i/n',
  ]);
}

/** Schedulers and shells leave variables empty that they do not set. */
function isSet(environment: Environment, name: string): boolean {
  return (environment[name] ?? '') !== '';
}

/** @example 'JOB_COMPLETION_INDEX=2 LLAVA_EVAL_SHARDS=8' */
function settings(scheduler: Scheduler, environment: Environment): string {
  return variablesOf(scheduler)
    .filter((name) => isSet(environment, name))
    .map((name) => `${name}=${environment[name]!}`)
    .join(' ');
}

function refusal(problem: string, hints: readonly string[]): UsageError {
  return new UsageError(`--shard auto: ${problem}`, hints);
}
