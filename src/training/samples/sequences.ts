/**
 * @file From a sample and its vectors to the sequence that the decoder is run on.
 *
 *   soft tokens behind the code   [ kept prefix | soft constants after target ]
 *   soft tokens before the code   [ before constants soft after target ]
 *
 * The last id of a target is only asked for, not read.
 */

import type { TokenId } from '../../domain/units.js';
import type { FrozenPrefix, TrainingSequence } from '../../inference/differentiable.js';
import { stackRows, type Matrix } from '../../tensor/matrix.js';
import type { PromptShape } from './sample.js';

/** The vectors that stand in a prompt, each null where there are none. */
export interface ShownVectors {
  /** Soft tokens, [k n, C]. */
  readonly soft: Matrix | null;
  /** The constant prompt, [c, C]. */
  readonly constants: Matrix | null;
}

/** A sequence, and where its vectors stand among its new positions. */
export interface PlacedSequence {
  readonly sequence: TrainingSequence;
  /** First position of the soft tokens and of the constants. */
  readonly softAt: number;
  readonly constantsAt: number;
}

/** What a sequence is made of. */
export interface SequenceParts extends ShownVectors {
  /** Keys and values of `before`; null where `before` is run as well. */
  readonly prefix: FrozenPrefix | null;
  readonly before: readonly TokenId[];
  readonly after: readonly TokenId[];
  readonly target: readonly TokenId[];
}

/** Puts the parts in their order. */
export function placeSequence(
  { prefix, before, after, target, soft, constants }: SequenceParts,
  { constantsFirst }: Pick<PromptShape, 'constantsFirst'>,
  decoder: { readonly width: number; embed(ids: readonly TokenId[]): Matrix },
): PlacedSequence {
  const first = prefix === null && before.length > 0 ? [decoder.embed(before)] : [];
  const start = first.reduce((sum, { rows }) => sum + rows, 0);
  const [softRows, constantRows] = [soft?.rows ?? 0, constants?.rows ?? 0];
  const vectors = constantsFirst ? [constants, soft] : [soft, constants];
  const read = [...after, ...target.slice(0, -1)];
  const inputs = stackRows(
    [...first, ...vectors.filter((part) => part !== null), decoder.embed(read)],
    decoder.width,
  );
  const targets: (TokenId | null)[] = Array.from({ length: inputs.rows - target.length }, () => null);
  targets.push(...target);
  return {
    sequence: { prefix, inputs, targets },
    softAt: start + (constantsFirst ? constantRows : 0),
    constantsAt: start + (constantsFirst ? 0 : softRows),
  };
}
