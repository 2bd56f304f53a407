/**
 * @file The last layer of a projector, fitted to wanted outputs by ridge regression on what the hidden layers make.
 *
 * Both products of the regression are gradients: for outputs F(x) = W h + b and a gradient G at the outputs, the gradient
 * of W is G^T h. With G = the wanted outputs this is the right side; with G = hidden units it is the left side; and with
 * unit rows as G it is the hidden units themselves.
 *
 * Shape letters: N chunks, E encoder width, H last hidden width, k soft tokens a chunk, C decoder width.
 */

import {
  linearLayers,
  type DifferentiableProjector,
  type ParameterValues,
} from '../../inference/differentiable.js';
import { matrixOf, meanRow, row, type Matrix } from '../../tensor/matrix.js';
import { solveRidge } from './ridge.js';

/** Ridges that are tried, as shares of the mean diagonal. */
const LAMBDAS = [1e-4, 1e-3, 1e-2, 1e-1, 1];
/** Outputs that a ridge is chosen by, at most; all would take minutes where a chunk has several soft tokens. */
const CHOOSING_OUTPUTS = 256;

/** Vectors of chunks, [N, E], and what the projector should make of them, [N, k C]. */
export interface Pairs {
  readonly vectors: Matrix;
  readonly targets: Matrix;
}

/**
 * Sets the last layer to the ridge regression of the targets on the hidden units of the vectors.
 *
 * @param parameters The last layer is written; the others are read.
 * @param held       Chunks that are not fitted; they choose the ridge.
 */
export async function fitLast(
  projector: DifferentiableProjector,
  parameters: Map<string, Float32Array>,
  { vectors, targets }: Pairs,
  held: Pairs,
): Promise<void> {
  const layers = linearLayers(projector);
  const [last, bias] = [`linear_${layers}.weight`, `linear_${layers}.bias`];
  const [outputs, H] = projector.shapes.get(last)! as readonly [number, number];
  const units = await hiddenUnits(projector, parameters, vectors, last, outputs, H);
  // One more column, of ones, stands for the bias.
  const n = H + 1;
  const left = new Float64Array(n * n);
  const fill = (gradients: ParameterValues, r: number, into: Float64Array, at: number): void => {
    into.set(gradients.get(last)!.subarray(r * H, (r + 1) * H), at);
    into[at + H] = gradients.get(bias)![r]!;
  };
  for (let from = 0; from < H; from += outputs) {
    const count = Math.min(outputs, H - from);
    const block = matrixOf(units.rows, outputs, new Float32Array(units.rows * outputs));
    for (let r = 0; r < units.rows; r++) row(block, r).set(row(units, r).subarray(from, from + count));
    const gradients = await projector.backward(parameters, vectors, block);
    for (let i = 0; i < count; i++) fill(gradients, i, left, (from + i) * n);
  }
  for (let i = 0; i < H; i++) left[H * n + i] = left[i * n + H]!;
  left[H * n + H] = vectors.rows;
  const right = new Float64Array(outputs * n);
  const gradients = await projector.backward(parameters, vectors, targets);
  for (let o = 0; o < outputs; o++) fill(gradients, o, right, o * n);
  const heldUnits = await hiddenUnits(projector, parameters, held.vectors, last, outputs, H);
  solveRidge(left, n, right, bestRidge(left, right, n, heldUnits, held.targets));
  const [weights, biases] = [parameters.get(last)!, parameters.get(bias)!];
  for (let o = 0; o < outputs; o++) {
    weights.set(right.subarray(o * n, o * n + H), o * H);
    biases[o] = right[o * n + H]!;
  }
}

/** The ridge of which the regression explains most of what is held back; the weakest where nothing is. */
function bestRidge(
  left: Float64Array,
  right: Float64Array,
  n: number,
  heldUnits: Matrix,
  heldTargets: Matrix,
): number {
  if (heldUnits.rows === 0) return LAMBDAS[0]!;
  const outputs = heldTargets.cols;
  const count = Math.min(outputs, CHOOSING_OUTPUTS);
  // Spread evenly over the outputs.
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * outputs) / count));
  const wanted = columnsAt(heldTargets, chosen);
  const asked = new Float64Array(count * n);
  for (const [i, o] of chosen.entries()) asked.set(right.subarray(o * n, (o + 1) * n), i * n);
  const shares = LAMBDAS.map((lambda) => {
    const solved = asked.slice();
    solveRidge(left.slice(), n, solved, lambda);
    const found = matrixOf(wanted.rows, count, new Float32Array(wanted.data.length));
    for (let r = 0; r < found.rows; r++) {
      const units = row(heldUnits, r);
      for (let o = 0; o < count; o++) {
        let sum = solved[o * n + n - 1]!;
        for (let h = 0; h < units.length; h++) sum += solved[o * n + h]! * units[h]!;
        found.data[r * count + o] = sum;
      }
    }
    return explainedShare(found, wanted);
  });
  return LAMBDAS[shares.indexOf(Math.max(...shares))]!;
}

function columnsAt(matrix: Matrix, columns: readonly number[]): Matrix {
  const picked = matrixOf(matrix.rows, columns.length, new Float32Array(matrix.rows * columns.length));
  for (let r = 0; r < matrix.rows; r++) {
    for (const [i, c] of columns.entries()) row(picked, r)[i] = row(matrix, r)[c]!;
  }
  return picked;
}

/** What the last layer reads, [N, H]. */
async function hiddenUnits(
  projector: DifferentiableProjector,
  parameters: ParameterValues,
  vectors: Matrix,
  last: string,
  outputs: number,
  H: number,
): Promise<Matrix> {
  const units = matrixOf(vectors.rows, H, new Float32Array(vectors.rows * H));
  for (let at = 0; at < vectors.rows; at += outputs) {
    const count = Math.min(outputs, vectors.rows - at);
    const some = matrixOf(
      count,
      vectors.cols,
      vectors.data.slice(at * vectors.cols, (at + count) * vectors.cols),
    );
    const unitRows = matrixOf(count, outputs, new Float32Array(count * outputs));
    for (let r = 0; r < count; r++) row(unitRows, r)[r] = 1;
    const gradient = (await projector.backward(parameters, some, unitRows)).get(last)!;
    units.data.set(gradient.subarray(0, count * H), at * H);
  }
  return units;
}

/** Share of the variance of the wanted outputs that is found, 1 at most; below 0 where their mean is the better guess. */
export function explainedShare(found: Matrix, wanted: Matrix): number {
  const mean = meanRow(wanted);
  let [missed, spread] = [0, 0];
  for (let i = 0; i < wanted.data.length; i++) {
    missed += (wanted.data[i]! - found.data[i]!) ** 2;
    spread += (wanted.data[i]! - mean[i % wanted.cols]!) ** 2;
  }
  return spread === 0 ? 0 : 1 - missed / spread;
}
