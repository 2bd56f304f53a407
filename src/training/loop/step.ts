/**
 * @file The gradient of one batch: from samples to what each parameter should do.
 *
 *   chunk vectors -> projector -> soft tokens -> sequences -> **decoder: gradient at the soft tokens**
 *                 -> alignment adds its own -> **projector: gradient of its parameters**
 *
 * All losses of a stage share one pass of the projector and one of the decoder. A loss adds sequences, or weights to the
 * sequences of the batch's own chunks.
 */

import type { TokenId } from '../../domain/units.js';
import type { LossWeights, ParameterValues } from '../../inference/differentiable.js';
import { matrixOf, rowsAt, type Matrix } from '../../tensor/matrix.js';
import type { Rng } from '../../tensor/rng.js';
import { alignment } from '../losses/alignment.js';
import { contrast } from '../losses/contrast.js';
import { greedy, rewardOf, rollout, sampling } from '../losses/rewards.js';
import type { Losses, Stage } from '../recipes/recipe.js';
import type { TrainingSample } from '../samples/sample.js';
import { placeSequence, type PlacedSequence } from '../samples/sequences.js';
import {
  chunkSequence,
  CONSTANTS,
  constantsOf,
  holeSequence,
  perToken,
  projectorOf,
  type TrainingWorld,
} from './world.js';

/** What a batch came to. */
export interface BatchResult {
  /** Of the parameters that the stage trains. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** Each loss by its name, unweighted. */
  readonly losses: Readonly<Record<string, number>>;
}

/** A sequence in the batch. */
interface Weighted {
  readonly kind: 'own' | 'other' | 'written' | 'rollout';
  readonly placed: PlacedSequence;
  /** Rows of the batch's soft tokens that it shows, in its order. */
  readonly shows: readonly number[];
  readonly hasConstants: boolean;
  crossEntropy: number;
  teacher: LossWeights['teacher'];
}

/** The chunks of a batch and their soft tokens. */
interface Shown {
  /** Row of each chunk of the table that the batch needs. */
  readonly rowOf: ReadonlyMap<number, number>;
  /** [N, E]. */
  readonly vectors: Matrix;
  /** [N, k C]. */
  readonly soft: Matrix;
}

/** Everything that the losses of one batch work with. */
interface Batch {
  readonly world: TrainingWorld;
  readonly losses: Losses;
  readonly samples: readonly TrainingSample[];
  readonly constants: Matrix | null;
  readonly shown: Shown | null;
  readonly rng: Rng;
  /** Of each sample with its own chunks; empty where no loss asks. */
  readonly own: Weighted[];
  readonly more: Weighted[];
  readonly values: Record<string, number>;
}

/**
 * Forward and backward for one batch.
 *
 * @param rng For what is drawn: other tasks' chunks, chunks to write out, completions.
 */
export async function batchGradients(
  world: TrainingWorld,
  stage: Pick<Stage, 'losses' | 'chunks' | 'trains'>,
  parameters: ParameterValues,
  samples: readonly TrainingSample[],
  rng: Rng,
): Promise<BatchResult> {
  const { losses } = stage;
  const lent = losses.contrast === undefined ? [] : samples.map((sample) => lentChunks(world, sample, rng));
  const written =
    losses.reconstruction === undefined ? [] : chosenChunks(samples, losses.reconstruction.chunks, rng);
  const own = samples.flatMap(({ chunks }) => chunks);
  const shown =
    stage.chunks === 'none' ? null : await show(world, parameters, [...own, ...lent.flat(), ...written]);
  const constants = constantsOf(parameters, world.decoder.width);
  const batch: Batch = { world, losses, samples, constants, shown, rng, own: [], more: [], values: {} };
  if (asksForHoles(losses)) {
    for (const sample of samples) batch.own.push(await holeWith(batch, 'own', sample, sample.chunks));
  }
  addCrossEntropy(batch);
  await addDivergence(batch);
  await addContrast(batch, lent);
  addReconstruction(batch, written);
  await addReinforcement(batch);
  const softGradient =
    shown === null
      ? null
      : matrixOf(shown.soft.rows, shown.soft.cols, new Float32Array(shown.soft.data.length));
  const constantGradient = constants === null ? null : new Float32Array(constants.data.length);
  await runDecoder(batch, softGradient, constantGradient);
  addAlignment(batch, softGradient);
  const gradients = new Map<string, Float32Array>();
  if (stage.trains.includes('prompt') && constantGradient !== null)
    gradients.set(CONSTANTS, constantGradient);
  if (stage.trains.includes('projector') && shown !== null && softGradient !== null) {
    const made = await world.projector.backward(projectorOf(parameters), shown.vectors, softGradient);
    for (const [name, values] of made) gradients.set(name, values);
  }
  return { gradients, losses: batch.values };
}

/** Whether any loss looks at the missing lines. */
function asksForHoles({ crossEntropy, contrast: other, divergence, reinforce }: Losses): boolean {
  return crossEntropy > 0 || other !== undefined || divergence !== undefined || reinforce !== undefined;
}

async function show(
  world: TrainingWorld,
  parameters: ParameterValues,
  chunks: readonly number[],
): Promise<Shown> {
  const unique = [...new Set(chunks)];
  const vectors = rowsAt(world.data.chunks.vectors, unique);
  const soft = await world.projector.forward(projectorOf(parameters), vectors);
  return { rowOf: new Map(unique.map((chunk, r) => [chunk, r])), vectors, soft };
}

/** Soft tokens of chunks, [k n, C]. */
function softTokens(
  { world, shown }: Batch,
  chunks: readonly number[],
): { readonly rows: number[]; readonly soft: Matrix } {
  if (shown === null) throw new RangeError('a stage without chunks shows no soft tokens');
  const rows = chunks.map((chunk) => shown.rowOf.get(chunk)!);
  const { data } = rowsAt(shown.soft, rows);
  return { rows, soft: matrixOf(rows.length * world.tokensPerChunk, world.decoder.width, data) };
}

async function holeWith(
  batch: Batch,
  kind: Weighted['kind'],
  sample: TrainingSample,
  chunks: readonly number[],
): Promise<Weighted> {
  const { world, constants } = batch;
  const { rows, soft } = batch.shown === null ? { rows: [], soft: null } : softTokens(batch, chunks);
  const placed = await holeSequence(world, sample, { soft, constants }, world.keepsTrainingPrefixes);
  return { kind, placed, shows: rows, hasConstants: constants !== null, crossEntropy: 0, teacher: null };
}

/** Chunks of a task of another repository; of another task where there is one repository. */
function lentChunks(
  { data }: TrainingWorld,
  { id, repository }: TrainingSample,
  rng: Rng,
): readonly number[] {
  const { training } = data;
  const isOther = training.some((other) => other.repository !== repository);
  // Some other sample is found soon: nearly all of them will do.
  for (;;) {
    const other = training[rng.int(training.length)]!;
    if (isOther ? other.repository !== repository : other.id !== id || training.length === 1)
      return other.chunks;
  }
}

/** Chunks of the batch that are to be written out. */
function chosenChunks(samples: readonly TrainingSample[], each: number, rng: Rng): number[] {
  const all = [...new Set(samples.flatMap(({ chunks }) => chunks))];
  return rng.shuffle(all).slice(0, Math.max(1, Math.round(each * samples.length)));
}

/** The mean over all taught tokens of the batch, as the published code has it. */
function addCrossEntropy({ own, samples, losses }: Batch): void {
  const tokens = samples.reduce((sum, { target }) => sum + target.length, 0);
  for (const sequence of own) sequence.crossEntropy += losses.crossEntropy / tokens;
}

/** The teacher reads the chunks as text; constants stand in both prompts alike. */
async function addDivergence({
  world,
  losses: { divergence },
  samples,
  own,
  constants,
}: Batch): Promise<void> {
  if (divergence === undefined) return;
  const tokens = samples.reduce((sum, { target }) => sum + target.length, 0);
  for (const [i, sample] of samples.entries()) {
    if (sample.text === null) throw new RangeError(`${sample.id} has no text for a teacher`);
    const text = world.decoder.embed(sample.text);
    const { sequence } = await holeSequence(
      world,
      sample,
      { soft: text, constants },
      world.keepsTrainingPrefixes,
    );
    const logits = await world.decoder.logits(sequence);
    own[i]!.teacher = { divergence: divergence.weight / tokens, logits };
  }
}

async function addContrast(batch: Batch, lent: readonly (readonly number[])[]): Promise<void> {
  const { world, losses, samples, own, more } = batch;
  if (losses.contrast === undefined) return;
  const others: Weighted[] = [];
  for (const [i, sample] of samples.entries()) others.push(await holeWith(batch, 'other', sample, lent[i]!));
  more.push(...others);
  // A sequence with a teacher has two losses, so that its gradient cannot be weighted afterwards.
  if (!hasTeacher(batch)) return;
  const all = await world.decoder.losses([...own, ...others].map(({ placed }) => placed.sequence));
  weighContrast(batch, others, all.map(perToken));
}

function hasTeacher({ own }: Batch): boolean {
  return own.some(({ teacher }) => teacher !== null);
}

/** @param nats Nats a token of the samples behind their own chunks, then behind the others'. */
function weighContrast(
  { losses, samples, own, values }: Batch,
  others: readonly Weighted[],
  nats: readonly number[],
): void {
  if (losses.contrast === undefined) return;
  let sum = 0;
  for (const [i, other] of others.entries()) {
    const { loss, slope } = contrast(nats[i]!, nats[samples.length + i]!, losses.contrast);
    const weight = (losses.contrast.weight * slope) / samples.length / samples[i]!.target.length;
    own[i]!.crossEntropy += weight;
    other.crossEntropy -= weight;
    sum += loss;
  }
  values.contrast = sum / samples.length;
}

function addReconstruction(batch: Batch, written: readonly number[]): void {
  const { world, losses, more } = batch;
  const { reconstruction } = losses;
  if (reconstruction === undefined) return;
  const made = written.map((chunk): Weighted => {
    const { rows, soft } = softTokens(batch, [chunk]);
    const placed = chunkSequence(world, chunk, soft, reconstruction.tokens);
    return { kind: 'written', placed, shows: rows, hasConstants: false, crossEntropy: 0, teacher: null };
  });
  const tokens = made.reduce((sum, { placed }) => sum + taught(placed), 0);
  for (const sequence of made) sequence.crossEntropy = reconstruction.weight / tokens;
  more.push(...made);
}

function taught({ sequence }: PlacedSequence): number {
  return sequence.targets.filter((id) => id !== null).length;
}

async function addReinforcement(batch: Batch): Promise<void> {
  const { world, losses, samples, constants, own, more, rng, values } = batch;
  const { reinforce } = losses;
  if (reinforce === undefined) return;
  const { decoder, completions, shape } = world;
  const rules = { stop: completions.stop, most: reinforce.maxNewTokens };
  let total = 0;
  for (const [i, sample] of samples.entries()) {
    const { rows, soft } = softTokens(batch, sample.chunks);
    const { prefix } = own[i]!.placed.sequence;
    const promptOf = (target: readonly TokenId[]): PlacedSequence =>
      placeSequence({ ...sample, prefix, target, soft, constants }, shape, decoder);
    const rewarded = (ids: readonly TokenId[]): number =>
      rewardOf(
        completions.tokenizer.decode(ids.filter((id) => !rules.stop.has(id))),
        sample.reference,
        reinforce,
      );
    const baseline = rewarded(await rollout(decoder, promptOf, greedy, rules));
    for (let n = 0; n < reinforce.samples; n++) {
      const ids = await rollout(decoder, promptOf, sampling(rng, reinforce), rules);
      const advantage = rewarded(ids) - baseline;
      total += advantage + baseline;
      if (advantage === 0) continue;
      const crossEntropy = (reinforce.weight * advantage) / (samples.length * reinforce.samples);
      const placed = promptOf(ids);
      more.push({
        kind: 'rollout',
        placed,
        shows: rows,
        hasConstants: constants !== null,
        crossEntropy,
        teacher: null,
      });
    }
  }
  values.reward = total / (samples.length * reinforce.samples);
}

/**
 * Runs all sequences, adds their gradients at soft tokens and constants, and notes what the losses were.
 *
 * The gradient of a sequence that has no teacher is proportional to its weight. It is run with the weight 1 and weighted
 * afterwards, so that a contrast, whose weights follow from the nats, needs no pass of its own to know them.
 */
async function runDecoder(
  batch: Batch,
  softGradient: Matrix | null,
  constantGradient: Float32Array | null,
): Promise<void> {
  const { world, own, more, losses, values } = batch;
  const all = [...own, ...more];
  if (all.length === 0) return;
  const results = await world.decoder.gradients(
    all.map(({ placed }) => placed.sequence),
    all.map(({ crossEntropy, teacher }) => ({ crossEntropy: teacher === null ? 1 : crossEntropy, teacher })),
  );
  const others = more.filter(({ kind }) => kind === 'other');
  if (!hasTeacher(batch)) {
    weighContrast(
      batch,
      others,
      [...own, ...others].map((one) => perToken(results[all.indexOf(one)]!)),
    );
  }
  const { width } = world.decoder;
  const rowLength = world.tokensPerChunk * width;
  for (const [i, { placed, shows, hasConstants, crossEntropy, teacher }] of all.entries()) {
    const { data } = results[i]!.gradient;
    const factor = teacher === null ? crossEntropy : 1;
    const from = (start: number, length: number): Float32Array => data.subarray(start, start + length);
    for (const [n, r] of shows.entries()) {
      const part = from(placed.softAt * width + n * rowLength, rowLength);
      addInto(softGradient!.data, r * rowLength, part, factor);
    }
    if (hasConstants) {
      addInto(constantGradient!, 0, from(placed.constantsAt * width, constantGradient!.length), factor);
    }
  }
  for (const [kind, name] of [
    ['own', 'crossEntropy'],
    ['written', 'reconstruction'],
  ] as const) {
    const nats = results.flatMap((result, i) => (all[i]!.kind === kind ? [...result.nats] : []));
    if (nats.length > 0) values[name] = mean(nats);
  }
  if (losses.divergence !== undefined) {
    const each = results.slice(0, own.length).flatMap(({ divergences }) => [...(divergences ?? [])]);
    values.divergence = mean(each);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function addInto(into: Float32Array, at: number, from: Float32Array, factor: number): void {
  for (const [i, value] of from.entries()) into[at + i]! += factor * value;
}

function addAlignment({ losses, shown, values }: Batch, softGradient: Matrix | null): void {
  if (losses.alignment === undefined || shown === null || softGradient === null) return;
  const { loss, gradient } = alignment(shown.soft, shown.vectors, losses.alignment.scale);
  values.alignment = loss;
  for (let i = 0; i < gradient.data.length; i++) {
    softGradient.data[i]! += losses.alignment.weight * gradient.data[i]!;
  }
}
