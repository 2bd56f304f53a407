/**
 * @file The paper's training in this program against the embedded model's PyTorch recipe, on the same data.
 *
 *     npx tsx scripts/check-training.ts ours DIR                  samples, chunk vectors, and what we train on them
 *     python scripts/check-training.py DIR                        what the recipe trains on them
 *     npx tsx scripts/check-training.ts compare DIR               do the two agree?
 *
 * Decoder and encoder are the embedded model's, the holes are those of npm-ts-lines, and two of its packages validate.
 * Both sides start from random weights and see the samples in an order of their own, so what they end with differs as two
 * seeds do. They agree if the interval of the difference, paired by hole, holds 0 or lies within what two seeds of ours
 * differ by. Every seed is trained, and the holes' values are means over seeds.
 */

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { quietSurroundings } from '../src/comparison/events.js';
import { trainFolder } from '../src/comparison/train/folder.js';
import { openTraining, type Training } from '../src/comparison/train/open.js';
import { trainSettings } from '../src/comparison/train/request.js';
import { writeAtomically, writePartsAtomically } from '../src/files/atomic-file.js';
import type { ParameterValues } from '../src/inference/differentiable.js';
import { safetensorsParts } from '../src/model/weights/safetensors-writer.js';
import { meanInterval, clusteredMean } from '../src/statistics/mean-interval.js';
import { numbered } from '../src/statistics/clusters.js';
import { rowsAt } from '../src/tensor/matrix.js';
import { firstPosition } from '../src/training/loop/checkpoint.js';
import { train } from '../src/training/loop/train.js';
import { holeSequence, perToken, projectorOf } from '../src/training/loop/world.js';
import { freshMoments } from '../src/training/optimizer/adamw.js';
import { recipeSchema, type Recipe } from '../src/training/recipes/recipe.js';
import { randomStart } from '../src/training/start/random.js';

const SEEDS = [0, 1, 2];
/** `llavacode`, shorter; both sides read these numbers. */
const PLAN = {
  ...{ batch: 16, steps: 120, rate: 1e-3, warmup: 0.03, clip: 1 },
  ...{ crossEntropy: 0.9, alignment: 0.1 },
};
const MODEL = 'models/llavacode-nano';

const { positionals } = parseArgs({ allowPositionals: true });
const [action, dir] = positionals;
if (dir === undefined || (action !== 'ours' && action !== 'compare')) {
  throw new Error('usage: npx tsx scripts/check-training.ts ours|compare DIR');
}

/** Nats a token of each validation hole: behind nothing, and behind its own chunks, by seed. */
const resultSchema = z.object({ plain: z.array(z.number()), own: z.array(z.array(z.number())) });
type Result = z.infer<typeof resultSchema>;

function recipe(): Recipe {
  const { batch, steps, rate, warmup, clip, crossEntropy, alignment } = PLAN;
  return recipeSchema.parse({
    ...{ name: 'check', summary: 'the paper, shorter' },
    stages: [
      {
        ...{ name: 'completion', trains: ['projector'], batch, steps, rate, warmup, clip, weightDecay: 0 },
        losses: { crossEntropy, alignment: { weight: alignment, scale: 'mean-square' } },
        validateEvery: steps,
      },
    ],
  });
}

async function trainOurs(folder: string): Promise<void> {
  const recipePath = join(folder, 'recipe.json');
  await mkdir(folder, { recursive: true });
  await writeAtomically(recipePath, JSON.stringify(recipe()));
  const out = join(folder, 'training');
  const settings = trainSettings({
    ...{ decoder: `${MODEL}/decoder`, encoder: `${MODEL}/encoder`, encoderInput: 'unixcoder', threads: 1 },
    ...{ datasets: ['npm-ts-lines'], limit: 640, validationShare: 0.25, validationTasks: 200 },
    ...{ maxPromptTokens: 256, topK: 5, recipe: recipePath, out },
  });
  for (const path of [trainFolder(out).vectors, trainFolder(out).prefixes])
    await mkdir(path, { recursive: true });
  const training = await openTraining(settings, trainFolder(out), quietSurroundings());
  if (training === null) throw new Error('stopped');
  try {
    await writeData(folder, training);
    const result: Result = { plain: await natsOf(training, null), own: [] };
    for (const seed of SEEDS) {
      result.own.push(await natsOf(training, await trained(training, seed, folder)));
      process.stderr.write(`seed ${seed}: ${meanOf(result.own.at(-1)!).toFixed(4)} nats a token\n`);
    }
    await writeAtomically(join(folder, 'ours.json'), JSON.stringify(result));
  } finally {
    await training.dispose();
  }
}

/** What the other side reads. */
async function writeData(folder: string, { world }: Training): Promise<void> {
  const { training, validation, chunks } = world.data;
  const { vectors } = chunks;
  const tensor = { name: 'vectors', shape: [vectors.rows, vectors.cols], data: vectors.data };
  await writePartsAtomically(join(folder, 'vectors.safetensors'), safetensorsParts([tensor]));
  const samples = (some: typeof training): unknown[] =>
    some.map(({ before, after, target, chunks: shown }) => ({ before, after, target, chunks: shown }));
  const data = {
    ...{ plan: PLAN, seeds: SEEDS, decoder: `${MODEL}/decoder` },
    ...{ training: samples(training), validation: samples(validation) },
    repositories: validation.map(({ repository }) => repository),
  };
  await writeAtomically(join(folder, 'data.json'), JSON.stringify(data));
}

/** The parameters after the last step, whichever validation was the best. */
async function trained(training: Training, seed: number, folder: string): Promise<ParameterValues> {
  const world = { ...training.world, seed };
  const parameters = randomStart(world.projector.shapes, seed);
  let steps = 0;
  let last: ParameterValues = parameters;
  await train({
    ...{ world, recipe: recipe() },
    checkpoint: join(folder, `seed-${seed}.safetensors`),
    state: {
      position: firstPosition(`seed ${seed}`),
      ...{ parameters, moments: freshMoments(parameters), best: new Map() },
    },
    reporter: {
      step: () => {
        steps++;
        if (steps === PLAN.steps)
          last = new Map([...parameters].map(([name, values]) => [name, values.slice()]));
      },
      ...{ stage: () => undefined, validated: () => undefined, noted: () => undefined },
      metrics: () => Promise.resolve(),
    },
    ...{ signal: new AbortController().signal, clock: () => performance.now() },
  });
  return last;
}

/** @param parameters Null for prompts without soft tokens. */
async function natsOf({ world }: Training, parameters: ParameterValues | null): Promise<number[]> {
  const nats: number[] = [];
  for (const sample of world.data.validation) {
    const soft =
      parameters === null
        ? null
        : await world.projector.forward(
            projectorOf(parameters),
            rowsAt(world.data.chunks.vectors, sample.chunks),
          );
    const { sequence } = await holeSequence(world, sample, { soft, constants: null }, true);
    const [scored] = await world.decoder.losses([sequence]);
    nats.push(perToken(scored!));
  }
  return nats;
}

async function compare(folder: string): Promise<void> {
  const read = async (name: string): Promise<Result> =>
    resultSchema.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
  const [ours, theirs] = [await read('ours.json'), await read('theirs.json')];
  const holes = ours.plain.length;
  const overSeeds = ({ own }: Result): number[] =>
    Array.from({ length: holes }, (_, i) => meanOf(own.map((values) => values[i]!)));
  const rows: [string, readonly number[], readonly number[]][] = [
    ['plain: ours - theirs', ours.plain, theirs.plain],
    ['ours: own - plain', overSeeds(ours), ours.plain],
    ['theirs: own - plain', overSeeds(theirs), theirs.plain],
    ['own: ours - theirs', overSeeds(ours), overSeeds(theirs)],
    ['own: our seeds 0 - 1', ours.own[0]!, ours.own[1]!],
    ['own: their seeds 0 - 1', theirs.own[0]!, theirs.own[1]!],
  ];
  for (const [name, of, base] of rows) {
    // Two packages validate, so the holes are the sample: each is a cluster of its own.
    const values = Float64Array.from(of, (value, i) => value - base[i]!);
    const estimate = clusteredMean({ values, ...numbered(of.map((_, i) => String(i))) });
    if (estimate === null) throw new Error('fewer than two holes');
    const [low, high] = meanInterval(estimate);
    const digits = (value: number): string => value.toFixed(4);
    process.stdout.write(
      `${name.padEnd(24)} ${digits(estimate.mean)} [${digits(low)}, ${digits(high)}] nats a token\n`,
    );
  }
  process.stdout.write(
    `${holes} holes, ${SEEDS.length} seeds a side, ${PLAN.steps} steps of ${PLAN.batch}\n`,
  );
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

await (action === 'ours' ? trainOurs(dir) : compare(dir));
