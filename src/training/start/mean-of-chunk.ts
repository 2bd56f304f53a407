/**
 * @file A start from which the soft tokens of a chunk are the mean of what the decoder makes of its tokens.
 *
 * From random weights the cross entropy first finds one vector that suits every prompt, and all soft tokens collapse
 * onto it. Here each chunk has a vector of its own from the first step on.
 *
 * The published projector has no connection around its layers. So its hidden layers are made to hand the input on, and
 * its last layer is fitted:
 * 1. Hidden units come in pairs, GELU(x) and GELU(-x), whose difference is x exactly; LayerNorm then scales all of them
 *    by one number. Units that are left over, or all of them where the layer is too narrow for pairs, are random.
 * 2. The last layer is the ridge regression of the wanted outputs on the hidden units. Its strength is the one that
 *    explains chunks held back best: one vector a chunk says little about each of several parts of it, and a weak
 *    regression would learn the chunks by heart.
 *
 * Only chunks that training holes show have a part in it.
 *
 * Shape letters: N chunks, E encoder width, k soft tokens a chunk, C decoder width.
 */

import type { TokenId } from '../../domain/units.js';
import {
  linearLayers,
  type DifferentiableDecoder,
  type DifferentiableProjector,
} from '../../inference/differentiable.js';
import { createRng } from '../../tensor/rng.js';
import { matrixOf, meanNorm, meanRow, row, rowsAt, type Matrix } from '../../tensor/matrix.js';
import type { Start } from '../recipes/recipe.js';
import type { ChunkTable } from '../samples/sample.js';
import { explainedShare, fitLast, type Pairs } from './fit-last-layer.js';
import { randomStart } from './random.js';

/** Chunks that the last layer is fitted on, at most: enough for the widths that small decoders have. */
const MOST_CHUNKS = 8192;
/** Of those, one in so many is held back, to say how good the fit is. */
const HELD = 10;
/** Tokens of a chunk that are looked at. */
const MOST_TOKENS = 512;

export interface FittedStart {
  readonly parameters: Map<string, Float32Array>;
  /** Share of the variance of the wanted outputs that the projector explains on chunks held back; null of too few. */
  readonly explained: number | null;
}

/** What a start is made of. */
export interface StartParts {
  readonly decoder: Pick<DifferentiableDecoder, 'width' | 'embeddings' | 'embed' | 'hiddenStates'>;
  readonly projector: DifferentiableProjector;
  readonly chunks: ChunkTable;
  /** Rows of the table that may be looked at. */
  readonly rows: readonly number[];
  /** k. */
  readonly tokensPerChunk: number;
  readonly seed: number;
}

/** Parameters of the start that a recipe asks for. */
export async function startOf(start: Start, parts: StartParts): Promise<FittedStart> {
  switch (start.kind) {
    case 'random':
      return { parameters: randomStart(parts.projector.shapes, parts.seed), explained: null };
    case 'mean-of-chunk':
      return meanOfChunkStart(start, parts);
  }
}

/** Fits the start. @param setting What the outputs should be. */
export async function meanOfChunkStart(
  setting: Extract<Start, { kind: 'mean-of-chunk' }>,
  parts: StartParts,
): Promise<FittedStart> {
  const { projector, chunks, rows, seed } = parts;
  const usable = createRng(seed)
    .shuffle(rows.filter((i) => chunks.ids[i]!.length > 0))
    .slice(0, MOST_CHUNKS);
  const targets = await targetsOf(setting, parts, usable);
  const isHeld = (n: number): boolean => usable.length >= 2 * HELD && n % HELD === 0;
  const [fitted, held] = [false, true].map((side): Pairs => {
    const kept = [...usable.keys()].filter((n) => isHeld(n) === side);
    return {
      vectors: rowsAt(
        chunks.vectors,
        kept.map((n) => usable[n]!),
      ),
      targets: rowsAt(targets, kept),
    };
  });
  const parameters = handOn(projector, seed);
  await fitLast(projector, parameters, fitted!, held!);
  const explained =
    held!.targets.rows === 0
      ? null
      : explainedShare(await projector.forward(parameters, held!.vectors), held!.targets);
  return { parameters, explained };
}

/** The wanted outputs, [N, k C]: k consecutive parts of a chunk, each as the mean of its tokens. */
async function targetsOf(
  { layers, centred, scale }: Extract<Start, { kind: 'mean-of-chunk' }>,
  { decoder, chunks, tokensPerChunk: k }: StartParts,
  usable: readonly number[],
): Promise<Matrix> {
  const { width: C } = decoder;
  const idf = inverseDocumentFrequency(
    usable.map((i) => chunks.ids[i]!),
    decoder.embeddings.rows,
  );
  const targets = matrixOf(usable.length, k * C, new Float32Array(usable.length * k * C));
  for (const [n, chunk] of usable.entries()) {
    const ids = chunks.ids[chunk]!.slice(0, MOST_TOKENS);
    const embedded = decoder.embed(ids);
    const states = layers === 0 ? embedded : await decoder.hiddenStates(embedded, layers);
    for (let j = 0; j < k; j++) {
      const from = Math.floor((j * ids.length) / k);
      const to = Math.max(from + 1, Math.floor(((j + 1) * ids.length) / k));
      const part = row(targets, n).subarray(j * C, (j + 1) * C);
      weightedMean(states, ids, idf, Math.min(from, ids.length - 1), Math.min(to, ids.length), part);
    }
  }
  if (centred) takeMeanOff(targets);
  const wanted = scale * meanNorm(decoder.embeddings);
  const now = meanNorm(matrixOf(targets.rows * k, C, targets.data));
  if (now > 0) for (let i = 0; i < targets.data.length; i++) targets.data[i]! *= wanted / now;
  return targets;
}

/**
 * ln((1 + N) / (1 + n)) of each id, n of the N texts having it; [V]. An id of every text weighs nothing.
 *
 * @param texts In ids.
 */
export function inverseDocumentFrequency(
  texts: readonly (readonly TokenId[])[],
  vocabulary: number,
): Float32Array {
  const counts = new Uint32Array(vocabulary);
  for (const ids of texts) for (const id of new Set(ids)) counts[id]!++;
  return Float32Array.from(counts, (n) => Math.log((1 + texts.length) / (1 + n)));
}

/**
 * The mean of some token states, weighted by inverse document frequency. Words of every text weigh next to nothing, and
 * where there are no others it is their plain mean.
 *
 * @param states States of the tokens, [T, C].
 * @param ids    The tokens, T.
 * @param from   First token of the mean, and `to` the one behind its last; at least one lies between.
 * @param into   Zeros, [C]; overwritten.
 */
export function weightedMean(
  states: Matrix,
  ids: readonly TokenId[],
  idf: Float32Array,
  from: number,
  to: number,
  into: Float32Array,
): void {
  let total = 0;
  for (let t = from; t < to; t++) {
    const weight = idf[ids[t]!]! + 1e-6;
    total += weight;
    const state = row(states, t);
    for (let c = 0; c < into.length; c++) into[c]! += weight * state[c]!;
  }
  for (let c = 0; c < into.length; c++) into[c]! /= total;
}

/** Hidden layers that hand their input on, and a last layer of zeros. */
function handOn(projector: DifferentiableProjector, seed: number): Map<string, Float32Array> {
  const { shapes } = projector;
  const parameters = randomStart(shapes, seed);
  const layers = linearLayers(projector);
  const rng = createRng(seed + 1);
  const features = shapes.get('linear_1.weight')![1]!;
  const hidden = Array.from({ length: layers - 1 }, (_, i) => shapes.get(`linear_${i + 1}.weight`)![0]!);
  const hasPairs = hidden.every((outputs) => 2 * features <= outputs);
  for (let layer = 1; layer < layers; layer++) {
    const inputs = shapes.get(`linear_${layer}.weight`)![1]!;
    const weight = parameters.get(`linear_${layer}.weight`)!;
    // Unit vectors have entries of 1 / sqrt(E); behind a LayerNorm they are about 1.
    const gain = layer === 1 ? 0.5 * Math.sqrt(inputs) : 0.5;
    for (let i = 0; i < weight.length; i++) weight[i] = (gain / Math.sqrt(inputs)) * rng.normal();
    if (!hasPairs) continue;
    for (let f = 0; f < features; f++) {
      for (const [unit, sign] of [
        [2 * f, 1],
        [2 * f + 1, -1],
      ] as const) {
        const own = weight.subarray(unit * inputs, (unit + 1) * inputs);
        own.fill(0);
        if (layer === 1) own[f] = sign * gain;
        else {
          own[2 * f] = sign * gain;
          own[2 * f + 1] = -sign * gain;
        }
      }
    }
  }
  parameters.get(`linear_${layers}.weight`)!.fill(0);
  return parameters;
}

function takeMeanOff(matrix: Matrix): void {
  const mean = meanRow(matrix);
  for (let i = 0; i < matrix.data.length; i++) matrix.data[i]! -= mean[i % matrix.cols]!;
}
