/**
 * @file A frozen decoder that says how its loss changes with what it reads, run by ONNX Runtime.
 *
 * Flow: training sequences -> batches -> layers forward -> **losses, gradients at targets** -> layers backward ->
 * gradients at the inputs.
 *
 * Shape letters as in `inference/differentiable.ts`.
 */

import type { TokenId } from '../../../domain/units.js';
import type {
  DifferentiableDecoder,
  FrozenPrefix,
  LossWeights,
  SequenceGradient,
  SequenceLoss,
  TrainingSequence,
} from '../../../inference/differentiable.js';
import { embeddingRows, requireId } from '../../../inference/embedding-rows.js';
import type { DecoderArchitecture } from '../../../onnx/decoder-graph.js';
import { toHalf } from '../../../onnx/half.js';
import { matrixOf, row, type Matrix } from '../../../tensor/matrix.js';
import type { DecoderHead, WeighedRow } from './head.js';
import type { DecoderLayers, LayerTrace } from './layers.js';
import type { IntegerPrefixes } from './prefixes.js';
import { inBatches, pack, type PackedBatch, type PackedSequence } from './packed-batch.js';

export interface DecoderParts {
  readonly architecture: DecoderArchitecture;
  readonly identity: string;
  /** [V, C]. */
  readonly embeddings: Matrix;
  /** Learned vectors of positions, [P, C]; null with rotary positions. */
  readonly positions: Matrix | null;
  readonly layers: DecoderLayers;
  readonly head: DecoderHead;
  /** Null where prefixes are computed in fp32, as all else. */
  readonly integerPrefixes: IntegerPrefixes | null;
}

export class OrtDifferentiableDecoder implements DifferentiableDecoder {
  readonly identity: string;
  readonly width: number;
  readonly vocabularySize: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly maxPositions: number;
  readonly embeddings: Matrix;
  readonly #architecture: DecoderArchitecture;
  readonly #positions: Matrix | null;
  readonly #layers: DecoderLayers;
  readonly #head: DecoderHead;
  readonly #integerPrefixes: IntegerPrefixes | null;

  constructor(parts: DecoderParts) {
    const { architecture, identity, embeddings, positions, layers, head } = parts;
    this.identity = identity;
    this.width = architecture.width;
    this.vocabularySize = architecture.vocabularySize;
    this.layers = architecture.layers;
    this.kvHeads = architecture.kvHeads;
    this.headWidth = architecture.headWidth;
    this.maxPositions = architecture.maxPositions;
    this.embeddings = embeddings;
    this.#architecture = architecture;
    this.#positions = positions;
    this.#layers = layers;
    this.#head = head;
    this.#integerPrefixes = parts.integerPrefixes;
  }

  embed(ids: readonly TokenId[]): Matrix {
    return embeddingRows(this.embeddings, ids);
  }

  async prefixOf(inputs: Matrix): Promise<FrozenPrefix> {
    const sequence = { prefix: null, inputs };
    this.#requireInputs(sequence);
    if (this.#integerPrefixes !== null) return this.#integerPrefixes.of(inputs);
    const batch = pack([sequence], this.#architecture);
    const layers: { keys: Uint16Array; values: Uint16Array }[] = [];
    await this.#layers.forward(batch, this.#entering(batch), this.layers, {
      onPresent: (_, keys, values) => {
        layers.push({ keys: toHalf(keys), values: toHalf(values) });
      },
    });
    return { positions: inputs.rows, layers };
  }

  async hiddenStates(inputs: Matrix, layers: number): Promise<Matrix> {
    const sequence = { prefix: null, inputs };
    this.#requireInputs(sequence);
    if (!Number.isInteger(layers) || layers < 0 || layers > this.layers) {
      throw new RangeError(`the hidden states behind ${layers} layers of a decoder that has ${this.layers}`);
    }
    const batch = pack([sequence], this.#architecture);
    return matrixOf(
      inputs.rows,
      this.width,
      await this.#layers.forward(batch, this.#entering(batch), layers),
    );
  }

  async losses(sequences: readonly TrainingSequence[]): Promise<readonly SequenceLoss[]> {
    for (const sequence of sequences) this.#requireSequence(sequence);
    const losses: SequenceLoss[] = [];
    for (const members of inBatches(sequences, this.#architecture.heads)) {
      const batch = pack(members, this.#architecture);
      const hidden = await this.#layers.forward(batch, this.#entering(batch), this.layers);
      const rows = targetRows(batch, members, this.#rowsOf(hidden));
      const nats = await this.#head.losses(rows);
      for (const [b] of members.entries()) {
        losses.push({ nats: Float64Array.from(nats.filter((_, i) => rows[i]!.member === b)) });
      }
    }
    return losses;
  }

  async logits(sequence: TrainingSequence): Promise<Matrix> {
    this.#requireSequence(sequence);
    const batch = pack([sequence], this.#architecture);
    const hidden = await this.#layers.forward(batch, this.#entering(batch), this.layers);
    const rows = targetRows(batch, [sequence], this.#rowsOf(hidden));
    const data = new Float32Array(rows.length * this.vocabularySize);
    for (const [i, logits] of (await this.#head.logits(rows)).entries()) {
      data.set(logits, i * this.vocabularySize);
    }
    return matrixOf(rows.length, this.vocabularySize, data);
  }

  async gradients(
    sequences: readonly TrainingSequence[],
    weights: readonly LossWeights[],
  ): Promise<readonly SequenceGradient[]> {
    if (weights.length !== sequences.length) {
      throw new RangeError(
        `${sequences.length} sequences need as many weights of losses, got ${weights.length}`,
      );
    }
    const weighed = sequences.map((sequence, i) => {
      this.#requireSequence(sequence);
      this.#requireTeacher(sequence, weights[i]!);
      return { ...sequence, weights: weights[i]! };
    });
    const results: SequenceGradient[] = [];
    for (const members of inBatches(weighed, this.#architecture.heads)) {
      results.push(...(await this.#gradientsOf(members)));
    }
    return results;
  }

  async dispose(): Promise<void> {
    await this.#layers.dispose();
    await this.#head.dispose();
    await this.#integerPrefixes?.dispose();
  }

  /** Forward and backward of one batch. */
  async #gradientsOf(members: readonly WeighedSequence[]): Promise<SequenceGradient[]> {
    const C = this.width;
    const batch = pack(members, this.#architecture);
    const trace: LayerTrace[] = [];
    const hidden = await this.#layers.forward(batch, this.#entering(batch), this.layers, { trace });
    const rows = targetRows(batch, members, this.#rowsOf(hidden)).map((target) => {
      const { crossEntropy, teacher } = members[target.member]!.weights;
      const logits = (of: Matrix): Float32Array => row(of, target.index);
      return {
        ...target,
        crossEntropy,
        teacher: teacher === null ? null : { divergence: teacher.divergence, logits: logits(teacher.logits) },
      };
    });
    const gradient = new Float32Array(batch.rows * C);
    const costs = new Map<WeighedRow, { readonly nats: number; readonly divergence: number | null }>();
    for (const kind of [
      rows.filter(({ teacher }) => teacher === null),
      rows.filter((one) => one.teacher !== null),
    ]) {
      for (const [i, found] of (await this.#head.gradients(kind)).entries()) {
        costs.set(kind[i]!, found);
        gradient.set(found.gradient, kind[i]!.row * C);
      }
    }
    const atInputs = await this.#layers.backward(batch, trace, gradient);
    return members.map(({ inputs, weights }, b) => {
      const own = rows.filter(({ member }) => member === b).map((target) => costs.get(target)!);
      const start = batch.starts[b]! * C;
      return {
        nats: Float64Array.from(own, ({ nats }) => nats),
        divergences:
          weights.teacher === null ? null : Float64Array.from(own, ({ divergence }) => divergence!),
        gradient: matrixOf(inputs.rows, C, atInputs.slice(start, start + inputs.rows * C)),
      };
    });
  }

  /** What enters the first layer, [R, C]: the inputs, with the learned vectors of their positions if there are any. */
  #entering({ inputs, positions }: PackedBatch): Float32Array {
    if (this.#positions === null) return inputs.data;
    const C = this.width;
    const data = inputs.data.slice();
    for (const [r, position] of positions.entries()) {
      const vector = row(this.#positions, position);
      for (let c = 0; c < C; c++) data[r * C + c]! += vector[c]!;
    }
    return data;
  }

  #rowsOf(data: Float32Array): (r: number) => Float32Array {
    return (r) => data.subarray(r * this.width, (r + 1) * this.width);
  }

  #requireInputs({ prefix, inputs }: PackedSequence): void {
    if (inputs.cols !== this.width) {
      throw new RangeError(`the inputs are ${inputs.cols} wide but the decoder is ${this.width} wide`);
    }
    if (inputs.rows === 0) throw new RangeError('a sequence needs at least one position');
    const positions = (prefix?.positions ?? 0) + inputs.rows;
    if (positions > this.maxPositions) {
      throw new RangeError(`${positions} positions, but the decoder was made for ${this.maxPositions}`);
    }
    const numbers = (prefix?.positions ?? 0) * this.kvHeads * this.headWidth;
    const fits = prefix?.layers.every(
      ({ keys, values }) => keys.length === numbers && values.length === numbers,
    );
    if (prefix !== null && (prefix.layers.length !== this.layers || fits !== true)) {
      throw new RangeError(
        `the prefix is not one of this decoder: ${prefix.layers.length} layers for ${prefix.positions} positions, and ` +
          `not ${this.layers} with ${numbers} keys and values each`,
      );
    }
  }

  #requireSequence(sequence: TrainingSequence): void {
    this.#requireInputs(sequence);
    const { inputs, targets } = sequence;
    if (targets.length !== inputs.rows) {
      throw new RangeError(`${inputs.rows} positions need as many targets or nulls, got ${targets.length}`);
    }
    const ids = targets.filter((id) => id !== null);
    if (ids.length === 0) throw new RangeError('a sequence needs at least one target');
    for (const id of ids) requireId(this.embeddings, id);
  }

  #requireTeacher({ targets }: TrainingSequence, { teacher }: LossWeights): void {
    if (teacher === null) return;
    const { rows, cols } = teacher.logits;
    const count = targets.filter((id) => id !== null).length;
    if (rows !== count || cols !== this.vocabularySize) {
      throw new RangeError(
        `the teacher's logits are ${rows} x ${cols}, but there are ${count} targets of ${this.vocabularySize} ids`,
      );
    }
  }
}

type WeighedSequence = TrainingSequence & { readonly weights: LossWeights };

interface PackedTarget {
  /** Number of the sequence in its batch, and of the target in its sequence. */
  readonly member: number;
  readonly index: number;
  /** Its row in the batch. */
  readonly row: number;
  readonly hidden: Float32Array;
  readonly target: TokenId;
}

/** The rows that have a target, sequence after sequence. */
function targetRows(
  { starts }: PackedBatch,
  members: readonly TrainingSequence[],
  hidden: (r: number) => Float32Array,
): PackedTarget[] {
  return members.flatMap(({ targets }, member) => {
    let index = 0;
    return targets.flatMap((target, t) => {
      if (target === null) return [];
      const r = starts[member]! + t;
      return [{ member, index: index++, row: r, hidden: hidden(r), target }];
    });
  });
}
