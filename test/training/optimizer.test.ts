/**
 * @file Optimizer and losses of training against hand-worked numbers and those of PyTorch.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { z } from 'zod';

import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { alignment, ALIGNMENT_SCALES } from '../../src/training/losses/alignment.js';
import { contrast } from '../../src/training/losses/contrast.js';
import { adamwStep, DEFAULT_ADAMW, freshMoments } from '../../src/training/optimizer/adamw.js';
import { OPTIMIZER_STEPS, OPTIMIZERS } from '../../src/training/optimizer/all.js';
import { clipByNorm } from '../../src/training/optimizer/clip.js';
import { lambStep } from '../../src/training/optimizer/lamb.js';
import { rateAt } from '../../src/training/optimizer/schedule.js';
import { solveRidge } from '../../src/training/start/ridge.js';
import { randomStart } from '../../src/training/start/random.js';

const numbers = z.array(z.number());
const rows = z.array(numbers);
const scaled = z.object({ loss: z.number(), gradient: rows });
const golden = z
  .object({
    adamw: z.array(
      z.object({ rate: z.number(), decay: z.number(), start: numbers, gradients: rows, values: rows }),
    ),
    lamb: z.array(
      z.object({
        ...{ rate: z.number(), decay: z.number(), start: rows },
        ...{ gradients: z.array(rows), values: z.array(rows) },
      }),
    ),
    clipped: z.object({ given: rows, norm: z.number(), clipped: rows }),
    alignment: z.object({ encoded: rows, projected: rows, 'mean-square': scaled, frobenius: scaled }),
    contrast: z.object({
      ...{ own: z.number(), other: z.number(), margin: z.number(), temperature: z.number() },
      ...{ loss: z.number(), slope: z.number() },
    }),
  })
  .parse(JSON.parse(readFileSync(new URL('../golden/training-losses.json', import.meta.url), 'utf8')));

const matrix = (values: readonly (readonly number[])[]): Matrix =>
  matrixOf(values.length, values[0]!.length, Float32Array.from(values.flat()));

function close(found: ArrayLike<number>, wanted: readonly number[], tolerance: number, what = 'value'): void {
  assert.equal(found.length, wanted.length);
  for (const [i, value] of wanted.entries()) {
    assert.ok(Math.abs(found[i]! - value) <= tolerance, `${what} ${i}: ${found[i]!}, expected ${value}`);
  }
}

describe('AdamW', () => {
  for (const { rate, decay, start, gradients, values } of golden.adamw) {
    test(`takes ${gradients.length} steps as PyTorch does, weight decay ${decay}`, () => {
      const parameters = new Map([['p', Float32Array.from(start)]]);
      const moments = freshMoments(parameters);
      for (const [t, gradient] of gradients.entries()) {
        const setting = { ...DEFAULT_ADAMW, weightDecay: decay };
        adamwStep(parameters, new Map([['p', Float32Array.from(gradient)]]), moments, rate, setting);
        close(parameters.get('p')!, values[t]!, 1e-6, `step ${t + 1}, value`);
      }
    });
  }
});

describe('LAMB', () => {
  for (const { rate, decay, start, gradients, values } of golden.lamb) {
    test(`takes ${gradients.length} steps as with the moves of PyTorch's Adam, weight decay ${decay}`, () => {
      const named = (tensors: readonly (readonly number[])[]): Map<string, Float32Array> =>
        new Map(tensors.map((tensor, i) => [`linear_1.${i}`, Float32Array.from(tensor)]));
      const parameters = named(start);
      const moments = freshMoments(parameters);
      for (const [t, gradient] of gradients.entries()) {
        lambStep(parameters, named(gradient), moments, rate, { ...DEFAULT_ADAMW, weightDecay: decay });
        for (const [i, wanted] of values[t]!.entries())
          close(parameters.get(`linear_1.${i}`)!, wanted, 1e-6, `step ${t + 1}, tensor ${i}, value`);
      }
    });
  }

  test('moves a layer by the rate times its length, by hand', () => {
    // |p| = 5. The first move of Adam is the sign of the gradient, [1, -1], of length sqrt(2).
    const parameters = new Map([['linear_1.weight', Float32Array.of(3, 4)]]);
    const gradients = new Map([['linear_1.weight', Float32Array.of(1, -1)]]);
    lambStep(parameters, gradients, freshMoments(parameters), 0.1, DEFAULT_ADAMW);
    close(parameters.get('linear_1.weight')!, [3 - 0.5 / Math.SQRT2, 4 + 0.5 / Math.SQRT2], 1e-6);
  });

  test('takes weights and bias of a layer as one, and other layers apart', () => {
    // [3, 4] and the bias 0: |p| = 5, |u| = sqrt(3). The layer of length 0 moves by the rate itself.
    const parameters = new Map([
      ['linear_1.weight', Float32Array.of(3, 4)],
      ['linear_1.bias', Float32Array.of(0)],
      ['linear_2.bias', Float32Array.of(0)],
    ]);
    const gradients = new Map([...parameters.keys()].map((name) => [name, new Float32Array(2).fill(1)]));
    for (const name of ['linear_1.bias', 'linear_2.bias']) gradients.set(name, Float32Array.of(1));
    lambStep(parameters, gradients, freshMoments(parameters), 0.1, DEFAULT_ADAMW);
    const step = 0.5 / Math.sqrt(3);
    close(parameters.get('linear_1.weight')!, [3 - step, 4 - step], 1e-6);
    close(parameters.get('linear_1.bias')!, [-step], 1e-6);
    close(parameters.get('linear_2.bias')!, [-0.1], 1e-6);
  });

  test('with weight decay shrinks a layer even where its gradient is 0', () => {
    // u = decay * p, so |p| / |u| * u = p / |p| * |p|: the layer loses the rate, whatever the decay.
    const parameters = new Map([['a', Float32Array.of(3, 4)]]);
    const gradients = new Map([['a', Float32Array.of(0, 0)]]);
    lambStep(parameters, gradients, freshMoments(parameters), 0.1, { ...DEFAULT_ADAMW, weightDecay: 0.01 });
    close(parameters.get('a')!, [2.7, 3.6], 1e-6);
  });
});

describe('every optimizer', () => {
  for (const name of OPTIMIZERS) {
    const step = OPTIMIZER_STEPS[name];

    test(`${name} finds the lowest point of a bowl`, () => {
      const parameters = new Map([['a', Float32Array.of(3, -2)]]);
      const moments = freshMoments(parameters);
      for (let t = 1; t <= 2000; t++) {
        const gradient = parameters.get('a')!.map((value, i) => value - [1, 2][i]!);
        step(parameters, new Map([['a', gradient]]), moments, 0.02 * (1 - t / 2001), DEFAULT_ADAMW);
      }
      close(parameters.get('a')!, [1, 2], 0.02);
    });

    test(`${name} leaves a parameter without a gradient as it is, moments included`, () => {
      const parameters = new Map([
        ['a', Float32Array.of(1)],
        ['b', Float32Array.of(2)],
      ]);
      const moments = freshMoments(parameters);
      step(parameters, new Map([['a', Float32Array.of(1)]]), moments, 0.1, DEFAULT_ADAMW);
      // The first step of Adam is the rate against the sign of the gradient.
      close(parameters.get('a')!, [0.9], 1e-6);
      assert.deepEqual([...parameters.get('b')!, ...moments.first.get('b')!], [2, 0]);
    });

    test(`${name} refuses a gradient that fits no parameter`, () => {
      const parameters = new Map([['a', Float32Array.of(1)]]);
      const stray = new Map([['c', Float32Array.of(1)]]);
      assert.throws(() => {
        step(parameters, stray, freshMoments(parameters), 0.1, DEFAULT_ADAMW);
      }, /gradient of c/);
    });
  }
});

describe('clipping', () => {
  test('shortens all gradients together as PyTorch does', () => {
    const { given, norm, clipped } = golden.clipped;
    const gradients = new Map(given.map((values, i) => [String(i), Float32Array.from(values)]));
    assert.ok(Math.abs(clipByNorm(gradients, 1) - norm) < 1e-5);
    for (const [i, values] of clipped.entries()) close(gradients.get(String(i))!, values, 1e-6);
  });

  test('leaves short gradients, and without a limit all of them', () => {
    const gradients = new Map([['a', Float32Array.of(3, 4)]]);
    assert.equal(clipByNorm(gradients, null), 5);
    clipByNorm(gradients, 6);
    assert.deepEqual([...gradients.get('a')!], [3, 4]);
  });
});

describe('the schedule of the rate', () => {
  const rates = (name: 'cosine' | 'linear' | 'constant'): number[] =>
    Array.from({ length: 6 }, (_, i) => rateAt({ name, rate: 1, warmup: 1 / 3, steps: 6 }, i + 1));

  test('rises in the warm-up and then falls, by hand', () => {
    // Two of six steps rise: 1/2, 1. Then progress is 0, 1/4, 2/4, 3/4.
    close(rates('linear'), [0.5, 1, 1, 0.75, 0.5, 0.25], 1e-12);
    // (1 + cos(pi p)) / 2 at p = 0, 1/4, 1/2, 3/4.
    close(rates('cosine'), [0.5, 1, 1, 0.853553, 0.5, 0.146447], 1e-6);
    close(rates('constant'), [0.5, 1, 1, 1, 1, 1], 1e-12);
  });
});

describe('the alignment loss', () => {
  test('has the hand-worked values: 0.25 in the scale of the code, 0.70711 in that of the paper', () => {
    // G of the encoder is the identity; the projector's rows have the cosine 1 / sqrt(2).
    const encoded = matrix([
      [1, 0],
      [0, 1],
    ]);
    const projected = matrix([
      [1, 0],
      [1, 1],
    ]);
    assert.ok(Math.abs(alignment(projected, encoded, 'mean-square').loss - 0.25) < 1e-6);
    assert.ok(Math.abs(alignment(projected, encoded, 'frobenius').loss - 0.70711) < 1e-5);
  });

  for (const scale of ALIGNMENT_SCALES) {
    test(`agrees with PyTorch in value and gradient: ${scale}`, () => {
      const { encoded, projected, [scale]: wanted } = golden.alignment;
      const found = alignment(matrix(projected), matrix(encoded), scale);
      assert.ok(Math.abs(found.loss - wanted.loss) < 1e-5 * wanted.loss);
      close(found.gradient.data, wanted.gradient.flat(), 1e-5);
    });

    test(`is 0 with a gradient of 0 where nothing differs: ${scale}`, () => {
      const same = matrix([
        [1, 0],
        [0, 2],
      ]);
      const { loss, gradient } = alignment(same, same, scale);
      assert.deepEqual([loss, ...gradient.data], [0, 0, 0, 0, 0]);
    });
  }
});

describe('the contrast', () => {
  test('agrees with PyTorch in value and slope', () => {
    const { own, other, margin, temperature, loss, slope } = golden.contrast;
    const found = contrast(own, other, { margin, temperature });
    close([found.loss, found.slope], [loss, slope], 1e-12);
  });

  test('pulls the own line down and pushes the other one up, more where the other one leads', () => {
    const setting = { margin: 0, temperature: 1 };
    const [behind, ahead] = [contrast(3, 1, setting), contrast(1, 3, setting)];
    assert.ok(behind.slope > 0.5 && ahead.slope > 0 && ahead.slope < 0.5);
    assert.ok(behind.loss > ahead.loss);
    close([contrast(900, 0, setting).loss, contrast(0, 900, setting).loss], [900, 0], 1e-9);
  });
});

describe('the start', () => {
  test('solves a ridge regression by hand', () => {
    // A = [[4, 2], [2, 3]], b = [10, 8]: x = [7/4, 3/2]. With lambda 1 and a mean diagonal of 3.5 the diagonal grows by 3.5.
    const exact = Float64Array.of(10, 8);
    solveRidge(Float64Array.of(4, 2, 2, 3), 2, exact, 0);
    close(exact, [1.75, 1.5], 1e-12);
    const shrunk = Float64Array.of(10, 8);
    solveRidge(Float64Array.of(4, 2, 2, 3), 2, shrunk, 1);
    // [[7.5, 2], [2, 6.5]]: determinant 44.75, x = [(65 - 16) / 44.75, (60 - 20) / 44.75].
    close(shrunk, [49 / 44.75, 40 / 44.75], 1e-12);
  });

  test('is normal(0, 0.02) in the Linear layers and neutral elsewhere, the same for the same seed', () => {
    const shapes = new Map([
      ['linear_1.weight', [40, 50]],
      ['linear_1.bias', [40]],
      ['ln_1.weight', [40]],
      ['ln_1.bias', [40]],
    ]);
    const start = randomStart(shapes, 1);
    const weights = start.get('linear_1.weight')!;
    const spread = Math.sqrt(weights.reduce((sum, value) => sum + value ** 2, 0) / weights.length);
    assert.ok(spread > 0.019 && spread < 0.021, String(spread));
    assert.ok(start.get('linear_1.bias')!.every((value) => value === 0));
    assert.ok(start.get('ln_1.weight')!.every((value) => value === 1));
    assert.deepEqual(start, randomStart(shapes, 1));
    assert.notDeepEqual(start, randomStart(shapes, 2));
  });
});
