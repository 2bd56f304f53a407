/**
 * @file Rows of an embedding table: how ids become inputs, whatever runs the decoder.
 *
 * Shape letters: T tokens, C decoder width, V vocabulary.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';

/** @param table [V, C]. @throws {RangeError} If the id is outside [0, V). */
export function requireId(table: Matrix, id: TokenId): void {
  if (id >= table.rows) {
    throw new RangeError(`token ${id} is outside the decoder's vocabulary of ${table.rows}`);
  }
}

/** The row of one id, [C], as a view. @param table [V, C]. @throws {RangeError} If the id is outside [0, V). */
export function embeddingRow(table: Matrix, id: TokenId): Float32Array {
  requireId(table, id);
  return table.data.subarray(id * table.cols, (id + 1) * table.cols);
}

/**
 * The rows of some ids, [T, C], as a new matrix.
 *
 * @param table [V, C].
 * @throws {RangeError} If an id is outside [0, V).
 * @example // a table of rows [1, 2] and [3, 4]: ids 1, 1, 0 => rows [3, 4], [3, 4], [1, 2]
 */
export function embeddingRows(table: Matrix, ids: readonly TokenId[]): Matrix {
  const C = table.cols;
  const data = new Float32Array(ids.length * C);
  for (let t = 0; t < ids.length; t++) data.set(embeddingRow(table, ids[t]!), t * C);
  return { rows: ids.length, cols: C, data };
}
