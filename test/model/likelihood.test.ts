/**
 * @file Log-probabilities of given texts against PyTorch, and what they must leave alone.
 *
 * The expected numbers come from transformers, see `test/golden/make-likelihood.py`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { tokenId } from '../../src/domain/units.js';
import { openDecoder } from '../../src/model/ort/open.js';
import { logProbability } from '../../src/inference/logits.js';
import type { OrtDecoder } from '../../src/model/ort/ort-decoder.js';
import { some } from '../support/some.js';

const GOLDEN = fileURLToPath(new URL('../golden', import.meta.url));
const CPU = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
const MAX_DIFFERENCE = 1e-4;

const ids = z.array(z.number().transform(tokenId));
const golden = z
  .array(
    z.object({
      name: z.string(),
      cases: z.array(z.object({ prompt: ids, ids, end: ids, expected: z.array(z.number()) })),
    }),
  )
  .parse(JSON.parse(readFileSync(join(GOLDEN, 'likelihood.json'), 'utf8')));

type Case = (typeof golden)[number]['cases'][number];

async function scored(decoder: OrtDecoder, { prompt, ids, end }: Case): Promise<Float64Array> {
  const step = await decoder.prefill(decoder.embed(prompt));
  try {
    const continuation = { ids, end: end.length === 0 ? null : new Set(end) };
    return await decoder.logProbabilities(continuation, step);
  } finally {
    step.cache.dispose();
  }
}

describe('the likelihood of a given text', () => {
  for (const { name, cases } of some(golden)) {
    test(`${name}: each position agrees with PyTorch to ${MAX_DIFFERENCE}`, async () => {
      const decoder = await openDecoder(join(GOLDEN, 'models', name), CPU);
      try {
        for (const one of some(cases)) {
          const values = await scored(decoder, one);
          assert.equal(values.length, one.expected.length);
          for (const [i, value] of values.entries()) {
            const difference = Math.abs(value - one.expected[i]!);
            assert.ok(difference <= MAX_DIFFERENCE, `position ${i}: ${value} for ${one.expected[i]!}`);
          }
        }
      } finally {
        await decoder.dispose();
      }
    });
  }

  test('leaves the prompt as it was: the completion behind it is the one without scoring', async () => {
    const decoder = await openDecoder(join(GOLDEN, 'models/qwen2-tied-fp32'), CPU);
    const prompt = [3, 14, 15, 9].map(tokenId);
    const complete = async (scores: boolean): Promise<number[]> => {
      let step = await decoder.prefill(decoder.embed(prompt));
      if (scores) await decoder.logProbabilities({ ids: [1, 2, 3].map(tokenId), end: null }, step);
      const tokens: number[] = [];
      for (let i = 0; i < 8; i++) {
        tokens.push(step.token);
        step = await decoder.decode(step.token, step.cache);
      }
      step.cache.dispose();
      return tokens;
    };
    assert.deepEqual(await complete(true), await complete(false));
    await decoder.dispose();
  });

  test('refuses ids outside the vocabulary, too many positions, and a cache that was used', async () => {
    const decoder = await openDecoder(join(GOLDEN, 'models/qwen2-tied-fp32'), CPU);
    const step = await decoder.prefill(decoder.embed([tokenId(1)]));
    await assert.rejects(
      decoder.logProbabilities({ ids: [tokenId(72)], end: null }, step),
      /token 72 is outside the decoder's vocabulary of 72/,
    );
    const long = Array.from({ length: decoder.maxPositions + 1 }, () => tokenId(1));
    await assert.rejects(
      decoder.logProbabilities({ ids: long, end: null }, step),
      new RegExp(`${decoder.maxPositions + 1} positions, but the decoder was made for`),
    );
    step.cache.dispose();
    await assert.rejects(
      decoder.logProbabilities({ ids: [tokenId(1), tokenId(2)], end: null }, step),
      /disposed or used/,
    );
    await decoder.dispose();
  });
});

describe('the log-probability of a position', () => {
  test('is the share of the exponentials: of 1, 2 and 5, the second has 2/8 and the first two have 3/8', () => {
    const logits = Float32Array.of(0, Math.log(2), Math.log(5));
    assert.ok(Math.abs(logProbability(logits, [1]) - Math.log(2 / 8)) < 1e-6);
    assert.ok(Math.abs(logProbability(logits, [0, 1]) - Math.log(3 / 8)) < 1e-6);
  });

  test('holds for logits whose exponentials would overflow or vanish', () => {
    // e^0 / (e^0 + e^-200) is 1 to the last digit; the other has the logarithm -200, which exp(-200) as float32 has not.
    const logits = Float32Array.of(900, 700);
    assert.equal(logProbability(logits, [0]), 0);
    assert.equal(logProbability(logits, [1]), -200);
  });

  test('is no number where logits are none', () => {
    assert.ok(Number.isNaN(logProbability(Float32Array.of(Number.NaN, 1), [1])));
  });
});
