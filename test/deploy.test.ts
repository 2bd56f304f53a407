/**
 * @file The manifests of `deploy/` against the program: flags that exist, variables that it reads, numbers that agree.
 * `scripts/check-deploy.sh` checks them against the schemas of their schedulers.
 */

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { addRunFlags } from '../src/cli/flags/run-flags.js';
import { runCommand } from '../src/cli/flags/run-options.js';
import type { ComparisonRequest } from '../src/comparison/request.js';
import { SCHEDULERS, shardOfScheduler, variablesOf, type Environment } from '../src/run/scheduler.js';

const read = (name: string): string => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

/** What `llava-eval run` makes of arguments; it refuses flags and values that it does not know. */
function requestOf(args: readonly string[]): ComparisonRequest {
  const command = addRunFlags(new Command('run').exitOverride()).action(() => undefined);
  const asked = runCommand(command.parse(args, { from: 'user' }).opts(), {});
  assert.ok(asked.kind === 'comparison');
  return asked.request;
}

/** The only group of a pattern in a text. */
function found(pattern: RegExp, text: string): string {
  const group = pattern.exec(text)?.[1];
  assert.ok(group !== undefined, `${pattern} is not in it`);
  return group;
}

const known = new Set(SCHEDULERS.flatMap(variablesOf));

describe('the Slurm array', () => {
  const script = read('slurm/array.sbatch');

  test('hands its arguments to a shard that finds its number by itself, with the threads that Slurm gave it', () => {
    const line = found(/^exec \$\{LLAVA_EVAL:-llava-eval\} run (.*) "\$@"$/m, script);
    const args = line.replace('"$SLURM_CPUS_PER_TASK"', '4').split(' ');
    assert.deepEqual(requestOf([...args, '--out', 'r']), { shard: 'auto', threads: 4, out: 'r' });
    assert.match(script, /^#SBATCH --cpus-per-task=\d+$/m);
    assert.match(script, /^#SBATCH --requeue$/m);
  });

  test('numbers its tasks as the table of schedulers reads them', () => {
    const [, first, last] = /^#SBATCH --array=(\d+)-(\d+)$/m.exec(script)!;
    const count = `${Number(last) - Number(first) + 1}`;
    const environment: Environment = {
      SLURM_ARRAY_TASK_ID: last,
      SLURM_ARRAY_TASK_MIN: first,
      SLURM_ARRAY_TASK_MAX: last,
      SLURM_ARRAY_TASK_COUNT: count,
      SLURM_ARRAY_TASK_STEP: '1',
    };
    assert.deepEqual(shardOfScheduler(environment), { index: 8, count: 8 });
    assert.match(script, /shard-\*-of-8/);
  });
});

describe('the Kubernetes job', () => {
  const job = read('kubernetes/indexed-job.yaml');

  test('has arguments that the program knows', () => {
    const args = [...job.matchAll(/^ {12}- (--?\S+)$/gm)].map((match) => match[1]!);
    assert.deepEqual(requestOf(args), {
      ...{ shard: 'auto', out: '/results/run', threads: 4, dataset: 'npm-ts-lines', limit: 'all' },
    });
  });

  test('says how many shards there are as often as it is asked, each time the same', () => {
    const completions = found(/^ {2}completions: (\d+)$/m, job);
    const shards = found(/- name: LLAVA_EVAL_SHARDS\n +value: '(\d+)'/, job);
    assert.equal(shards, completions);
    const environment = { JOB_COMPLETION_INDEX: `${Number(completions) - 1}`, LLAVA_EVAL_SHARDS: shards };
    assert.deepEqual(shardOfScheduler(environment), { index: 8, count: 8 });
    assert.ok(known.has('LLAVA_EVAL_SHARDS'));
    assert.match(read('kubernetes/merge-job.yaml'), new RegExp(`shard-\\*-of-${completions} `));
  });

  test('and the one that merges work in the same volume and image', () => {
    const merge = read('kubernetes/merge-job.yaml');
    for (const pattern of [/claimName: (\S+)/, /image: (\S+)/]) {
      assert.equal(found(pattern, merge), found(pattern, job));
    }
  });
});

describe('the AWS Batch job', () => {
  interface Definition {
    readonly jobDefinitionName: string;
    readonly parameters: Readonly<Record<string, string>>;
    readonly containerProperties: { readonly command: readonly string[] };
  }
  const definition = JSON.parse(read('aws-batch/job-definition.json')) as Definition;
  const submission = JSON.parse(read('aws-batch/submit-array.json')) as {
    readonly jobDefinition: string;
    readonly parameters: Readonly<Record<string, string>>;
  };

  test('has arguments that the program knows, and parameters for all that it leaves open', () => {
    const [verb, ...args] = definition.containerProperties.command;
    assert.equal(verb, 'run');
    const filled = args.map((word) =>
      word.startsWith('Ref::') ? (definition.parameters[word.slice(5)] ?? assert.fail(word)) : word,
    );
    assert.deepEqual(requestOf(filled), {
      ...{ shard: 'auto', out: '/results/run', threads: 4, dataset: 'npm-ts-lines', limit: 'all' },
    });
  });

  test('is what the submission submits, with parameters that it has', () => {
    assert.equal(submission.jobDefinition, definition.jobDefinitionName);
    for (const name of Object.keys(submission.parameters)) assert.ok(name in definition.parameters, name);
  });
});

describe('the GitHub workflow', () => {
  const workflow = read('github-actions/matrix.yml');

  test('has arguments that the program knows, and one shard a job', () => {
    const run = found(/npx llava-eval run\n([^]*?)\n {8}env:/, workflow);
    const args = run
      .replaceAll('${{ matrix.shard }}', '3')
      .replaceAll('${{ strategy.job-total }}', '8')
      .replaceAll('"$DATASET"', 'tiny')
      .trim()
      .split(/\s+/);
    assert.deepEqual(requestOf(args), {
      ...{ shard: { index: 3, count: 8 }, out: 'results/shard-3', threads: 4, dataset: 'tiny' },
    });
    assert.equal(found(/^ {8}shard: \[(.*)\]$/m, workflow), '1, 2, 3, 4, 5, 6, 7, 8');
  });
});

describe('the image', () => {
  const file = read('container/Containerfile');

  test('runs on the release of Node that the project supports, not as root, without libraries for CUDA', () => {
    assert.match(file, /^FROM node:22-slim$/m);
    assert.match(file, /^USER 1000$/m);
    const skip = /ONNXRUNTIME_NODE_INSTALL[=:] ?skip/;
    assert.match(file, skip);
    assert.match(read('github-actions/matrix.yml'), skip);
  });
});

describe('what the documents say', () => {
  const scaling = readFileSync(new URL('../docs/scaling.md', import.meta.url), 'utf8');

  test('names every scheduler and every variable that the program reads', () => {
    for (const scheduler of SCHEDULERS) {
      for (const variable of variablesOf(scheduler)) assert.ok(scaling.includes(`\`${variable}\``), variable);
    }
  });

  test('sets no variable of the program that nothing reads', () => {
    const others = new Set(['LLAVA_EVAL', 'LLAVA_EVAL_CACHE']);
    const manifests = [
      ...['slurm/array.sbatch', 'kubernetes/indexed-job.yaml', 'kubernetes/merge-job.yaml'],
      ...['aws-batch/job-definition.json', 'github-actions/matrix.yml', 'container/Containerfile'],
    ];
    for (const name of [...manifests, 'README.md']) {
      for (const [variable] of read(name).matchAll(/\bLLAVA_EVAL\w*/g)) {
        assert.ok(known.has(variable) || others.has(variable), `${name}: ${variable}`);
      }
    }
  });

  test('the scripts of this folder can be started', () => {
    for (const name of ['check-deploy.sh', 'slurm-array.sh']) {
      const { mode } = statSync(new URL(`../scripts/${name}`, import.meta.url));
      assert.ok(process.platform === 'win32' || (mode & 0o100) !== 0, name);
    }
  });
});
