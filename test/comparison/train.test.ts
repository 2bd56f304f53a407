/**
 * @file A training as a function: an encoder of its own, several soft tokens, before the code; and what is refused.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { quietSurroundings, type Surroundings } from '../../src/comparison/events.js';
import { runComparison } from '../../src/comparison/run-comparison.js';
import type { TrainRequest } from '../../src/comparison/train/request.js';
import { widened } from '../../src/comparison/train/samples.js';
import { trainProjector } from '../../src/comparison/train/train.js';
import { SafetensorsFile } from '../../src/model/weights/safetensors.js';
import { fromHalf, toHalf } from '../../src/onnx/half.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
let request: TrainRequest;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-train-call-'));
  writeTinyBundle(join(folder, 'models'));
  const stage = { name: 'completion', trains: ['projector'], steps: 1, batch: 2, rate: 0.001 };
  const recipe = {
    ...{ name: 'one', summary: 'one step' },
    stages: [{ ...stage, losses: { crossEntropy: 1, divergence: { weight: 0.1, contextTokens: 40 } } }],
  };
  await writeFile(join(folder, 'one.json'), JSON.stringify(recipe));
  request = {
    decoder: join(folder, 'models', 'decoder'),
    encoder: join(folder, 'models', 'encoder'),
    datasets: ['tiny'],
    recipe: join(folder, 'one.json'),
    softTokensPerChunk: 2,
    contextPlacement: 'before-prefix',
    maxPromptTokens: 120,
    validationTasks: 2,
    topK: 2,
    threads: 1,
    out: join(folder, 'train'),
  };
});
after(async () => {
  await rm(folder, { recursive: true });
});

const settled = (of: { readonly tasks: { readonly scored: number } }): number => of.tasks.scored;

const PROJECTOR = 'projector.safetensors';
const SOFT_PROMPT = 'soft_prompt.safetensors';

describe('a hole of more lines', () => {
  const task = { reference: 'b();', suffix: '\nc();\r\nd();\n' };
  test('misses the lines that follow it as well, without the line end of the last', () => {
    assert.deepEqual(widened(task, 1), task);
    assert.deepEqual(widened(task, 2), { reference: 'b();\nc();', suffix: '\r\nd();\n' });
    assert.deepEqual(widened(task, 3), { reference: 'b();\nc();\r\nd();', suffix: '\n' });
  });
  test('ends with the file', () => {
    assert.deepEqual(widened(task, 9), widened(task, 3));
    assert.deepEqual(widened({ reference: 'b();', suffix: '' }, 2), { reference: 'b();', suffix: '' });
    assert.deepEqual(widened({ reference: 'b();', suffix: '\n' }, 2), { reference: 'b();', suffix: '\n' });
    assert.deepEqual(widened({ reference: 'b();', suffix: '\nc();' }, 3), {
      reference: 'b();\nc();',
      suffix: '',
    });
  });
  test('stays one line where the code goes on within the line', () => {
    const within = { reference: 'b()', suffix: ' + 1;\nc();\n' };
    assert.deepEqual(widened(within, 2), within);
  });
});

describe('a training', () => {
  test('stops before its first step where it is asked to, and goes on', async () => {
    const stopped = await trainProjector(request, { ...quietSurroundings(), signal: AbortSignal.abort() });
    assert.equal(stopped.kind, 'interrupted');
    const outcome = await trainProjector({ ...request, resume: true }, quietSurroundings());
    assert.ok(outcome.kind === 'finished');
    assert.equal(outcome.stages[0]!.steps, 1);
    assert.match(readFileSync(join(folder, 'train', 'metrics.jsonl'), 'utf8'), /"divergence":/);
  });

  test('with an encoder of its own and two soft tokens before the code gives a bundle that a run takes', async () => {
    const run = await runComparison(
      {
        ...{ dataset: 'tiny', model: join(folder, 'train', 'bundle'), limit: 2, out: join(folder, 'run') },
        ...{
          pipelines: ['no-context', 'compressed'],
          retrievers: ['jaccard'],
          maxNewTokens: 1,
          threads: 1,
          device: 'cpu',
        },
      },
      quietSurroundings(),
    );
    assert.ok(run.kind === 'finished');
    assert.deepEqual(run.summary.rows.map(settled), [2, 2]);
    const [, compressed] = run.summary.rows;
    // Two chunks at most in the training; the run takes its profile's ten, two soft tokens each.
    assert.equal(compressed!.softTokens.mean! % 2, 0);
  });

  test('that is finished gives its bundle anew in half precision, the nearest to each of its weights', async () => {
    const path = join(folder, 'train', 'bundle', PROJECTOR);
    const weights = (): Float32Array[] => {
      const file = SafetensorsFile.open(path);
      try {
        return [...file.tensors.keys()].sort().map((name) => file.read(name));
      } finally {
        file.close();
      }
    };
    const [single, size] = [weights(), (await stat(path)).size];
    const again = { ...request, resume: true, bundleDtype: 'fp16' } as const;
    assert.equal((await trainProjector(again, quietSurroundings())).kind, 'finished');
    assert.deepEqual(
      weights(),
      single.map((values) => fromHalf(toHalf(values))),
    );
    const numbers = single.reduce((sum, { length }) => sum + length, 0);
    assert.equal(size - (await stat(path)).size, 2 * numbers);
    assert.match(
      readFileSync(join(folder, 'train', 'bundle', 'README.md'), 'utf8'),
      /stored in fp16\. The numbers above were measured before rounding/,
    );
    await trainProjector({ ...request, resume: true }, quietSurroundings());
    assert.deepEqual(weights(), single);
  });

  test('gives a bundle of its best checkpoint while stages are left, and goes on afterwards as if it had not', async () => {
    // The second one is centred, so that it changes parameters before its first validation.
    const stage = (name: string): object => ({
      ...{ name, centred: name === 'other' },
      ...{ trains: ['projector'], batch: 2, rate: 0.001, losses: { crossEntropy: 1 } },
      ...{ steps: 3, validateEvery: 1 },
    });
    const recipe = join(folder, 'two.json');
    await writeFile(
      recipe,
      JSON.stringify({ name: 'two', summary: 'two stages', stages: [stage('one'), stage('other')] }),
    );
    /** Ends the training before its next step, once so many steps are done or a stage begins. */
    const endedAfter = (steps: number, beginning = ''): Surroundings => {
      const end = new AbortController();
      let [work, done] = ['', 0];
      return {
        ...{ ...quietSurroundings(), signal: end.signal },
        onEvent: (event) => {
          if (event.kind === 'started') work = event.work;
          if (work === beginning) end.abort();
          if (event.kind === 'advanced' && /^(one|other) /.test(`${work} `) && ++done === steps) end.abort();
        },
      };
    };
    const numbers = (out: string): string =>
      readFileSync(join(out, 'metrics.jsonl'), 'utf8').replaceAll(/"ms":\d+/g, '');
    const asked = { ...request, recipe };
    const whole = { ...asked, out: join(folder, 'two-whole') };
    assert.equal((await trainProjector(whole, quietSurroundings())).kind, 'finished');

    const parted = { ...asked, out: join(folder, 'two-parted') };
    const refusal = /nothing in .* is validated yet/;
    await trainProjector(parted, { ...quietSurroundings(), signal: AbortSignal.abort() });
    const only = { ...parted, resume: true, bundleOnly: true };
    await assert.rejects(trainProjector(only, quietSurroundings()), refusal);
    const go = async (end: Surroundings): Promise<void> => {
      assert.equal((await trainProjector({ ...parted, resume: true }, end)).kind, 'interrupted');
    };
    // Before the first validation of the second stage: the bundle is that of the first, as it was validated.
    await go(endedAfter(Infinity, 'other'));
    const first = await trainProjector(only, quietSurroundings());
    assert.ok(first.kind === 'finished');
    assert.deepEqual(
      first.stages.map(({ name, endedEarly }) => [name, endedEarly]),
      [['one', false]],
    );
    const [kept, written] = [
      SafetensorsFile.open(join(parted.out, 'work', 'checkpoint.safetensors')),
      SafetensorsFile.open(join(first.bundle, PROJECTOR)),
    ];
    const bias = 'linear_3.bias';
    assert.deepEqual(written.read(bias), kept.read(`best.${bias}`));
    assert.notDeepEqual(written.read(bias), kept.read(`parameter.${bias}`));
    for (const file of [kept, written]) file.close();
    // One step of the second stage, which is not the last one that is validated.
    await go(endedAfter(1));
    const soFar = await trainProjector(only, quietSurroundings());
    assert.ok(soFar.kind === 'finished');
    assert.deepEqual(
      soFar.stages.map(({ name, steps, endedEarly }) => [name, steps, endedEarly]),
      [
        ['one', 3, false],
        ['other', 1, true],
      ],
    );
    const card = readFileSync(join(soFar.bundle, 'README.md'), 'utf8');
    assert.match(card, /^\| one \| 3 \| 6 \| .*\n\| other \| 1 \(ended early\) \| 2 \|/m);
    await trainProjector({ ...parted, resume: true }, quietSurroundings());
    assert.equal(numbers(parted.out), numbers(whole.out));
  });

  test('shares kept keys and values with others on the same holes, those of each number format apart', async () => {
    const shared = join(folder, 'prefixes');
    const files = async (): Promise<string[]> =>
      (await readdir(shared, { recursive: true })).filter((name) => name.endsWith('.kv')).sort();
    const after = { ...request, contextPlacement: 'after-suffix', prefixDir: shared } as const;
    await trainProjector({ ...after, out: join(folder, 'first') }, quietSurroundings());
    const made = await files();
    const times = async (): Promise<number[]> =>
      Promise.all(made.map(async (name) => (await stat(join(shared, name))).mtimeMs));
    const before = await times();
    assert.ok(made.length > 0 && made.every((name) => name.startsWith('fp32')));
    await trainProjector(
      { ...after, softTokensPerChunk: 1, out: join(folder, 'second') },
      quietSurroundings(),
    );
    assert.deepEqual([await files(), await times()], [made, before]);
    await trainProjector(
      { ...after, prefixDtype: 'int8-dynamic', out: join(folder, 'third') },
      quietSurroundings(),
    );
    const twice = await files();
    assert.equal(twice.length, 2 * made.length);
  });

  test('takes over what an earlier one trained, as far as the two agree', async () => {
    const notes: string[] = [];
    const from = async (more: Partial<TrainRequest>, name: string): Promise<string> => {
      notes.length = 0;
      const outcome = await trainProjector(
        { ...request, ...more, out: join(folder, name) },
        {
          ...quietSurroundings(),
          onEvent: (event) => {
            if (event.kind === 'noted') notes.push(event.line);
          },
        },
      );
      assert.ok(outcome.kind === 'finished');
      return outcome.bundle;
    };
    const stage = { name: 'prompt', trains: ['prompt'], chunks: 'none', batch: 2, steps: 1, rate: 0.01 };
    const still = { name: 'still', trains: ['projector'], batch: 2, steps: 1, rate: 1e-30 };
    const losses = { crossEntropy: 1 };
    const recipeOf = async (name: string, stages: unknown[]): Promise<string> => {
      const path = join(folder, `${name}.json`);
      await writeFile(path, JSON.stringify({ name, summary: name, constants: 2, stages }));
      return path;
    };
    const prompt = await recipeOf('prompt', [{ ...stage, losses }]);
    const next = await recipeOf('still', [{ ...still, losses }]);
    const first = await from({ recipe: prompt }, 'from-first');
    const bytes = (bundle: string, file: string): Buffer => readFileSync(join(bundle, file));
    // Steps of a rate of nearly nothing change no bit.
    const second = await from({ recipe: next, from: first, seed: 4 }, 'from-second');
    assert.match(
      notes.join('\n'),
      /taken over from prompt-projector: 2 constant vectors; its projector was not trained$/m,
    );
    assert.deepEqual(bytes(second, SOFT_PROMPT), bytes(first, SOFT_PROMPT));
    assert.notDeepEqual(bytes(second, PROJECTOR), bytes(first, PROJECTOR), 'another seed, another start');
    const third = await from({ recipe: next, from: second }, 'from-third');
    assert.match(notes.join('\n'), /taken over from still-projector: 2 constant vectors and the projector$/m);
    for (const file of [PROJECTOR, SOFT_PROMPT])
      assert.deepEqual(bytes(third, file), bytes(second, file), file);
    const fourth = await from({ recipe: next, from: third, softTokensPerChunk: 1 }, 'from-fourth');
    assert.match(notes.join('\n'), /2 constant vectors; its projector is for another encoder or of another/);
    assert.deepEqual(bytes(fourth, SOFT_PROMPT), bytes(first, SOFT_PROMPT));
    await assert.rejects(from({ from: first }, 'from-none'), /has 2 constant vectors, and the recipe has 0/);
    writeTinyBundle(join(folder, 'others'), { seed: 9 });
    const others = join(folder, 'others', 'decoder');
    await assert.rejects(
      from({ recipe: next, from: first, decoder: others }, 'from-other'),
      /was trained for another decoder/,
    );
  });

  test('takes as many lines of a folder as it is asked for, and names models in the bundle as it is told', async () => {
    const out = join(folder, 'lines');
    const shop = join('datasets', 'tiny', 'repos', 'shop');
    const named = { bundleDecoder: 'owner/decoder@v1/q4.gguf', bundleEncoder: 'owner/encoder' };
    await trainProjector(
      { ...request, ...named, datasets: [shop], lines: 5, targetLines: 3, out },
      quietSurroundings(),
    );
    const { spec } = JSON.parse(readFileSync(join(out, 'train.json'), 'utf8')) as {
      spec: { data: { datasets: { tasks: number }[] } };
    };
    assert.deepEqual(
      spec.data.datasets.map(({ tasks }) => tasks),
      [5],
    );
    const bundle = JSON.parse(readFileSync(join(out, 'bundle', 'bundle.json'), 'utf8')) as {
      decoder: { reference: string };
      encoder: { reference: string };
    };
    assert.equal(bundle.decoder.reference, named.bundleDecoder);
    assert.equal(bundle.encoder.reference, named.bundleEncoder);
    const card = readFileSync(join(out, 'bundle', 'README.md'), 'utf8');
    assert.match(card, /^Decoder `owner\/decoder@v1\/q4\.gguf`, identity/m);
    assert.match(card, /^Encoder `owner\/encoder`, identity/m);
  });

  test('is refused on code that is kept out', async () => {
    await assert.rejects(
      trainProjector({ ...request, exclude: ['tiny'], out: join(folder, 'excluded') }, quietSurroundings()),
      /all 12 holes stand in code of tiny/,
    );
  });

  test('is refused where settings contradict each other', async () => {
    const refused = (more: Partial<TrainRequest>): Promise<unknown> =>
      trainProjector({ ...request, ...more, out: join(folder, 'refused') }, quietSurroundings());
    await assert.rejects(refused({ encoder: 'decoder-layers' }), /decoder-layers: and a number/);
    await assert.rejects(refused({ encoder: 'decoder-layers:1', encoderInput: 'plain' }), /read chunks raw/);
    await assert.rejects(refused({ retriever: 'unixcoder' }), /retrieves without a model/);
    await assert.rejects(
      refused({ encoder: 'decoder-layers:1', bundleEncoder: 'owner/encoder' }),
      /owner\/encoder: the encoder is a part of the decoder/,
    );
    await assert.rejects(refused({ bundleDecoder: './decoder' }), /\.\/decoder: expected a model of the hub/);
    await assert.rejects(refused({ bundleOnly: true }), /--bundle-only: goes with --resume/);
    await assert.rejects(refused({ recipe: 'nothing' }), /no recipe of this name/);
  });
});
