/**
 * @file Interfaces of training: a frozen decoder that says how its loss changes with what it reads, and a projector that
 * says how its output changes with its parameters.
 *
 * Flow of one step: chunk vectors -> projector -> soft tokens -> **decoder: loss and gradient at its inputs** ->
 * **projector: gradient of its parameters** -> optimizer.
 * The decoder has no gradient of its weights: nothing in it learns.
 *
 * Shape letters: S past positions, T new positions, C decoder width, V vocabulary, L layers, K key/value heads, D head
 * width, N chunk vectors, E encoder width, k soft tokens a vector.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';

/**
 * Keys and values of positions that stay as they are, so that they are computed once: those of everything before the
 * soft tokens. They are plain numbers, so that they can be written to a file.
 */
export interface FrozenPrefix {
  /** S. */
  readonly positions: number;
  /** Of each layer, both [K, S, D], as the bits of float16. */
  readonly layers: readonly { readonly keys: Uint16Array; readonly values: Uint16Array }[];
}

/** What stands behind a prefix, and what the decoder should say there. */
export interface TrainingSequence {
  /** Null where `inputs` is the whole sequence. */
  readonly prefix: FrozenPrefix | null;
  /** Embeddings of the new positions, [T, C]: soft tokens, markers and the text that is taught. */
  readonly inputs: Matrix;
  /** For each new position the id that should follow it, or null where that is not asked; T of them, one at least an id. */
  readonly targets: readonly (TokenId | null)[];
}

/** What a sequence costs: the positions that have a target, in their order. */
export interface SequenceLoss {
  /** Cross entropy of each target, in nats. */
  readonly nats: Float64Array;
}

/** What a sequence costs, and how that changes with its inputs. */
export interface SequenceGradient extends SequenceLoss {
  /** Divergence from the teacher at each target, in nats; null where there is no teacher. */
  readonly divergences: Float64Array | null;
  /** Gradient at `inputs` of what {@link LossWeights} weighs, [T, C]. */
  readonly gradient: Matrix;
}

/** What is differentiated: for a sequence, sum over its targets of `crossEntropy` * nats + `divergence` * divergence. */
export interface LossWeights {
  /** May be negative: a contrast pushes the line away from another task's chunks. */
  readonly crossEntropy: number;
  /** Of KL(teacher || decoder) at the targets, with the teacher's logits there; null where there is no teacher. */
  readonly teacher: { readonly divergence: number; readonly logits: Matrix } | null;
}

/** How keys and values of prefixes are computed. `int8-dynamic` is faster, and rounds. */
export const PREFIX_DTYPES = ['fp32', 'int8-dynamic'] as const;
export type PrefixDtype = (typeof PREFIX_DTYPES)[number];

export interface DifferentiableDecoder {
  /** Hash of weights and configuration. */
  readonly identity: string;
  /** C. */
  readonly width: number;
  /** V. */
  readonly vocabularySize: number;
  /** L. */
  readonly layers: number;
  /** K and D. */
  readonly kvHeads: number;
  readonly headWidth: number;
  readonly maxPositions: number;

  /** Rows of the embedding table, [T, C], as a new matrix. */
  embed(ids: readonly TokenId[]): Matrix;

  /** The embedding table itself, [V, C]; not to be changed. */
  readonly embeddings: Matrix;

  /** Keys and values of a constant beginning, of S >= 1 embeddings [S, C]. */
  prefixOf(inputs: Matrix): Promise<FrozenPrefix>;

  /** Hidden states behind the first layers (0 to L, no final norm), [T, C]. */
  hiddenStates(inputs: Matrix, layers: number): Promise<Matrix>;

  /** Forward only. One result a sequence, in their order. */
  losses(sequences: readonly TrainingSequence[]): Promise<readonly SequenceLoss[]>;

  /** Logits at the targets, [targets, V]: those of a teacher. */
  logits(sequence: TrainingSequence): Promise<Matrix>;

  /**
   * Forward and backward. One result a sequence, in their order.
   *
   * @param weights One for each sequence.
   */
  gradients(
    sequences: readonly TrainingSequence[],
    weights: readonly LossWeights[],
  ): Promise<readonly SequenceGradient[]>;

  dispose(): Promise<void>;
}

/** Parameters or their gradients by name (`linear_1.weight`, ...), row-major. */
export type ParameterValues = ReadonlyMap<string, Float32Array>;

/**
 * Linear layers of a projector, by the names of its parameters: the last one is `linear_<count>`.
 *
 * @example With linear_1, ln_1 and linear_2: 2.
 */
export function linearLayers({ shapes }: Pick<DifferentiableProjector, 'shapes'>): number {
  return [...shapes.keys()].filter((name) => /^linear_\d+\.weight$/.test(name)).length;
}

export interface DifferentiableProjector {
  /** Names and shapes, in the order of the file. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** [N, E] -> [N, k C]. */
  forward(parameters: ParameterValues, vectors: Matrix): Promise<Matrix>;
  /**
   * Gradients of all parameters: of the sum over all outputs of output * `outputGradient`.
   *
   * @param outputGradient [N, k C].
   */
  backward(parameters: ParameterValues, vectors: Matrix, outputGradient: Matrix): Promise<ParameterValues>;
  dispose(): Promise<void>;
}
