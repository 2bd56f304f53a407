/**
 * @file Ridge regression through its normal equations: (A + lambda I) X = B with A symmetric and positive.
 */

/**
 * Solves for X.
 *
 * @param a      [n, n], the upper triangle is not read; overwritten.
 * @param b      [m, n], one right side a row; overwritten with the solutions.
 * @param lambda Added to the diagonal, as a share of its mean.
 * @throws {RangeError} If the matrix is not positive, which a sum of squares with a positive `lambda` always is.
 */
export function solveRidge(a: Float64Array, n: number, b: Float64Array, lambda: number): void {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += a[i * n + i]!;
  const extra = lambda * (trace / n || 1);
  for (let i = 0; i < n; i++) a[i * n + i]! += extra;
  choleskyInPlace(a, n);
  for (let at = 0; at < b.length; at += n) {
    for (let i = 0; i < n; i++) {
      let sum = b[at + i]!;
      for (let j = 0; j < i; j++) sum -= a[i * n + j]! * b[at + j]!;
      b[at + i] = sum / a[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      const x = b[at + i]! / a[i * n + i]!;
      b[at + i] = x;
      // Row i of the lower triangle is column i of the upper one, so that memory is read in order.
      for (let j = 0; j < i; j++) b[at + j]! -= a[i * n + j]! * x;
    }
  }
}

/** The lower triangle L with L L^T = A. */
function choleskyInPlace(a: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (i === j) {
        if (!(sum > 0)) throw new RangeError(`the matrix of a regression is not positive at row ${i}`);
        a[i * n + i] = Math.sqrt(sum);
      } else {
        a[i * n + j] = sum / a[j * n + j]!;
      }
    }
  }
}
