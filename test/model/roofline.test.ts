import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { measureRoofline, pointOf } from '../../src/model/ort/proof/roofline.js';
import { attentionFlops, layerProducts, productFlops } from '../../src/onnx/decoder-flops.js';

const NANO = fileURLToPath(new URL('../../models/llavacode-nano/decoder', import.meta.url));
/** A decoder whose numbers are easily worked by hand. */
const WIDTHS = {
  ...{ layers: 4, width: 256, feedForwardWidth: 704, heads: 4, kvHeads: 1, headWidth: 64 },
  feedForward: 'gated-silu',
} as const;

describe('operations of a prefill', () => {
  test('its products: queries, keys and values of all layers; the rest of all layers but the last', () => {
    // qkv: 4 + 2 heads of 64 = 384. Output: 4 x 64 = 256. Gate and up: two of 704.
    assert.deepEqual(layerProducts(WIDTHS), [
      { inputs: 256, outputs: 384, count: 4 },
      { inputs: 256, outputs: 256, count: 3 },
      { inputs: 256, outputs: 704, count: 6 },
      { inputs: 704, outputs: 256, count: 3 },
    ]);
  });

  test('equal shapes are one product', () => {
    // C = F = 4, one head of 4: qkv 4 x 12; output, up and down all 4 x 4, each once in the layer before the last.
    const products = layerProducts({
      ...{ layers: 2, width: 4, feedForwardWidth: 4, heads: 1, kvHeads: 1, headWidth: 4 },
      feedForward: 'gelu-tanh',
    });
    assert.deepEqual(products, [
      { inputs: 4, outputs: 12, count: 2 },
      { inputs: 4, outputs: 4, count: 3 },
    ]);
    // 2 T (4 x 12 x 2 + 4 x 4 x 3) = 2 x 10 x 144
    assert.equal(productFlops(products, 10), 2880);
  });

  test('attention counts what a position may see', () => {
    // 4 layers x 4 heads x 64 x 4 operations x (1 + 2 + 3) keys
    assert.equal(attentionFlops(WIDTHS, 3), 4 * 4 * 64 * 4 * 6);
  });
});

describe('roofline', () => {
  test('a point is the medians of paired times', () => {
    // Shares 0.5, 1 and 0.25: in round two 2e9 in 20 ms are 100 GFLOP/s beside 1e9 in 10 ms.
    const times = [
      { matMulMs: 10, prefillMs: 40 },
      { matMulMs: 10, prefillMs: 20 },
      { matMulMs: 5, prefillMs: 40 },
    ];
    assert.deepEqual(pointOf(times, 1e9, 2e9), {
      ...{ prefillMs: 40, matMulGflops: 100, prefillGflops: 50, share: 0.5 },
    });
    assert.throws(() => pointOf([], 1, 1), RangeError);
  });

  test('the embedded decoder is measured at the lengths it has positions for', async () => {
    const options = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
    // A clock that ticks once a look: every stretch takes one millisecond.
    let now = 0;
    const points = await measureRoofline(NANO, options, [16, 4096], 1, () => now++);
    assert.deepEqual(
      points.map(({ tokens, prefillMs }) => [tokens, prefillMs]),
      [[16, 1]],
    );
    // All products together take a millisecond, too.
    const nano = { ...WIDTHS, width: 320, heads: 8, kvHeads: 2 };
    assert.equal(points[0]!.matMulGflops, productFlops(layerProducts(nano), 16) / 1e6);
  });
});
