import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRng, Rng, splitMix64 } from '../../src/tensor/rng.js';
import { some } from '../support/some.js';

describe('random numbers', () => {
  test('xoshiro128++ gives the published sequence for the state 1, 2, 3, 4', () => {
    // By hand for the first: rotl(1 + 4, 7) + 1 = 640 + 1. All ten: test vector of rand_xoshiro,
    // which was made with the authors' C code.
    const rng = new Rng([1, 2, 3, 4]);
    const drawn = Array.from({ length: 10 }, () => rng.uint32());
    assert.deepEqual(
      drawn,
      [
        641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295, 495546011,
        621204420,
      ],
    );
  });

  test('SplitMix64 gives the published sequence for the seed 1234567', () => {
    const outputs: bigint[] = [];
    let state = 1234567n;
    for (let i = 0; i < 3; i++) {
      const step = splitMix64(state);
      outputs.push(step.output);
      state = step.state;
    }
    assert.deepEqual(outputs, [6457827717110365317n, 3203168211198807973n, 9817491932198370423n]);
  });

  test('one seed gives one sequence, another seed another', () => {
    const draw = (seed: number): number[] => {
      const rng = createRng(seed);
      return Array.from({ length: 5 }, () => rng.next());
    };
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
    assert.notDeepEqual(draw(7), draw(-7));
  });

  test('next stays in [0, 1) and has the mean of a uniform variable', () => {
    const rng = createRng(1);
    let sum = 0;
    for (let i = 0; i < 20_000; i++) {
      const x = rng.next();
      assert.ok(x >= 0 && x < 1);
      sum += x;
    }
    // The standard error of the mean is 0.289 / sqrt(20000) = 0.002; five of them are allowed.
    assert.ok(Math.abs(sum / 20_000 - 0.5) < 0.01);
  });

  test('int gives every value about equally often, and refuses what is no count', () => {
    const rng = createRng(2);
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 70_000; i++) counts[rng.int(7)]!++;
    // Expected 10,000 each with a standard deviation of 93.
    for (const count of some(counts)) assert.ok(Math.abs(count - 10_000) < 500, String(counts));
    for (const n of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) assert.throws(() => rng.int(n), RangeError);
  });

  test('shuffle keeps the items, leaves its argument alone and reaches every order', () => {
    const rng = createRng(3);
    const items = ['a', 'b', 'c'];
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const shuffled = rng.shuffle(items);
      assert.deepEqual([...shuffled].sort(), items);
      orders.add(shuffled.join(''));
    }
    assert.deepEqual(items, ['a', 'b', 'c']);
    assert.equal(orders.size, 6);
  });

  test('seeds and states that cannot work are refused', () => {
    assert.throws(() => createRng(0.5), RangeError);
    assert.throws(() => createRng(2 ** 60), RangeError);
    assert.throws(() => new Rng([0, 0, 0, 0]), RangeError);
  });
});
