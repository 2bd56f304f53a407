import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../../src/domain/errors.js';
import { SCHEDULERS, shardOfScheduler, variablesOf, type Environment } from '../../src/run/scheduler.js';

/** Task `id` of `sbatch --array=MIN-MAX:STEP`. */
const slurm = (id: number, min: number, max: number, step: number, count: number): Environment => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_MIN: `${min}`,
  SLURM_ARRAY_TASK_MAX: `${max}`,
  SLURM_ARRAY_TASK_STEP: `${step}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
});

const kubernetes = (index: number, shards: number): Environment => ({
  JOB_COMPLETION_INDEX: `${index}`,
  LLAVA_EVAL_SHARDS: `${shards}`,
});

const aws = (index: number, size: number): Environment => ({
  AWS_BATCH_JOB_ARRAY_INDEX: `${index}`,
  AWS_BATCH_JOB_ARRAY_SIZE: `${size}`,
});

const gitlab = (index: number, total: number): Environment => ({
  CI_NODE_INDEX: `${index}`,
  CI_NODE_TOTAL: `${total}`,
});

describe('the shard of a scheduler', () => {
  const cases: readonly (readonly [string, Environment, index: number, count: number])[] = [
    ['Slurm, --array=1-8', slurm(3, 1, 8, 1, 8), 3, 8],
    ['Slurm, --array=0-7', slurm(3, 0, 7, 1, 8), 4, 8],
    // 0, 2, 4, …, 14: the number 6 is the fourth of eight.
    ['Slurm, --array=0-14:2', slurm(6, 0, 14, 2, 8), 4, 8],
    // 10, 20, …, 80: (30 - 10) / 10 + 1 = 3.
    ['Slurm, --array=10-80:10', slurm(30, 10, 80, 10, 8), 3, 8],
    ['Slurm, an array of one', slurm(1, 1, 1, 1, 1), 1, 1],
    ['Kubernetes counts from 0', kubernetes(0, 8), 1, 8],
    ['Kubernetes, the last', kubernetes(7, 8), 8, 8],
    ['AWS Batch counts from 0', aws(2, 10_000), 3, 10_000],
    ['GitLab counts from 1', gitlab(1, 4), 1, 4],
    ['GitLab, the last', gitlab(4, 4), 4, 4],
    [
      'variables that are empty are not set',
      { ...aws(0, 2), CI_NODE_INDEX: '', JOB_COMPLETION_INDEX: '' },
      1,
      2,
    ],
    [
      'a job of GitLab that is not parallel says a total of 1 and no index',
      { ...aws(0, 2), CI_NODE_TOTAL: '1' },
      1,
      2,
    ],
    ['two schedulers that agree', { ...slurm(2, 1, 4, 1, 4), ...gitlab(2, 4) }, 2, 4],
    ['a count that is set as well and agrees', { ...aws(2, 8), LLAVA_EVAL_SHARDS: '8' }, 3, 8],
  ];
  for (const [title, environment, index, count] of cases) {
    test(`${title}: ${index} of ${count}`, () => {
      assert.deepEqual(shardOfScheduler(environment), { index, count });
    });
  }

  test('no row reads a variable that names the number of another', () => {
    const numbers = SCHEDULERS.map(({ index }) => index);
    assert.equal(new Set(numbers).size, numbers.length);
    for (const scheduler of SCHEDULERS) {
      assert.equal(variablesOf(scheduler).filter((name) => numbers.includes(name)).length, 1);
    }
  });
});

describe('--shard auto refuses', () => {
  const without = (environment: Environment, name: string): Environment => ({
    ...environment,
    [name]: undefined,
  });
  const cases: readonly (readonly [string, Environment, RegExp])[] = [
    [
      'a process that no scheduler started',
      {},
      /no scheduler gave this process a number[^]*SLURM_ARRAY_TASK_ID[^]*--shard i\/n/,
    ],
    ['a total without an index', { CI_NODE_TOTAL: '1' }, /no scheduler gave[^]*set: CI_NODE_TOTAL=1\n/],
    [
      'a Kubernetes job that does not say how many',
      { JOB_COMPLETION_INDEX: '3' },
      /Kubernetes[^]*LLAVA_EVAL_SHARDS not set[^]*set LLAVA_EVAL_SHARDS in the job/,
    ],
    [
      'a Slurm array without its step',
      without(slurm(1, 1, 8, 1, 8), 'SLURM_ARRAY_TASK_STEP'),
      /SLURM_ARRAY_TASK_STEP not set\n {2}set: SLURM_ARRAY_TASK_ID=1 /,
    ],
    [
      'a number beyond the last',
      kubernetes(8, 8),
      /JOB_COMPLETION_INDEX=8 is none of the 8 numbers from 0 to 7/,
    ],
    ['GitLab’s number 0', gitlab(0, 4), /CI_NODE_INDEX=0 is none of the 4 numbers from 1 to 4/],
    [
      'a Slurm number between two steps',
      slurm(5, 0, 14, 2, 8),
      /SLURM_ARRAY_TASK_ID=5 is none of the 8 numbers/,
    ],
    // --array=1,5,9,20 in steps of 1: four numbers are not all of 1 to 20.
    ['a Slurm list with gaps', slurm(5, 1, 20, 1, 4), /4 processes from 1 to 20 in steps of 1 leave gaps/],
    [
      'a Slurm array of the one task 5, which repeats a part of another',
      slurm(5, 5, 5, 1, 1),
      /the only process has the number 5[^]*--shard i\/n/,
    ],
    ['no processes', aws(0, 0), /AWS_BATCH_JOB_ARRAY_SIZE=0 is no number of processes/],
    ['a step of 0', slurm(1, 1, 1, 0, 1), /steps of 0/],
    [
      'what is no number',
      { ...aws(0, 8), AWS_BATCH_JOB_ARRAY_INDEX: '1e1' },
      /AWS_BATCH_JOB_ARRAY_INDEX="1e1" is not a whole number/,
    ],
    ['a negative number', { ...aws(0, 8), AWS_BATCH_JOB_ARRAY_INDEX: '-1' }, /"-1" is not a whole number/],
    [
      'two schedulers that disagree',
      { ...slurm(2, 1, 4, 1, 4), ...aws(2, 4) },
      /two schedulers give different shards\n {2}Slurm job array: shard 2\/4 \(.*\)\n {2}AWS Batch array job: shard 3\/4 /,
    ],
    [
      'another count than the job was written for',
      { ...slurm(2, 1, 4, 1, 4), LLAVA_EVAL_SHARDS: '8' },
      /4 processes, but LLAVA_EVAL_SHARDS=8[^]*--shard i\/8/,
    ],
  ];
  for (const [title, environment, message] of cases) {
    test(title, () => {
      assert.throws(
        () => shardOfScheduler(environment),
        (error: unknown) => error instanceof UsageError && message.test(error.render()),
      );
    });
  }
});
