import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { withoutTimes } from '../../scripts/without-times.js';
import { collectRecords } from '../../src/run/journal.js';
import { llavaEval, type Finished, type ProgramOptions } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-shards-'));
  writeTinyBundle(join(folder, 'bundle'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** Twelve tasks under three configurations. */
const runArgs = (out: string, ...more: string[]): string[] => [
  'run',
  ...[
    '--dataset',
    'tiny',
    '--model',
    join(folder, 'bundle'),
    '--device',
    'cpu',
    '--threads',
    '1',
    '--max-new-tokens',
    '4',
  ],
  ...['--pipelines', 'no-context,full-rag,compressed', '--retrievers', 'bm25', '--top-k', '3'],
  ...['--max-prompt-tokens', '200', '--context-tokens', '120', '--out', join(folder, out)],
  ...more,
];

/** Variables of every scheduler, so that the ones of the machine that runs the tests count for nothing. */
const NO_SCHEDULER = {
  SLURM_ARRAY_TASK_ID: '',
  JOB_COMPLETION_INDEX: '',
  AWS_BATCH_JOB_ARRAY_INDEX: '',
  CI_NODE_INDEX: '',
  CI_NODE_TOTAL: '',
  LLAVA_EVAL_SHARDS: '',
};

/** The same command as each task of an array of three, from 1. */
const arrayTask = (index: number, options: ProgramOptions = {}): Promise<Finished> =>
  llavaEval(runArgs('array', '--shard', 'auto'), {
    ...options,
    env: { ...NO_SCHEDULER, CI_NODE_INDEX: `${index}`, CI_NODE_TOTAL: '3' },
  });

const shardPath = (index: number): string => join(folder, 'array', `shard-${index}-of-3`);

/** Kills the process once its journal holds a record. */
const killWith =
  (signal: 'SIGKILL' | 'SIGTERM', journal: string): NonNullable<ProgramOptions['onStart']> =>
  (child) => {
    const timer = setInterval(() => {
      if (!existsSync(journal) || readFileSync(journal, 'utf8').split('\n').length < 3) return;
      clearInterval(timer);
      child.kill(signal);
    }, 2);
    child.on('exit', () => {
      clearInterval(timer);
    });
  };

describe('shards that a scheduler starts', () => {
  test('are merged to the summary of the unsharded run, byte for byte outside of times', async () => {
    const [whole, ...shards] = await Promise.all([
      llavaEval(runArgs('whole', '--quiet')),
      ...[1, 3].map((index) => arrayTask(index)),
    ]);
    assert.deepEqual([whole.code, ...shards.map(({ code }) => code)], [0, 0, 0], shards[0]!.stderr);

    const early = await llavaEval(['merge', shardPath(1), shardPath(3), '--out', join(folder, 'early')]);
    assert.equal(early.code, 3);
    assert.match(
      early.stderr,
      /missing: shard 2\/3\n {2}make it: llava-eval run .*--dataset tiny .* --shard 2\/3 --out .*shard-2-of-3$/m,
    );

    // The scheduler kills the second shard at once and starts it again.
    const journal = join(shardPath(2), 'journal.jsonl');
    const killed = await arrayTask(2, { onStart: killWith('SIGKILL', journal) });
    assert.equal(killed.code, null);
    const kept = await collectRecords(journal);
    const unfinished = await llavaEval(['merge', shardPath(2), '--out', join(folder, 'early')]);
    assert.match(unfinished.stderr, /shard-2-of-3: shard 2\/3 is not finished[^]*finish it: .*--resume$/m);
    const again = await arrayTask(2);
    assert.equal(again.code, 0, again.stderr);
    const records = await collectRecords(journal);
    assert.ok(kept.length > 0 && kept.length < records.length, `${kept.length} of ${records.length}`);
    assert.deepEqual(records.slice(0, kept.length), kept);

    // In any order.
    const paths = [3, 1, 2].map(shardPath);
    const merged = await llavaEval(['merge', ...paths, '--out', join(folder, 'merged')]);
    assert.equal(merged.code, 0, merged.stderr);
    const [one, all] = ['whole', 'merged'].map((name) =>
      withoutTimes(readFileSync(join(folder, name, 'summary.json'), 'utf8')),
    );
    assert.equal(all, one);
  });

  test('are reported as done if they are finished, and nothing is written', async () => {
    const files = (): [string, number][] =>
      readdirSync(shardPath(1)).map((name) => [name, statSync(join(shardPath(1), name)).mtimeMs]);
    const before = files();
    const { code, stdout, stderr } = await arrayTask(1);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /shard-1-of-3: was finished 20\d\d-.*; nothing was left to do/);
    assert.match(stdout, /^compressed +bm25/m);
    assert.deepEqual(files(), before);
  });

  test('need a scheduler and a folder', async () => {
    const [none, nowhere] = await Promise.all([
      llavaEval(runArgs('none', '--shard', 'auto'), { env: NO_SCHEDULER }),
      llavaEval(['run', '--shard', 'auto', '--dataset', 'tiny'], {
        env: { ...NO_SCHEDULER, CI_NODE_INDEX: '1', CI_NODE_TOTAL: '3' },
      }),
    ]);
    assert.deepEqual([none.code, nowhere.code], [2, 2]);
    assert.match(none.stderr, /--shard auto: no scheduler gave this process a number/);
    assert.match(nowhere.stderr, /--shard auto needs --out/);
  });

  test('that hold no task have nothing to do', async () => {
    // One task in one of two shards.
    const one = ['--limit', '1'];
    const runs = await Promise.all(
      [1, 2].map((i) => llavaEval(runArgs(`one-${i}`, ...one, '--shard', `${i}/2`))),
    );
    assert.deepEqual(
      runs.map(({ code }) => code),
      [0, 0],
    );
    const empty = runs.findIndex(({ stderr }) => /holds no task: there is nothing to do/.test(stderr));
    assert.equal(existsSync(join(folder, `one-${empty + 1}`)), false);
    const full = join(folder, `one-${2 - empty}`);
    const { code, stderr } = await llavaEval(['merge', full, '--out', join(folder, 'one')]);
    assert.equal(code, 0, stderr);
  });
});

describe('--resume', () => {
  test('starts a run where there is none, and the command that SIGTERM prints continues it', async () => {
    const work = join(folder, "it's work");
    await mkdir(work);
    const args = (...more: string[]): string[] =>
      ['--out', 'results/a'].reduce(
        (all, word, i) => all.with(all.indexOf('--out') + i, word),
        runArgs('x', ...more),
      );
    const stopped = await llavaEval(args('--resume'), {
      cwd: work,
      onStart: killWith('SIGTERM', join(work, 'results/a/journal.jsonl')),
    });
    assert.equal(stopped.code, 130, stopped.stderr);
    const [, command] = /^ {2}go on with: (node .*)$/m.exec(stopped.stderr) ?? [];
    assert.ok(command?.endsWith('--out results/a --resume') === true, stopped.stderr);
    assert.equal(existsSync(join(work, 'results/a/run.lock')), false);
    const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: work, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal((await collectRecords(join(work, 'results/a/journal.jsonl'))).length, 12 * 3);
  });

  test('starts over where a process was killed before it had written the first line', async () => {
    const path = join(folder, 'torn');
    await mkdir(path);
    writeFileSync(join(path, 'journal.jsonl'), '{"schema":"llava-ev');
    const { code, stderr } = await llavaEval(runArgs('torn', '--limit', '1', '--resume'));
    assert.equal(code, 0, stderr);
  });

  test('names the settings that differ, and refuses another shard', async () => {
    const [settings, shard] = await Promise.all([
      llavaEval(runArgs('whole', '--resume', '--seed', '7', '--top-k', '2')),
      llavaEval(runArgs('array/shard-1-of-3', '--resume', '--shard', '2/3')),
    ]);
    assert.deepEqual([settings.code, shard.code], [2, 2]);
    assert.match(
      settings.stderr,
      /other settings, .*\n {2}then and now: seed: 0 → 7\n {2}then and now: topK: \[3\] → \[2\]\n/,
    );
    assert.match(shard.stderr, /holds shard 1 of 3, and this command is for shard 2 of 3/);
  });

  test('refuses a folder that another process works in', async () => {
    const journal = join(folder, 'held', 'journal.jsonl');
    let second: Promise<Finished> | undefined;
    const first = await llavaEval(runArgs('held', '--ttft-repeats', '40'), {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (second !== undefined || !existsSync(journal)) return;
          clearInterval(timer);
          second = llavaEval(runArgs('held', '--ttft-repeats', '40', '--resume'));
          void second.then(() => child.kill('SIGINT'));
        }, 2);
      },
    });
    assert.equal(first.code, 130, first.stderr);
    const { code, stderr } = await second!;
    assert.equal(code, 3);
    assert.match(stderr, /held: process \d+ on .* is working on this run\n/);
  });
});
