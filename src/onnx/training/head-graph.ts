/**
 * @file Graph of a decoder's end for training: final norm, logits, what the targets cost, and how that changes.
 *
 * Flow: hidden rows at targets -> **norm, logits, cross entropy, divergence from a teacher** -> nats, gradient.
 *
 * Shape letters: N rows with a target, C width, V vocabulary.
 */

import { norm, tensorNames } from '../causal-layers.js';
import { headTensor, type DecoderArchitecture } from '../decoder-graph.js';
import { Graph } from '../graph.js';
import { differentiate } from '../gradients/differentiate.js';
import { exp, neg } from '../gradients/elementwise.js';
import { logSoftmax } from '../gradients/reductions.js';
import { sumAxes } from '../gradients/rule.js';
import { pickFromRows } from '../gradients/shapes.js';
import { add, gatherRows, matMul, mul, reshape, sub } from '../operators.js';
import type { FedGraph } from './layer-graph.js';
import { WeightInputs } from './weight-inputs.js';

/** What a head computes: logits; nats; nats and the gradient; the same and divergences from a teacher. */
export const HEAD_ROLES = ['logits', 'losses', 'gradients', 'gradients-with-teacher'] as const;
export type HeadRole = (typeof HEAD_ROLES)[number];

/** Names of the graph's inputs and outputs. */
export const HEAD_IO = {
  /** Hidden rows, before the final norm, [N, C]. */
  rows: 'rows',
  /** int64 [N, 1]. */
  targets: 'targets',
  /** The teacher's logits, [N, V]. */
  teacher: 'teacher',
  /** Gradients of the loss at `nats` and at `divergences`, [N, 1]. */
  natsGradient: 'nats_gradient',
  divergencesGradient: 'divergences_gradient',
  /** [N, V]. */
  logits: 'logits',
  /** Cross entropy of each target, [N, 1]. */
  nats: 'nats',
  /** KL(teacher || decoder) of each row, [N, 1]. */
  divergences: 'divergences',
  /** Gradient of the loss at `rows`, [N, C]. */
  rowsGradient: 'rows_gradient',
} as const;

/**
 * Describes the end of a decoder.
 *
 * Logits are as wide as the vocabulary, so arrays of their size cost more than the products. With W the matrix of the
 * head, p the shares and t the target of a row, the gradients at the normed row are written down in closed form:
 *
 *   of the nats          p W - W[t]
 *   of the divergence    (p - q) W, with q the teacher's shares
 */
export function buildHeadGraph(architecture: DecoderArchitecture, role: HeadRole): FedGraph {
  const { width: C, vocabularySize: V } = architecture;
  const g = new Graph(`decoder head, ${role}`);
  const rows = g.input(HEAD_IO.rows, 'float32', ['N', C]);
  const inputs = new WeightInputs(g);
  const normed = norm(g, inputs, architecture, rows, tensorNames(architecture).finalNorm);
  const name = headTensor(architecture).replace(/\.weight$/, '');
  const logits = inputs.project(normed, [{ name, outputs: V }], false);
  const fed = { graph: g, weights: inputs.all };
  if (role === 'logits') {
    g.output(HEAD_IO.logits, logits);
    return fed;
  }
  const logShares = logSoftmax(g, logits);
  const targets = g.input(HEAD_IO.targets, 'int64', ['N', 1]);
  const nats = neg(g, pickFromRows(g, logShares, targets));
  g.output(HEAD_IO.nats, nats);
  if (role === 'losses') return fed;

  const matrix = inputs.weight(`${name}.weight`, [V, C]);
  const shares = exp(g, logShares);
  const natsGradient = g.input(HEAD_IO.natsGradient, 'float32', ['N', 1]);
  const wanted = gatherRows(g, matrix, reshape(g, targets, ['N']));
  let gradient = mul(g, sub(g, matMul(g, shares, matrix), wanted), natsGradient);
  if (role === 'gradients-with-teacher') {
    const teacher = logSoftmax(g, g.input(HEAD_IO.teacher, 'float32', ['N', V]));
    const teacherShares = exp(g, teacher);
    const divergences = sumAxes(g, mul(g, teacherShares, sub(g, teacher, logShares)), [1], true);
    g.output(HEAD_IO.divergences, divergences);
    const divergencesGradient = g.input(HEAD_IO.divergencesGradient, 'float32', ['N', 1]);
    const pulled = matMul(g, sub(g, shares, teacherShares), matrix);
    gradient = add(g, gradient, mul(g, pulled, divergencesGradient));
  }
  const [rowsGradient] = differentiate(g, [{ value: normed, gradient }], [rows]);
  g.output(HEAD_IO.rowsGradient, rowsGradient!);
  return fed;
}
