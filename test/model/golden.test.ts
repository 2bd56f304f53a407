/**
 * @file The graphs against PyTorch: logits, chunk vectors and soft tokens of tiny checkpoints.
 *
 * The expected numbers come from transformers, see `test/golden/make-models.py`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { z } from 'zod';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { OrtDecoder, OrtStep } from '../../src/model/ort/ort-decoder.js';
import { openDecoder, openEncoder, openProjector } from '../../src/model/ort/open.js';
import { matrixOf, row } from '../../src/tensor/matrix.js';
import { some } from '../support/some.js';

const MODELS = fileURLToPath(new URL('../golden/models', import.meta.url));
const CPU = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;

const MAX_LOGIT_DIFFERENCE = 1e-4;
/** Largest difference in fp16, as a share of the largest logit. */
const MAX_HALF_DIFFERENCE = 2e-2;
const MIN_ENCODER_COSINE = 0.99999;
const MAX_PROJECTOR_DIFFERENCE = 1e-5;

const numbers = z.array(z.number());
const ids = z.array(z.number().transform(tokenId));
const expected = z
  .array(
    z.discriminatedUnion('kind', [
      z.object({
        kind: z.literal('decoder'),
        name: z.string(),
        family: z.string(),
        cases: z.array(z.object({ ids, logits: numbers, greedy: ids })),
        embedded: z.object({ vectors: numbers, logits: numbers }),
      }),
      z.object({
        kind: z.literal('encoder'),
        name: z.string(),
        family: z.string(),
        inputs: z.array(ids),
        vectors: z.array(numbers),
      }),
      z.object({
        kind: z.literal('projector'),
        name: z.string(),
        layers: z.union([z.literal(2), z.literal(3), z.literal(4)]),
        inputWidth: z.number(),
        outputWidth: z.number(),
        vectors: numbers,
        soft: numbers,
      }),
    ]),
  )
  .parse(JSON.parse(readFileSync(join(MODELS, 'expected.json'), 'utf8')));

type Golden = (typeof expected)[number];
const goldenOf = <K extends Golden['kind']>(kind: K): Extract<Golden, { kind: K }>[] =>
  expected.filter((golden): golden is Extract<Golden, { kind: K }> => golden.kind === kind);

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (number, i) => Math.abs(number - b[i]!)));
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((sum, number, i) => sum + number * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The first `count` greedy tokens behind a prompt, and the last step. */
async function generate(
  decoder: OrtDecoder,
  prompt: readonly TokenId[],
  count: number,
): Promise<{ tokens: TokenId[]; last: OrtStep }> {
  let last = await decoder.prefill(decoder.embed(prompt));
  const tokens = [last.token];
  while (tokens.length < count) {
    last = await decoder.decode(last.token, last.cache);
    tokens.push(last.token);
  }
  return { tokens, last };
}

describe('decoder graph', () => {
  for (const golden of goldenOf('decoder')) {
    test(`${golden.name}: logits and greedy tokens equal transformers`, async () => {
      const decoder = await openDecoder(join(MODELS, golden.name), CPU);
      for (const { ids: prompt, logits, greedy } of some(golden.cases)) {
        const step = await decoder.prefill(decoder.embed(prompt));
        const difference = maxDifference(step.logits, logits);
        assert.ok(difference <= MAX_LOGIT_DIFFERENCE, `${prompt.length} tokens: off by ${difference}`);
        assert.equal(step.cache.length, prompt.length);
        step.cache.dispose();
        const { tokens, last } = await generate(decoder, prompt, greedy.length);
        assert.deepEqual(tokens, greedy);
        last.cache.dispose();
      }
      await decoder.dispose();
    });

    test(`${golden.name}: vectors that are no token's give the logits of transformers`, async () => {
      const decoder = await openDecoder(join(MODELS, golden.name), CPU);
      const vectors = Float32Array.from(golden.embedded.vectors);
      const step = await decoder.prefill(matrixOf(vectors.length / decoder.width, decoder.width, vectors));
      assert.ok(maxDifference(step.logits, golden.embedded.logits) <= MAX_LOGIT_DIFFERENCE);
      step.cache.dispose();
      await decoder.dispose();
    });

    test(`${golden.name}: decoding step by step equals recomputing the whole prompt`, async () => {
      const decoder = await openDecoder(join(MODELS, golden.name), CPU);
      const prompt = golden.cases[1]!.ids;
      const { tokens, last } = await generate(decoder, prompt, 6);
      const whole = await decoder.prefill(decoder.embed([...prompt, ...tokens.slice(0, -1)]));
      assert.equal(whole.token, last.token);
      assert.ok(maxDifference(whole.logits, last.logits) <= 1e-5);
      assert.equal(whole.cache.length, last.cache.length);
      await decoder.dispose();
    });

    test(`${golden.name}: in fp16, logits stay within two hundredths of the largest`, async () => {
      const decoder = await openDecoder(join(MODELS, golden.name), { ...CPU, dtype: 'fp16' });
      for (const { ids: prompt, logits } of some(golden.cases)) {
        const step = await decoder.prefill(decoder.embed(prompt));
        const largest = Math.max(...logits.map(Math.abs));
        const difference = maxDifference(step.logits, logits) / largest;
        assert.ok(difference <= MAX_HALF_DIFFERENCE, `${prompt.length} tokens: off by ${difference}`);
        step.cache.dispose();
      }
      await decoder.dispose();
    });
  }
});

describe('encoder graph', () => {
  for (const golden of goldenOf('encoder')) {
    test(`${golden.name}: pooled vectors equal transformers, in a batch of mixed lengths and alone`, async () => {
      const encoder = await openEncoder(join(MODELS, golden.name), CPU);
      const together = await encoder.encode(golden.inputs);
      for (const [i, input] of some(golden.inputs.entries())) {
        const alone = await encoder.encode([input]);
        assert.ok(cosine(row(together, i), golden.vectors[i]!) >= MIN_ENCODER_COSINE);
        assert.ok(cosine(row(alone, 0), golden.vectors[i]!) >= MIN_ENCODER_COSINE);
        assert.ok(maxDifference(row(together, i), golden.vectors[i]!) <= 1e-5);
      }
      await encoder.dispose();
    });
  }
});

describe('projector graph', () => {
  for (const golden of some(goldenOf('projector'))) {
    test(`${golden.name}: soft tokens equal PyTorch`, async () => {
      const { inputWidth, outputWidth, layers } = golden;
      const projector = await openProjector(join(MODELS, `${golden.name}.safetensors`), CPU, layers);
      assert.deepEqual([projector.inputWidth, projector.outputWidth], [inputWidth, outputWidth]);
      const vectors = Float32Array.from(golden.vectors);
      const soft = await projector.project(matrixOf(vectors.length / inputWidth, inputWidth, vectors));
      assert.ok(maxDifference(soft.data, golden.soft) <= MAX_PROJECTOR_DIFFERENCE);
      await projector.dispose();
    });
  }
});
