/**
 * @file What a projector is worth on holes of code it has not seen.
 *
 * The same missing lines are scored behind prompts that differ in one thing:
 *
 *   plain        nothing
 *   no-chunks    the constant vectors alone; the same as `plain` where there are none
 *   own          and the soft tokens of the hole's own chunks
 *   shuffled     and those of the chunks of a task of another repository
 *   random       and what the projector makes of random unit vectors
 *
 * `own - shuffled` is what the chunks themselves give. Everything else is a prompt that suits any hole.
 */

import type { ParameterValues, SequenceLoss } from '../../inference/differentiable.js';
import { randomUnitVectors } from '../../pipelines/compressed-random.js';
import { numbered } from '../../statistics/clusters.js';
import { clusteredMean, meanInterval } from '../../statistics/mean-interval.js';
import type { Interval } from '../../statistics/statistics.js';
import { matrixOf, rowsAt, type Matrix } from '../../tensor/matrix.js';
import type { Losses, Stage } from '../recipes/recipe.js';
import type { TrainingSample } from '../samples/sample.js';
import { rngFor } from './order.js';
import {
  chunkSequence,
  constantsOf,
  holeSequence,
  perToken,
  projectorOf,
  type TrainingWorld,
} from './world.js';

export const VARIANTS = ['plain', 'no-chunks', 'own', 'shuffled', 'random'] as const;
export type Variant = (typeof VARIANTS)[number];

/** A mean of nats a token, or a difference of two, with its 95 % interval; null below two tasks. */
export interface NatsMean {
  readonly mean: number;
  readonly ci95: Interval | null;
}

/** Differences that are reported: the first less the second, paired by hole. */
export const COMPARED = [
  ['no-chunks', 'plain'],
  ['own', 'no-chunks'],
  ['own', 'shuffled'],
  ['own', 'random'],
] as const satisfies readonly (readonly [Variant, Variant])[];

export interface ValidationResult {
  readonly holes: number;
  /** Nats a token by variant; a stage without chunks has the first two alone. */
  readonly means: Readonly<Partial<Record<Variant, NatsMean>>>;
  /** By `of - base`. */
  readonly differences: Readonly<Record<string, NatsMean>>;
  /** Writing out chunks: own soft tokens, and own less another chunk's; null where no loss asks. */
  readonly reconstruction: { readonly own: NatsMean; readonly ownLessOther: NatsMean } | null;
}

/** Chunks that are written out in a validation. */
const WRITTEN = 48;
/** Sequences that are handed to the decoder together. */
const TOGETHER = 16;

/** Scores of variants that a stage does not change, so that they are computed once. */
export type KeptScores = Map<Variant, Float64Array>;

/**
 * Scores the validation holes.
 *
 * @param kept      Filled here; empty at the start of a stage.
 * @param isStopped Ends the work early with null.
 */
export async function validate(
  world: TrainingWorld,
  parameters: ParameterValues,
  stage: Pick<Stage, 'chunks' | 'losses' | 'trains'>,
  kept: KeptScores,
  isStopped: () => boolean,
): Promise<ValidationResult | null> {
  const { validation } = world.data;
  const clusters = numbered(validation.map(({ repository }) => repository));
  const withChunks = stage.chunks === 'soft';
  const variants = withChunks ? VARIANTS : VARIANTS.slice(0, 2);
  const isKept = (variant: Variant): boolean =>
    variant === 'plain' || (variant === 'no-chunks' && !stage.trains.includes('prompt'));
  const columns = new Map<Variant, Float64Array>();
  for (const variant of variants) {
    const column = kept.get(variant) ?? (await scoreHoles(world, parameters, variant, isStopped));
    if (column === null) return null;
    columns.set(variant, column);
    if (isKept(variant)) kept.set(variant, column);
  }
  const meanOf = (values: Float64Array): NatsMean => natsMean(values, clusters);
  const differences = COMPARED.flatMap(([of, base]) => {
    const [a, b] = [columns.get(of), columns.get(base)];
    return a === undefined || b === undefined
      ? []
      : [[`${of} - ${base}`, meanOf(a.map((x, i) => x - b[i]!))] as const];
  });
  return {
    holes: validation.length,
    means: Object.fromEntries([...columns].map(([variant, column]) => [variant, meanOf(column)])),
    differences: Object.fromEntries(differences),
    reconstruction:
      withChunks && stage.losses.reconstruction !== undefined
        ? await scoreChunks(world, parameters, stage.losses.reconstruction.tokens)
        : null,
  };
}

/**
 * The mean over holes, with its 95 % interval.
 *
 * @param values   Nats a token of each hole, or differences of two. At least one.
 * @param clusters The repository of each hole.
 */
export function natsMean(values: Float64Array, clusters: ReturnType<typeof numbered>): NatsMean {
  const estimate = clusteredMean({ values, ...clusters });
  return estimate === null
    ? { mean: values[0]!, ci95: null }
    : { mean: estimate.mean, ci95: meanInterval(estimate) };
}

/** Nats a token of each hole. */
async function scoreHoles(
  world: TrainingWorld,
  parameters: ParameterValues,
  variant: Variant,
  isStopped: () => boolean,
): Promise<Float64Array | null> {
  const { decoder, data } = world;
  const { validation } = data;
  const constants = variant === 'plain' ? null : constantsOf(parameters, decoder.width);
  const scores: number[] = [];
  for (let at = 0; at < validation.length; at += TOGETHER) {
    if (isStopped()) return null;
    const sequences = [];
    for (const sample of validation.slice(at, at + TOGETHER)) {
      const vectors = vectorsFor(world, sample, variant);
      const soft = vectors === null ? null : await project(world, parameters, vectors);
      sequences.push((await holeSequence(world, sample, { soft, constants }, true)).sequence);
    }
    scores.push(...(await decoder.losses(sequences)).map(perToken));
  }
  return Float64Array.from(scores);
}

/** What the projector is given, [n, E]; null where the prompt has no soft tokens. */
function vectorsFor({ data, seed }: TrainingWorld, sample: TrainingSample, variant: Variant): Matrix | null {
  const { vectors } = data.chunks;
  switch (variant) {
    case 'plain':
    case 'no-chunks':
      return null;
    case 'own':
      return rowsAt(vectors, sample.chunks);
    case 'shuffled':
      return rowsAt(vectors, lenderOf(sample, data.validation, seed).chunks);
    case 'random':
      return randomUnitVectors(
        sample.chunks.map((_, rank) => [seed, sample.id, rank]),
        vectors.cols,
      );
  }
}

/** Another validation hole, of another repository if there is one; the same at every validation. */
export function lenderOf(
  sample: TrainingSample,
  validation: readonly TrainingSample[],
  seed: number,
): TrainingSample {
  const apart = validation.filter(({ repository }) => repository !== sample.repository);
  const pool = apart.length > 0 ? apart : validation.filter(({ id }) => id !== sample.id);
  return pool.length === 0 ? sample : pool[rngFor(seed, 'lender', sample.id).int(pool.length)]!;
}

/** [n, E] -> [k n, C]. */
async function project(
  { projector, decoder, tokensPerChunk }: TrainingWorld,
  parameters: ParameterValues,
  vectors: Matrix,
): Promise<Matrix> {
  const { data } = await projector.forward(projectorOf(parameters), vectors);
  return matrixOf(vectors.rows * tokensPerChunk, decoder.width, data);
}

/** How well chunks of validation holes are written out of their own soft tokens, and of another chunk's. */
async function scoreChunks(
  world: TrainingWorld,
  parameters: ParameterValues,
  tokens: number,
): Promise<NonNullable<ValidationResult['reconstruction']>> {
  const { data, decoder } = world;
  const firsts = new Map<number, string>();
  for (const { chunks, repository } of data.validation) firsts.set(chunks[0]!, repository);
  const rows = [...firsts.keys()].slice(0, WRITTEN);
  const soft = await project(world, parameters, rowsAt(data.chunks.vectors, rows));
  const k = world.tokensPerChunk;
  const softOf = (i: number): Matrix =>
    rowsAt(
      soft,
      Array.from({ length: k }, (_, j) => i * k + j),
    );
  const score = async (from: (i: number) => number): Promise<Float64Array> => {
    const losses: SequenceLoss[] = [];
    for (let at = 0; at < rows.length; at += TOGETHER) {
      const part = rows.slice(at, at + TOGETHER);
      const sequences = part.map(
        (chunk, n) => chunkSequence(world, chunk, softOf(from(at + n)), tokens).sequence,
      );
      losses.push(...(await decoder.losses(sequences)));
    }
    return Float64Array.from(losses, perToken);
  };
  const clusters = numbered(rows.map((chunk) => firsts.get(chunk)!));
  const own = await score((i) => i);
  const other = await score((i) => (i + Math.ceil(rows.length / 2)) % rows.length);
  return {
    own: natsMean(own, clusters),
    ownLessOther: natsMean(
      own.map((nats, i) => nats - other[i]!),
      clusters,
    ),
  };
}

/**
 * The number that the best checkpoint of a stage has the least of: what it is there to learn.
 *
 * Without chunks: the nats with the constants. Where only reconstruction is taught: own less other chunks written out.
 * Otherwise: own less shuffled chunks on the missing lines, and what own chunks cost there beside none, if they cost
 * anything. Without the second term a start that ruins every line would be the best as soon as noise favours it.
 *
 * @example With own chunks 3.7 nats a token, with shuffled ones 3.8, without any 2.3: -0.1 + 1.4 = 1.3.
 */
export function criterionOf(
  { means, differences, reconstruction }: Pick<ValidationResult, 'means' | 'differences' | 'reconstruction'>,
  losses: Losses,
): { readonly name: string; readonly value: number } {
  if (means.own === undefined) return { name: 'no-chunks', value: means['no-chunks']!.mean };
  const teachesLines =
    losses.crossEntropy > 0 ||
    losses.contrast !== undefined ||
    losses.divergence !== undefined ||
    losses.reinforce !== undefined;
  if (!teachesLines && reconstruction !== null) {
    return { name: 'written: own - other', value: reconstruction.ownLessOther.mean };
  }
  const harm = Math.max(0, differences['own - no-chunks']!.mean);
  return { name: 'own - shuffled + harm', value: differences['own - shuffled']!.mean + harm };
}
