import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { perturbed, PERTURBATIONS, type Perturbation } from '../../src/probe/perturbations.js';
import { matrixOf, meanNorm } from '../../src/tensor/matrix.js';

const soft = matrixOf(2, 2, Float32Array.of(3, 4, 0, 2));
const disturbance = {
  other: matrixOf(2, 2, Float32Array.of(1, 0, 4, 4)),
  directions: matrixOf(2, 2, Float32Array.of(1, 0, 0, -1)),
  meanNorm: meanNorm(soft),
};
const by = (of: Perturbation): number[] => [...perturbed(soft, of, disturbance).data];

describe('moved soft tokens', () => {
  test('by hand: interpolated, a quarter of the other one, and all of it', () => {
    assert.deepEqual(by({ kind: 'interpolated', alpha: 0 }), [3, 4, 0, 2]);
    // 0.75 * 3 + 0.25 * 1 = 2.5; 0.75 * 4 = 3; 0.25 * 4 = 1; 0.75 * 2 + 0.25 * 4 = 2.5.
    assert.deepEqual(by({ kind: 'interpolated', alpha: 0.25 }), [2.5, 3, 1, 2.5]);
    assert.deepEqual(by({ kind: 'interpolated', alpha: 1 }), [1, 0, 4, 4]);
  });

  test('by hand: noise has a share of the mean norm, the same for all soft tokens', () => {
    // Norms 5 and 2: mean 3.5, a half of it 1.75.
    assert.equal(disturbance.meanNorm, 3.5);
    assert.deepEqual(by({ kind: 'noise', ratio: 0.5 }), [4.75, 4, 0, 0.25]);
  });

  test('by hand: a random vector has the norm of the soft token in whose place it stands', () => {
    assert.deepEqual(by({ kind: 'random' }), [5, 0, 0, -2]);
  });

  test('leave the soft tokens as they are', () => {
    for (const one of PERTURBATIONS) by(one);
    assert.deepEqual([...soft.data], [3, 4, 0, 2]);
  });

  test('are refused if the other ones are of another number', () => {
    const few = { ...disturbance, other: matrixOf(1, 2, Float32Array.of(1, 0)) };
    assert.throws(
      () => perturbed(soft, { kind: 'interpolated', alpha: 1 }, few),
      /2 x 2 cannot be mixed with 1 x 2/,
    );
  });

  test('have a mean norm of 0 where there are none', () => {
    assert.equal(meanNorm(matrixOf(0, 2, new Float32Array(0))), 0);
  });
});
