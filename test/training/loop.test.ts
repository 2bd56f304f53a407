/**
 * @file The training loop on models of a few lines: what learns and what does not, and going on after an interruption.
 */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { SafetensorsFile } from '../../src/model/weights/safetensors.js';
import { createRng } from '../../src/tensor/rng.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { centringOf } from '../../src/training/loop/centring.js';
import { firstPosition, readCheckpoint, type TrainingState } from '../../src/training/loop/checkpoint.js';
import { openMetrics, readMetrics } from '../../src/training/loop/metrics-file.js';
import { BatchOrder } from '../../src/training/loop/order.js';
import { batchGradients } from '../../src/training/loop/step.js';
import { criterionOf } from '../../src/training/loop/validation.js';
import { startingConstants, train, type TrainingReporter } from '../../src/training/loop/train.js';
import { CONSTANTS, projectorOf, type TrainingWorld } from '../../src/training/loop/world.js';
import { freshMoments } from '../../src/training/optimizer/adamw.js';
import { OPTIMIZERS } from '../../src/training/optimizer/all.js';
import {
  recipeSchema,
  type Losses,
  type Recipe,
  type RecipeInput,
} from '../../src/training/recipes/recipe.js';
import type { TrainingSample } from '../../src/training/samples/sample.js';
import { randomStart } from '../../src/training/start/random.js';
import { PrefixStore } from '../../src/training/store/prefix-store.js';
import { linearDecoder, linearProjector, randomIds } from '../support/linear-models.js';

const [VOCABULARY, WIDTH, ENCODER, K] = [11, 4, 6, 2];
let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-training-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** Holes whose missing ids are those of their first chunk, so that there is something in the chunks to learn. */
async function worldOf(name: string, most = 1e9): Promise<TrainingWorld> {
  const decoder = linearDecoder(VOCABULARY, WIDTH);
  const chunks = 12;
  const rng = createRng(5);
  const sample = (i: number): TrainingSample => ({
    id: `task-${i}`,
    repository: `r${i % 4}`,
    before: randomIds(3, VOCABULARY, 100 + i),
    after: randomIds(1, VOCABULARY, 200),
    target: randomIds(2 + (i % 2), VOCABULARY, 300 + (i % chunks)),
    chunks: [i % chunks, (i + 1) % chunks],
    text: randomIds(3, VOCABULARY, 400 + i),
    reference: 'x',
  });
  return {
    decoder,
    projector: linearProjector(ENCODER, K * WIDTH),
    data: {
      training: Array.from({ length: 24 }, (_, i) => sample(i)),
      validation: Array.from({ length: 10 }, (_, i) => sample(i + 24)),
      chunks: {
        ids: Array.from({ length: chunks }, (_, i) => randomIds(4, VOCABULARY, 300 + i)),
        vectors: matrixOf(
          chunks,
          ENCODER,
          Float32Array.from({ length: chunks * ENCODER }, () => rng.normal()),
        ),
      },
    },
    shape: { constantsFirst: false, keepsPrefix: true },
    prefixes: await PrefixStore.open(decoder, join(folder, name, 'prefixes'), most),
    keepsTrainingPrefixes: true,
    tokensPerChunk: K,
    seed: 7,
    bare: { before: randomIds(1, VOCABULARY, 1), after: randomIds(1, VOCABULARY, 200) },
    completions: {
      tokenizer: { decode: (ids) => ids.map((id) => 'abcdefghijk'[id]!).join('') },
      stop: new Set(),
    },
  };
}

const ALL_LOSSES: RecipeInput = {
  name: 'all',
  summary: 'every loss',
  constants: 2,
  stages: [
    {
      name: 'prompt',
      trains: ['prompt'],
      chunks: 'none',
      steps: 3,
      batch: 4,
      rate: 0.01,
      losses: { crossEntropy: 1 },
      validateEvery: 2,
    },
    {
      ...{
        name: 'completion',
        trains: ['projector'],
        steps: 5,
        batch: 4,
        accumulation: 2,
        rate: 0.01,
        validateEvery: 3,
      },
      losses: {
        crossEntropy: 0.9,
        alignment: { weight: 0.1 },
        reconstruction: { weight: 0.5, tokens: 3 },
        contrast: { weight: 0.5 },
        divergence: { weight: 0.2 },
        reinforce: { weight: 0.1, maxNewTokens: 3 },
      },
    },
  ],
};

function stateOf(world: TrainingWorld, recipe: Recipe): TrainingState {
  const parameters = randomStart(world.projector.shapes, 3);
  if (recipe.constants > 0) parameters.set(...startingConstants(world, recipe.constants));
  return { position: firstPosition('f'), parameters, moments: freshMoments(parameters), best: new Map() };
}

/** Runs a recipe, or goes on with it; ends it by the signal before the given step counted over all stages. */
async function run(name: string, input: RecipeInput, stopAt = Infinity): Promise<boolean> {
  const world = await worldOf(name);
  const recipe = recipeSchema.parse(input);
  const checkpoint = join(folder, name, 'checkpoint.safetensors');
  const state = readCheckpoint(checkpoint, 'f') ?? stateOf(world, recipe);
  const metrics = await openMetrics(join(folder, name, 'metrics.jsonl'), state.position);
  const controller = new AbortController();
  let done = state.position.finished.reduce((sum, { steps }) => sum + steps, state.position.step);
  if (done >= stopAt) controller.abort();
  const reporter: TrainingReporter = {
    stage: () => undefined,
    step() {
      if (++done >= stopAt) controller.abort();
    },
    metrics: (line) => metrics.append(line.kind === 'step' ? { ...line, ms: 0 } : line),
    validated: () => undefined,
    noted: () => undefined,
  };
  try {
    return await train({
      world,
      recipe,
      state,
      checkpoint,
      reporter,
      signal: controller.signal,
      clock: () => 0,
    });
  } finally {
    await metrics.close();
  }
}

const bytes = async (name: string): Promise<readonly [Buffer, string]> => [
  await readFile(join(folder, name, 'checkpoint.safetensors')),
  await readFile(join(folder, name, 'metrics.jsonl'), 'utf8'),
];

describe('a training that is interrupted', () => {
  const cases = [
    ...OPTIMIZERS.map((optimizer) => ({ kind: optimizer, more: { optimizer }, centred: false })),
    { kind: 'centred', more: {}, centred: true },
  ];
  for (const { kind, more, centred } of cases) {
    test(`goes on to the same bits, wherever it was stopped, in its checkpoint and in its metrics: ${kind}`, async () => {
      const recipe = {
        ...ALL_LOSSES,
        stages: ALL_LOSSES.stages.map((stage) => ({
          ...stage,
          ...more,
          ...(centred && stage.trains.includes('projector') ? { centred } : {}),
        })),
      };
      assert.equal(await run(`whole-${kind}`, recipe), true);
      const whole = await bytes(`whole-${kind}`);
      for (const stops of [[0, 1], [2], [3], [4, 6, 7], [1, 2, 3, 4, 5, 6, 7]]) {
        const name = `stopped-${kind}-${stops.join('-')}`;
        for (const at of stops) assert.equal(await run(name, recipe, at), false, `${name} at ${at}`);
        assert.equal(await run(name, recipe), true);
        const again = await bytes(name);
        assert.ok(whole[0].equals(again[0]), `${name}: another checkpoint`);
        assert.equal(again[1], whole[1], name);
      }
    });
  }

  test('is refused where its checkpoint belongs to another training', () => {
    assert.throws(
      () => readCheckpoint(join(folder, 'whole-adamw', 'checkpoint.safetensors'), 'g'),
      /another training/,
    );
  });

  test('does nothing where all stages are done', async () => {
    const earlier = await bytes('whole-adamw');
    assert.equal(await run('whole-adamw', ALL_LOSSES), true);
    assert.deepEqual(await bytes('whole-adamw'), earlier);
  });
});

describe('a stage', () => {
  test('changes what it trains and nothing else', async () => {
    const world = await worldOf('frozen');
    const recipe = recipeSchema.parse(ALL_LOSSES);
    const state = stateOf(world, recipe);
    for (const [stage, trained] of [
      [recipe.stages[0]!, [CONSTANTS]],
      [recipe.stages[1]!, ['linear_1.weight', 'linear_1.bias']],
    ] as const) {
      const samples = world.data.training.slice(0, 4);
      const { gradients } = await batchGradients(world, stage, state.parameters, samples, createRng(1));
      assert.deepEqual([...gradients.keys()], trained);
    }
  });

  test('lowers the loss that it is about, and the chunks have a part in it', async () => {
    const losses = { crossEntropy: 1, contrast: { weight: 1 } };
    const stage = {
      name: 'completion',
      trains: ['projector' as const],
      steps: 60,
      batch: 8,
      rate: 0.05,
      losses,
      validateEvery: 30,
    };
    assert.equal(await run('learns', { name: 'l', summary: 'l', stages: [stage] }), true);
    const lines = await readMetrics(join(folder, 'learns', 'metrics.jsonl'));
    const validations = lines.flatMap((line) => (line.kind === 'validation' ? [line.validation] : []));
    const [first, last] = [validations[0]!, validations.at(-1)!];
    assert.ok(last.means.own!.mean < first.means.own!.mean - 0.1, JSON.stringify([first.means, last.means]));
    assert.ok(last.differences['own - shuffled']!.mean < -0.05, JSON.stringify(last.differences));
    assert.equal(last.means.plain!.mean, last.means['no-chunks']!.mean);
  });

  test('that keeps soft tokens centred ends with a mean of zero, and leaves their differences as they are', async () => {
    const world = await worldOf('centred');
    const { parameters } = stateOf(world, recipeSchema.parse(ALL_LOSSES));
    // Every chunk of this world is shown by a training sample.
    const softTokens = async (): Promise<Matrix> =>
      world.projector.forward(projectorOf(parameters), world.data.chunks.vectors);
    const [before, weights] = [await softTokens(), parameters.get('linear_1.weight')!.slice()];
    const centre = centringOf(world);
    await centre(parameters);
    const after = await softTokens();
    for (let c = 0; c < K * WIDTH; c++) {
      const column = (of: Matrix): number[] =>
        Array.from({ length: of.rows }, (_, r) => of.data[r * of.cols + c]!);
      const meanOf = (values: readonly number[]): number =>
        values.reduce((sum, value) => sum + value, 0) / values.length;
      const [was, is] = [column(before), column(after)];
      assert.ok(Math.abs(meanOf(is)) < 1e-6, `column ${c}: ${meanOf(is)}`);
      for (const [r, value] of is.entries()) assert.ok(Math.abs(was[r]! - meanOf(was) - value) < 1e-6);
    }
    const bias = parameters.get('linear_1.bias')!.slice();
    await centre(parameters);
    assert.deepEqual(parameters.get('linear_1.bias'), bias);
    assert.deepEqual(parameters.get('linear_1.weight'), weights);

    const stage = {
      ...{ name: 'completion', trains: ['projector' as const], steps: 5, batch: 4, rate: 0.05 },
      ...{ losses: { crossEntropy: 1 }, validateEvery: 5, centred: true },
    };
    assert.equal(await run('centred', { name: 'c', summary: 'c', stages: [stage] }), true);
    const file = SafetensorsFile.open(join(folder, 'centred', 'checkpoint.safetensors'));
    for (const name of ['linear_1.weight', 'linear_1.bias'])
      parameters.set(name, file.read(`parameter.${name}`));
    file.close();
    const trained = await softTokens();
    for (let c = 0; c < K * WIDTH; c++) {
      let sum = 0;
      for (let r = 0; r < trained.rows; r++) sum += trained.data[r * trained.cols + c]!;
      assert.ok(Math.abs(sum / trained.rows) < 1e-6, `column ${c}: ${sum}`);
    }
  });

  test('without the projector cannot keep soft tokens centred', () => {
    const [prompt] = ALL_LOSSES.stages;
    assert.throws(
      () => recipeSchema.parse({ ...ALL_LOSSES, stages: [{ ...prompt, centred: true }] }),
      /keeps soft tokens centred trains the projector/,
    );
  });

  test('the best checkpoint reads its chunks, and one that does harm pays for it', () => {
    const nats = (mean: number): { mean: number; ci95: null } => ({ mean, ci95: null });
    const of = (own: number, shuffled: number, none: number): number =>
      criterionOf(
        {
          means: { own: nats(own) },
          differences: { 'own - no-chunks': nats(own - none), 'own - shuffled': nats(own - shuffled) },
          reconstruction: null,
        },
        recipeSchema.shape.stages.element.parse({
          ...{ name: 'completion', trains: ['projector'], steps: 1, rate: 1, losses: { crossEntropy: 1 } },
        }).losses,
      ).value;
    // Helps: 1.9 - 2.0. Does harm: 3.7 - 3.8 + (3.7 - 2.3). Neither.
    assert.ok(Math.abs(of(1.9, 2, 2.3) - -0.1) < 1e-12);
    assert.ok(Math.abs(of(3.7, 3.8, 2.3) - 1.3) < 1e-12);
    assert.equal(of(2.3, 2.3, 2.3), 0);
  });

  test('ends early where nothing gets better', async () => {
    const stage = {
      ...{ name: 'still', trains: ['projector' as const], steps: 50, batch: 8, rate: 1e-12, warmup: 0 },
      ...{ losses: { crossEntropy: 1 }, validateEvery: 1, patience: 2 },
    };
    assert.equal(await run('still', { name: 's', summary: 's', stages: [stage] }), true);
    const state = readCheckpoint(join(folder, 'still', 'checkpoint.safetensors'), 'f')!;
    const [finished] = state.position.finished;
    assert.ok(finished!.endedEarly && finished!.steps < 50);
  });
});

describe('the gradient of a batch', () => {
  const agrees = async (withTeacher: boolean): Promise<void> => {
    const world = await worldOf('differences');
    const recipe = recipeSchema.parse(ALL_LOSSES);
    const { parameters } = stateOf(world, recipe);
    // Cosines of the short vectors of a start bend within the step of a difference.
    const weights = parameters.get('linear_1.weight')!;
    for (let i = 0; i < weights.length; i++) weights[i]! *= 30;
    const { crossEntropy, alignment, reconstruction, contrast, divergence } = recipe.stages[1]!.losses;
    const without = { crossEntropy, alignment, reconstruction, contrast };
    const losses = withTeacher ? { ...without, divergence } : without;
    const stage = { ...recipe.stages[1]!, losses, trains: ['projector' as const, 'prompt' as const] };
    const samples = world.data.training.slice(0, 4);
    const value = async (): Promise<number> => {
      const { losses: found } = await batchGradients(world, stage, parameters, samples, createRng(1));
      return (
        crossEntropy * found.crossEntropy! +
        alignment!.weight * found.alignment! +
        reconstruction!.weight * found.reconstruction! +
        contrast!.weight * found.contrast! +
        (withTeacher ? divergence!.weight * found.divergence! : 0)
      );
    };
    const { gradients } = await batchGradients(world, stage, parameters, samples, createRng(1));
    for (const name of ['linear_1.weight', 'linear_1.bias']) {
      const values = parameters.get(name)!;
      for (const i of [0, 3, 7]) {
        const was = values[i]!;
        const step = 4e-3;
        values[i] = was + step;
        const above = await value();
        values[i] = was - step;
        const below = await value();
        values[i] = was;
        const numeric = (above - below) / (2 * step);
        const found = gradients.get(name)![i]!;
        assert.ok(
          Math.abs(numeric - found) < 1e-3 + 0.02 * Math.abs(numeric),
          `${name}[${i}]: ${found}, ${numeric}`,
        );
      }
    }
  };

  test('agrees with central differences in every loss that draws nothing from the decoder', () =>
    agrees(true));

  test('agrees with them where a contrast is weighted behind the one pass of the decoder', () =>
    agrees(false));

  test('takes one pass of the decoder, with a contrast too, if there is no teacher', async () => {
    const world = await worldOf('passes');
    let forward = 0;
    const decoder = {
      ...world.decoder,
      losses: (...sequences: Parameters<typeof world.decoder.losses>) => {
        forward++;
        return world.decoder.losses(...sequences);
      },
    };
    const recipe = recipeSchema.parse(ALL_LOSSES);
    const { parameters } = stateOf(world, recipe);
    const { crossEntropy, contrast, divergence } = recipe.stages[1]!.losses;
    const passes = async (losses: Losses): Promise<number> => {
      forward = 0;
      const stage = { ...recipe.stages[1]!, losses };
      const samples = world.data.training.slice(0, 4);
      await batchGradients({ ...world, decoder }, stage, parameters, samples, createRng(1));
      return forward;
    };
    assert.equal(await passes({ crossEntropy, contrast }), 0);
    assert.equal(await passes({ crossEntropy, contrast, divergence }), 1);
  });

  test('of the contrast pulls own chunks and pushes another task’s: its sign', async () => {
    const world = await worldOf('sign');
    const parameters = randomStart(world.projector.shapes, 3);
    const stage = recipeSchema.parse(ALL_LOSSES).stages[1]!;
    const only = { ...stage, losses: { crossEntropy: 0, contrast: stage.losses.contrast } };
    const samples = world.data.training.slice(0, 4);
    const lossAt = async (): Promise<number> =>
      (await batchGradients(world, only, parameters, samples, createRng(2))).losses.contrast!;
    const start = await lossAt();
    const { gradients } = await batchGradients(world, only, parameters, samples, createRng(2));
    for (const [name, gradient] of gradients) {
      const values = parameters.get(name)!;
      for (let i = 0; i < values.length; i++) values[i]! -= 0.05 * gradient[i]!;
    }
    assert.ok((await lossAt()) < start);
  });
});

describe('the order of samples', () => {
  test('has each sample once a pass, alike lengths together, the same for the same seed', () => {
    const lengths = Array.from({ length: 23 }, (_, i) => i % 5);
    const order = new BatchOrder(lengths, 4, [1]);
    const pass = (n: number): number[][] =>
      Array.from({ length: order.batchesPerPass }, (_, i) => [...order.batch(n * order.batchesPerPass + i)]);
    for (const n of [0, 1])
      assert.deepEqual(
        pass(n)
          .flat()
          .sort((a, b) => a - b),
        [...lengths.keys()],
      );
    assert.notDeepEqual(pass(0), pass(1));
    assert.deepEqual([...new BatchOrder(lengths, 4, [1]).batch(7)], [...order.batch(7)]);
    for (const batch of pass(0)) {
      const own = batch.map((i) => lengths[i]!);
      assert.ok(Math.max(...own) - Math.min(...own) <= 1, own.join());
    }
  });
});

describe('kept prefixes', () => {
  test('are the computed ones to the bit, and stay below their limit', async () => {
    const decoder = linearDecoder(VOCABULARY, WIDTH);
    let computed = 0;
    const counting = {
      ...decoder,
      prefixOf: (inputs: Parameters<typeof decoder.prefixOf>[0]) => {
        computed++;
        return decoder.prefixOf(inputs);
      },
    };
    // One layer, one head, width 4, keys and values of two bytes: 16 bytes a position, 80 for five.
    const store = await PrefixStore.open(counting, join(folder, 'limit'), 100);
    const [a, b] = [randomIds(5, VOCABULARY, 1), randomIds(5, VOCABULARY, 2)];
    const made = await store.of(a, true);
    assert.deepEqual(await store.of(a, true), made);
    assert.equal(computed, 1);
    assert.equal(store.usedBytes, 80);
    await store.of(b, true);
    await store.of(b, true);
    assert.equal(computed, 3);
    assert.equal((await PrefixStore.open(counting, join(folder, 'limit'), 100)).usedBytes, 80);
  });
});
