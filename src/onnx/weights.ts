/**
 * @file Where a graph's weights come from, and the layout changes between checkpoint and graph.
 *
 * A checkpoint stores the weight of a Linear layer as [out, in]; a graph multiplies rows from the
 * right and wants [in, out]. Pure.
 */

/** Reads rows [from, to) of a tensor, counted along its first dimension. By default it reads all rows. */
export type TensorReader = (from?: number, to?: number) => Float32Array;

/**
 * A matrix [R, K] whose numbers are codes times scales already, as a quantized file holds it.
 *
 * Number k of a row is its code times the scale of block k / blockSize of the row.
 */
export interface StoredBlocks {
  /** Bits that hold every code, a signed number. */
  readonly bits: 4 | 8;
  /** Columns that share a scale; divides K. */
  readonly blockSize: number;
  /** Codes of rows [from, to), [to - from, K]. */
  readonly codes: (from: number, to: number) => Int8Array;
  /** Scales of rows [from, to), [to - from, K / blockSize]. */
  readonly scales: (from: number, to: number) => Float32Array;
}

/** Tensors by name, read one at a time. */
export interface WeightSource {
  /**
   * Says that a tensor of this name and shape is needed, and returns the function that reads it.
   *
   * A source may note a missing tensor or a wrong shape instead of throwing, so that all problems
   * can be reported together once the graph is described; the reader is not called in that case.
   */
  tensor(name: string, shape: readonly number[]): TensorReader;
  /** The codes of a matrix that was asked for; null or absent where a source has numbers only. */
  blocks?(name: string): StoredBlocks | null;
}

/** Rows and columns swapped: [rows, cols] -> [cols, rows], as a new array. */
export function transpose(data: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(data.length);
  // Works in tiles, so that both sides stay in the processor's cache.
  const tile = 32;
  for (let r0 = 0; r0 < rows; r0 += tile) {
    const r1 = Math.min(r0 + tile, rows);
    for (let c0 = 0; c0 < cols; c0 += tile) {
      const c1 = Math.min(c0 + tile, cols);
      for (let c = c0; c < c1; c++) {
        for (let r = r0; r < r1; r++) out[c * rows + r] = data[r * cols + c]!;
      }
    }
  }
  return out;
}

/** Arrays one after the other, as a new array. */
export function concatenate(...arrays: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let position = 0;
  for (const array of arrays) {
    out.set(array, position);
    position += array.length;
  }
  return out;
}
