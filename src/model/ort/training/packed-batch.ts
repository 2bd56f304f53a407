/**
 * @file Sequences of different lengths as one batch: rows packed for products, places padded for attention.
 *
 * Flow: training sequences -> **rows, slots, mask, rotations** -> layer graph (`onnx/training/layer-graph.ts`).
 *
 * Shape letters: R rows of all sequences, B sequences, T new positions of the longest, S past positions of the longest,
 * K key/value heads, G query heads that share keys, D head width, C width.
 */

import type { FrozenPrefix } from '../../../inference/differentiable.js';
import type { CausalArchitecture } from '../../../onnx/causal-layers.js';
import { stackRows, type Matrix } from '../../../tensor/matrix.js';

/** What the batch needs of a sequence. */
export interface PackedSequence {
  readonly prefix: FrozenPrefix | null;
  readonly inputs: Matrix;
}

/** Sequences below each other. Arrays are in the shapes of `LAYER_IO`. */
export interface PackedBatch {
  readonly sequences: readonly PackedSequence[];
  /** The first row of each sequence. */
  readonly starts: readonly number[];
  /** R, B, T and S. */
  readonly rows: number;
  readonly fresh: number;
  readonly past: number;
  /** [R, C]. */
  readonly inputs: Matrix;
  /** [R]: how many positions stand before each row. */
  readonly positions: Int32Array;
  readonly slots: BigInt64Array;
  readonly places: BigInt64Array;
  readonly mask: Float32Array;
}

/** Added to the score of a key that a query may not see: its share becomes exactly 0, and nothing becomes NaN. */
const HIDDEN = -1e9;

/** Rows of one batch. More of them are no faster, and take more memory. */
const MOST_ROWS = 512;
/** Scores of one layer's attention, 64 MiB in fp32. */
const MOST_SCORES = 1 << 24;

/** Puts sequences into as few batches as memory allows, in their order. */
export function inBatches<S extends PackedSequence>(sequences: readonly S[], heads: number): S[][] {
  const batches: S[][] = [];
  let batch: S[] = [];
  let [rows, fresh, past] = [0, 0, 0];
  for (const sequence of sequences) {
    const own = { fresh: sequence.inputs.rows, past: sequence.prefix?.positions ?? 0 };
    const next = { fresh: Math.max(fresh, own.fresh), past: Math.max(past, own.past) };
    const scores = heads * (batch.length + 1) * next.fresh * (next.past + next.fresh);
    if (batch.length > 0 && (rows + own.fresh > MOST_ROWS || scores > MOST_SCORES)) {
      batches.push(batch);
      batch = [];
      [rows, fresh, past] = [0, own.fresh, own.past];
    } else {
      ({ fresh, past } = next);
    }
    batch.push(sequence);
    rows += own.fresh;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Lays sequences out as one batch. */
export function pack(
  sequences: readonly PackedSequence[],
  { heads, kvHeads, width }: Pick<CausalArchitecture, 'heads' | 'kvHeads' | 'width'>,
): PackedBatch {
  const B = sequences.length;
  const G = heads / kvHeads;
  const T = Math.max(...sequences.map(({ inputs }) => inputs.rows));
  const S = Math.max(...sequences.map(({ prefix }) => prefix?.positions ?? 0));
  const inputs = stackRows(
    sequences.map((sequence) => sequence.inputs),
    width,
  );
  const R = inputs.rows;
  const slots = new BigInt64Array(B * T);
  const places = new BigInt64Array(R);
  const positions = new Int32Array(R);
  const mask = new Float32Array(B * G * T * (S + T)).fill(HIDDEN);
  const starts: number[] = [];
  let first = 0;
  for (const [b, { prefix, inputs: own }] of sequences.entries()) {
    const before = prefix?.positions ?? 0;
    starts.push(first);
    for (let t = 0; t < own.rows; t++) {
      slots[b * T + t] = BigInt(first + t);
      places[first + t] = BigInt(b * T + t);
      positions[first + t] = before + t;
      for (let group = 0; group < G; group++) {
        const row = ((b * G + group) * T + t) * (S + T);
        mask.fill(0, row, row + before);
        mask.fill(0, row + S, row + S + t + 1);
      }
    }
    first += own.rows;
  }
  return { sequences, starts, rows: R, fresh: T, past: S, inputs, positions, slots, places, mask };
}

/**
 * Keys or values of past positions of one layer, padded to the longest: float16 bits [B, K, S, D].
 *
 * @param of Which of the two.
 */
export function pastOf(
  { sequences, past: S }: PackedBatch,
  layer: number,
  of: 'keys' | 'values',
  { kvHeads: K, headWidth: D }: Pick<CausalArchitecture, 'kvHeads' | 'headWidth'>,
): Uint16Array {
  const data = new Uint16Array(sequences.length * K * S * D);
  for (const [b, { prefix }] of sequences.entries()) {
    if (prefix === null) continue;
    const own = prefix.layers[layer]![of];
    const length = prefix.positions * D;
    for (let k = 0; k < K; k++) {
      data.set(own.subarray(k * length, (k + 1) * length), (b * K + k) * S * D);
    }
  }
  return data;
}
