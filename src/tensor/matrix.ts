/**
 * @file Row-major Float32 matrices. All embeddings and vectors travel in this form.
 *
 * Row r starts at r * cols. A matrix may be empty (0 rows); its width is still known.
 */

export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array;
}

/**
 * Wraps existing data. The caller must not use the data afterwards.
 *
 * @throws {RangeError} If `data` does not hold exactly rows x cols numbers.
 */
export function matrixOf(rows: number, cols: number, data: Float32Array): Matrix {
  if (data.length !== rows * cols) {
    throw new RangeError(`matrix of ${rows} x ${cols} needs ${rows * cols} numbers, got ${data.length}`);
  }
  return { rows, cols, data };
}

/** Row r as a view: writing to it writes to the matrix. */
export function row(matrix: Matrix, r: number): Float32Array {
  if (!Number.isInteger(r) || r < 0 || r >= matrix.rows) {
    throw new RangeError(`row ${r} of a matrix with ${matrix.rows} rows`);
  }
  return matrix.data.subarray(r * matrix.cols, (r + 1) * matrix.cols);
}

/**
 * Matrices of one width below each other, as a new matrix: [n1, C], [n2, C] -> [n1 + n2, C].
 *
 * @param cols C, for the case that there is none.
 * @throws {RangeError} If one is not C wide.
 */
export function stackRows(parts: readonly Matrix[], cols: number): Matrix {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float32Array(rows * cols);
  let at = 0;
  for (const part of parts) {
    if (part.cols !== cols)
      throw new RangeError(`a matrix is ${part.cols} wide, the others are ${cols} wide`);
    data.set(part.data, at);
    at += part.data.length;
  }
  return matrixOf(rows, cols, data);
}

/** Rows of a matrix, in the order given, as a new matrix. */
export function rowsAt(matrix: Matrix, rows: readonly number[]): Matrix {
  const { cols } = matrix;
  const made = matrixOf(rows.length, cols, new Float32Array(rows.length * cols));
  for (const [i, r] of rows.entries()) made.data.set(row(matrix, r), i * cols);
  return made;
}

/** The Euclidean length of a vector. @example norm(Float32Array.of(3, 4)) // => 5 */
export function norm(values: Float32Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

/** The mean Euclidean length of the rows; 0 of none. */
export function meanNorm(matrix: Matrix): number {
  let sum = 0;
  for (let r = 0; r < matrix.rows; r++) sum += norm(row(matrix, r));
  return matrix.rows === 0 ? 0 : sum / matrix.rows;
}

/** A new matrix with every row scaled to Euclidean length 1; zero rows stay zero. */
export function normalizeRows(matrix: Matrix): Matrix {
  const data = matrix.data.slice();
  for (let r = 0; r < matrix.rows; r++) {
    let squares = 0;
    for (let c = r * matrix.cols; c < (r + 1) * matrix.cols; c++) squares += data[c]! * data[c]!;
    if (squares === 0) continue;
    const scale = 1 / Math.sqrt(squares);
    for (let c = r * matrix.cols; c < (r + 1) * matrix.cols; c++) data[c]! *= scale;
  }
  return { rows: matrix.rows, cols: matrix.cols, data };
}

/** The mean of all rows, [cols]. */
export function meanRow({ rows, cols, data }: Matrix): Float32Array {
  const sum = new Float64Array(cols);
  for (let i = 0; i < data.length; i++) sum[i % cols]! += data[i]! / rows;
  return Float32Array.from(sum);
}
