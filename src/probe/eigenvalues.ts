/**
 * @file The eigenvalues of a symmetric matrix, without its eigenvectors.
 *
 * Householder reflections make the matrix tridiagonal. Implicit QR steps with Wilkinson's shift then make it diagonal.
 * The first part takes about n^3 steps, the second n^2.
 *
 * Source: Golub & Van Loan, "Matrix Computations", 4th edition, algorithms 8.3.1 to 8.3.3.
 */

/** QR steps for each eigenvalue, on average; two or three are usual. */
const MOST_STEPS = 30;

/**
 * The eigenvalues in ascending order. Their error is about that of rounding, measured by the largest of them.
 *
 * @param n      Rows and columns.
 * @param matrix Row-major, [n, n], symmetric. It is overwritten.
 * @throws {RangeError} If a number is not finite.
 * @example symmetricEigenvalues(2, Float64Array.of(2, 1, 1, 2)) // => [1, 3]
 */
export function symmetricEigenvalues(n: number, matrix: Float64Array): Float64Array {
  if (matrix.length !== n * n) {
    throw new RangeError(`a matrix of ${n} x ${n} needs ${n * n} numbers, got ${matrix.length}`);
  }
  if (!matrix.every(Number.isFinite)) throw new RangeError('eigenvalues of a matrix that is not finite');
  const { diagonal, beside } = tridiagonal(n, matrix);
  diagonalize(diagonal, beside);
  return diagonal.sort();
}

/** The diagonal, [n], and what stands beside it, [n - 1], of a tridiagonal matrix. */
interface Tridiagonal {
  readonly diagonal: Float64Array;
  readonly beside: Float64Array;
}

/** A tridiagonal matrix with the same eigenvalues. */
function tridiagonal(n: number, a: Float64Array): Tridiagonal {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(Math.max(0, n - 1));
  const v = new Float64Array(n);
  const w = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k]!;
    let squares = 0;
    for (let i = k + 1; i < n; i++) squares += (v[i] = a[i * n + k]!) ** 2;
    const first = v[k + 1]!;
    if (squares === first * first) {
      beside[k] = first;
      continue;
    }
    // The reflection maps column k below the diagonal to (length, 0, ..., 0).
    const length = first > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
    beside[k] = length;
    v[k + 1] = first - length;
    const scale = 1 / (squares - first * length);
    let product = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j]! * v[j]!;
      w[i] = sum * scale;
      product += w[i]! * v[i]!;
    }
    const half = (product * scale) / 2;
    for (let i = k + 1; i < n; i++) w[i]! -= half * v[i]!;
    for (let i = k + 1; i < n; i++) {
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= v[i]! * w[j]! + w[i]! * v[j]!;
    }
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, beside };
}

/** Moves the eigenvalues into the diagonal, in no order. */
function diagonalize(d: Float64Array, e: Float64Array): void {
  const size = [...d, ...e].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const dust = size * Number.EPSILON;
  const mostSteps = MOST_STEPS * d.length;
  let last = d.length - 1;
  for (let step = 0; last > 0; step++) {
    if (Math.abs(e[last - 1]!) <= dust) {
      last--;
      continue;
    }
    if (step > mostSteps) throw new RangeError(`no eigenvalues after ${step} steps`);
    let first = last - 1;
    while (first > 0 && Math.abs(e[first - 1]!) > dust) first--;
    qrStep(d, e, first, last);
  }
}

/** One step on the block from `first` to `last`: the bulge that the shift makes is chased down the diagonal. */
function qrStep(d: Float64Array, e: Float64Array, first: number, last: number): void {
  const corner = e[last - 1]!;
  const half = (d[last - 1]! - d[last]!) / 2;
  const shift = d[last]! - corner ** 2 / (half + (half < 0 ? -1 : 1) * Math.hypot(half, corner));
  let x = d[first]! - shift;
  let z = e[first]!;
  for (let k = first; k < last; k++) {
    const r = Math.hypot(x, z);
    const [c, s] = r === 0 ? [1, 0] : [x / r, z / r];
    if (k > first) e[k - 1] = r;
    const [a, b, m] = [d[k]!, d[k + 1]!, e[k]!];
    d[k] = c * c * a + 2 * c * s * m + s * s * b;
    d[k + 1] = s * s * a - 2 * c * s * m + c * c * b;
    e[k] = c * s * (b - a) + (c * c - s * s) * m;
    x = e[k]!;
    if (k === last - 1) break;
    z = s * e[k + 1]!;
    e[k + 1]! *= c;
  }
}
