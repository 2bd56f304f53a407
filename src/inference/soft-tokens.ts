/**
 * @file Puts projected chunk vectors ("soft tokens") in their places among the prompt embeddings.
 *
 * Flow: tokenize -> look up embeddings -> **splice** -> prefill. Pure: no files, no clock, no runtime.
 *
 * Shape letters: T prompt tokens, N chunks, k soft tokens a chunk, K = k N soft tokens, C decoder width.
 *
 * A projector with a wider last layer gives k soft tokens a chunk: its row is cut into k parts. Prompt assembly reserves
 * the positions of soft tokens, so nothing searches for ids or text.
 *
 * Source: LLaVA (arXiv:2304.08485) for replacing placeholders by projected features; LlavaCode (arXiv:2510.19644) for
 * one vector a retrieved chunk.
 */

import { ModelError } from '../domain/errors.js';
import { matrixOf, type Matrix } from '../tensor/matrix.js';

/**
 * How many soft tokens a projector gives for a chunk.
 *
 * @param outputWidth Of the projector.
 * @param C           Decoder width.
 * @returns           k, or null where the output is not a whole number of decoder widths.
 */
export function softTokensPerChunk(outputWidth: number, C: number): number | null {
  return outputWidth > 0 && outputWidth % C === 0 ? outputWidth / C : null;
}

/**
 * Rows of the projector as soft tokens: [N, k C] -> [k N, C]. The k soft tokens of a chunk are the consecutive slices
 * of its row. No number moves, so the result shares the data.
 *
 * @example // k = 2: one row [1, 2, 3, 4] => rows [1, 2] and [3, 4]
 */
export function splitSoftTokens({ rows, cols, data }: Matrix, k: number): Matrix {
  return matrixOf(rows * k, cols / k, data);
}

/**
 * Replaces the placeholder rows of a prompt by soft tokens, in place.
 *
 * @param prompt Prompt embeddings, [T, C]. Rows at `slots` are overwritten.
 * @param soft   Projected chunks, [K, C], best chunk first. Not modified.
 * @param slots  Positions of the K placeholders: strictly increasing, each in [0, T).
 * @throws {ModelError} If the widths differ: the projector belongs to another decoder.
 * @throws {RangeError} If there are not exactly K slots, or one is out of order or range.
 *
 * @example // T = 3, C = 2, K = 1: rows [1,1] [0,0] [2,2], soft [7,8] at [1] => [1,1] [7,8] [2,2]
 */
export function spliceSoftTokens(prompt: Matrix, soft: Matrix, slots: readonly number[]): void {
  if (soft.cols !== prompt.cols) {
    throw new ModelError(`soft tokens are ${soft.cols} wide but the decoder expects ${prompt.cols}`, [
      'this projector was trained for another decoder',
    ]);
  }
  if (slots.length !== soft.rows) {
    throw new RangeError(`${soft.rows} soft tokens for ${slots.length} placeholders`);
  }
  let previous = -1;
  for (const [k, t] of slots.entries()) {
    if (!Number.isInteger(t) || t <= previous || t >= prompt.rows) {
      throw new RangeError(
        `placeholder ${k} is at token ${t}; expected ${previous + 1} to ${prompt.rows - 1}`,
      );
    }
    prompt.data.set(soft.data.subarray(k * soft.cols, (k + 1) * soft.cols), t * prompt.cols);
    previous = t;
  }
}
