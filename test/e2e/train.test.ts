/**
 * @file A user's day: the commands of docs/training.md on tiny models, killed in the middle and taken up again.
 */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { trainProjector, UsageError } from '../../src/library/index.js';
import { llavaEval, type Finished } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const RECIPE = {
  name: 'short',
  summary: 'every stage, a few steps',
  start: { kind: 'mean-of-chunk' },
  constants: 2,
  stages: [
    {
      ...{ name: 'prompt', trains: ['prompt'], chunks: 'none', steps: 2, batch: 2, rate: 0.01 },
      ...{ losses: { crossEntropy: 1 }, validateEvery: 2 },
    },
    {
      ...{ name: 'completion', trains: ['projector'], steps: 6, batch: 2, rate: 0.001, validateEvery: 3 },
      losses: {
        crossEntropy: 0.9,
        alignment: { weight: 0.1 },
        reconstruction: { weight: 0.2, tokens: 12 },
        contrast: { weight: 0.5 },
      },
    },
  ],
};

let folder = '';
/** The commands of the page, in words, with tiny models and data in the places of real ones. */
let commands: string[][] = [];
let whole: Finished;
/** Few and short, so that the test is. */
const SMALL = ['--validation-tasks', '4', '--max-prompt-tokens', '128', '--top-k', '2', '--threads', '1'];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-train-'));
  writeTinyBundle(join(folder, 'models'));
  await writeFile(join(folder, 'short.json'), JSON.stringify(RECIPE));
  const page = readFileSync(new URL('../../docs/training.md', import.meta.url), 'utf8');
  const [, block] = /```sh\n([\s\S]*?)```/.exec(page)!;
  const places: Readonly<Record<string, string>> = {
    'Qwen/Qwen2.5-Coder-0.5B': join(folder, 'models', 'decoder'),
    '~/my/repo': 'tiny',
    staged: join(folder, 'short.json'),
    'results/train': join(folder, 'train'),
    'results/train/bundle': join(folder, 'train', 'bundle'),
  };
  commands = block!
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split(' ')
        .slice(1)
        .map((word) => places[word] ?? word),
    );
  // The evaluated benchmark is fetched from the network; the tiny one is not, and it is not kept out of itself.
  const [train] = commands;
  train!.splice(train!.indexOf('--exclude'), 2);
  whole = await llavaEval([...train!, ...SMALL]);
  assert.equal(whole.code, 0, whole.stderr);
});
after(async () => {
  await rm(folder, { recursive: true });
});

const inTrain = (...path: string[]): string => join(folder, 'train', ...path);

describe('the commands of docs/training.md', () => {
  test('train a projector and say what it came to', () => {
    assert.match(whole.stdout, /own - shuffled/);
    assert.match(whole.stderr, /holes to train on, \d+ to validate on/);
    assert.match(whole.stderr, /completion 6: .*own - shuffled -?\d\.\d+ \[/);
    assert.match(whole.stderr, /Kept prefixes: 10 holes, 128 B a position/);
    for (const file of [
      'train.json',
      'metrics.jsonl',
      'curves.svg',
      'bundle/bundle.json',
      'bundle/README.md',
    ]) {
      assert.ok(existsSync(inTrain(file)), file);
    }
    assert.ok(!existsSync(inTrain('run.lock')));
  });

  test('write a card with hashes, and a curve', async () => {
    const card = await readFile(inTrain('bundle', 'README.md'), 'utf8');
    assert.match(card, /model\.safetensors`: `[0-9a-f]{64}`/);
    assert.match(card, /\| own - shuffled \| -?\d/);
    assert.match(await readFile(inTrain('curves.svg'), 'utf8'), /^<svg .*own - shuffled/s);
  });

  test('evaluate the bundle, decoder layers as encoder and constant vectors included', async () => {
    const run = commands[1]!.map((word) => (word === 'npm-ts-lines' ? 'tiny' : word));
    const small = ['--limit', '4', '--retrievers', 'jaccard', '--max-new-tokens', '2', '--device', 'cpu'];
    const out = join(folder, 'run');
    const done = await llavaEval([...run, ...small, '--out', out, '--json']);
    assert.equal(done.code, 0, done.stderr);
    assert.doesNotMatch(done.stderr, /other weights/);
    const rows = (JSON.parse(done.stdout) as { rows: { pipeline: string; tasks: { scored: number } }[] })
      .rows;
    assert.deepEqual(
      rows.map(({ pipeline, tasks }) => [pipeline, tasks.scored]),
      ['no-context', 'soft-prompt', 'compressed', 'compressed-shuffled'].map((name) => [name, 4]),
    );
  });

  test('are a function of the library, with the same bits', async () => {
    const request = {
      ...{
        decoder: join(folder, 'models', 'decoder'),
        datasets: ['tiny'],
        recipe: join(folder, 'short.json'),
      },
      ...{ validationTasks: 4, maxPromptTokens: 128, topK: 2, threads: 1, out: join(folder, 'by-library') },
    };
    const notes: string[] = [];
    const outcome = await trainProjector(request, {
      onEvent: (event) => {
        if (event.kind === 'noted') notes.push(event.line);
      },
    });
    assert.ok(outcome.kind === 'finished' && notes.some((line) => line.includes('holes to train on')));
    assert.deepEqual(
      await readFile(join(outcome.bundle, 'projector.safetensors')),
      await readFile(inTrain('bundle', 'projector.safetensors')),
    );
    await assert.rejects(
      trainProjector({ ...request, projectorLayers: 5 } as unknown as typeof request),
      (error) => error instanceof UsageError && error.message.startsWith('request: projectorLayers: '),
    );
  });

  test('say where the decoder has other weights than those of the training', async () => {
    writeTinyBundle(join(folder, 'others'), { seed: 9 });
    const done = await llavaEval([
      ...['run', '--model', inTrain('bundle'), '--decoder', join(folder, 'others', 'decoder')],
      ...['--dataset', 'tiny', '--limit', '1', '--pipelines', 'compressed', '--retrievers', 'jaccard'],
      ...['--max-new-tokens', '1', '--device', 'cpu', '--out', join(folder, 'other-run')],
    ]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /trained with other weights of the decoder/);
  });
});

describe('a training that is killed', () => {
  test('goes on from its checkpoint to the same bundle', async () => {
    const words = commands[0]!.map((word) => (word === inTrain() ? join(folder, 'killed') : word));
    const metrics = join(folder, 'killed', 'metrics.jsonl');
    const killed = await llavaEval([...words, ...SMALL], {
      onStart(child) {
        // In the middle: a few steps are in the file.
        const timer = setInterval(() => {
          if (!existsSync(metrics) || readFileSync(metrics, 'utf8').split('\n').length < 6) return;
          clearInterval(timer);
          child.kill('SIGKILL');
        }, 2);
        child.on('exit', () => {
          clearInterval(timer);
        });
      },
    });
    assert.notEqual(killed.code, 0);
    const refused = await llavaEval([...words, ...SMALL]);
    assert.equal(refused.code, 3, refused.stderr);
    const resumed = await llavaEval([...words, ...SMALL, '--resume']);
    assert.equal(resumed.code, 0, resumed.stderr);
    for (const file of [
      'projector.safetensors',
      'soft_prompt.safetensors',
      'encoder.safetensors',
      'bundle.json',
    ]) {
      const [a, b] = [inTrain('bundle', file), join(folder, 'killed', 'bundle', file)];
      assert.deepEqual(await readFile(b), await readFile(a), file);
    }
  });

  test('is refused with other settings', async () => {
    await cp(inTrain(), join(folder, 'copy'), { recursive: true });
    const words = commands[0]!.map((word) => (word === inTrain() ? join(folder, 'copy') : word));
    const refused = await llavaEval([...words, ...SMALL, '--seed', '5', '--resume']);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /seed/);
  });
});
