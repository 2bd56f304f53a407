/**
 * @file Quantized decoders, whole: against a float32 decoder with the dequantized weights, and against
 * the unquantized one.
 */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import { Checkpoint } from '../../src/model/weights/checkpoint.js';
import { openDecoder } from '../../src/model/ort/open.js';
import { encodeSafetensors, type NamedTensor } from '../support/safetensors-writer.js';
import { createRng } from '../../src/tensor/rng.js';

const MODELS = fileURLToPath(new URL('../golden/models', import.meta.url));
const CPU = { device: 'cpu', threads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), 'quantized-'));
after(() => {
  rmSync(folder, { recursive: true });
});

type Format = 'int8' | 'int4' | 'int8-dynamic';

/** One number of a group, rounded as the format does; the slow way, without codes. */
function roundGroup(values: readonly number[], bits: 4 | 7 | 8): number[] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  if (bits === 4) {
    const scale = Math.fround((high - low) / 15) || 1;
    const zero = Math.min(15, Math.round(-low / scale));
    return values.map(
      (value) => scale * (Math.min(15, Math.max(0, Math.round(value / scale) + zero)) - zero),
    );
  }
  const scale = Math.fround(Math.max(high, -low) / (2 ** (bits - 1) - 1)) || 1;
  return values.map((value) => scale * Math.round(value / scale));
}

/** A matrix [rows, cols] rounded in groups along each row. */
function roundMatrix(data: Float32Array, cols: number, group: number, bits: 4 | 7 | 8): Float32Array {
  const out = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += cols) {
    for (let from = 0; from < cols; from += group) {
      const values = [...data.subarray(start + from, start + Math.min(from + group, cols))];
      out.set(roundGroup(values, bits), start + from);
    }
  }
  return out;
}

/**
 * A copy of a checkpoint with the weights that a format stands for, and an output table of its own,
 * since that is rounded while the embedding table is not.
 */
function dequantizedCopy(name: string, format: Format): string {
  const source = join(MODELS, name);
  const copy = join(folder, `${name}-${format}`);
  mkdirSync(copy);
  for (const file of readdirSync(source)) {
    if (file === 'config.json') copyFileSync(join(source, file), join(copy, file));
  }
  const checkpoint = Checkpoint.open(source);
  const head = checkpoint.tensors.has('lm_head.weight');
  assert.ok(head, 'the copy needs an untied head');
  const tensors = [...checkpoint.tensors].map(([tensor, { shape }]): NamedTensor => {
    const data = checkpoint.read(tensor);
    const cols = shape[1];
    if (cols === undefined || tensor.includes('embed_tokens')) return { name: tensor, shape, data };
    if (tensor === 'lm_head.weight') return { name: tensor, shape, data: roundMatrix(data, cols, 64, 8) };
    const rounded = {
      int8: () => roundMatrix(data, cols, 64, 8),
      int4: () => roundMatrix(data, cols, 32, 4),
      'int8-dynamic': () => roundMatrix(data, cols, cols, 7),
    };
    return { name: tensor, shape, data: rounded[format]() };
  });
  checkpoint.close();
  writeFileSync(join(copy, 'model.safetensors'), encodeSafetensors(tensors));
  return copy;
}

const rng = createRng(5);
const PROMPT = Array.from({ length: 40 }, () => tokenId(rng.int(72)));

/** Logits behind the prompt, and behind it read token by token. */
async function logitsOf(
  dir: string,
  dtype: Format | 'fp32',
  prompt: readonly TokenId[] = PROMPT,
): Promise<{ whole: Float32Array; stepwise: Float32Array }> {
  const decoder = await openDecoder(dir, { ...CPU, dtype });
  const first = await decoder.prefill(decoder.embed(prompt));
  const whole = first.logits.slice();
  first.cache.dispose();
  let step = await decoder.prefill(decoder.embed(prompt.slice(0, 1)));
  for (const token of prompt.slice(1)) step = await decoder.decode(token, step.cache);
  const stepwise = step.logits.slice();
  step.cache.dispose();
  await decoder.dispose();
  return { whole, stepwise };
}

/** Root mean square of the difference, as a share of that of the expected numbers. */
function relativeError(numbers: Float32Array, expected: Float32Array): number {
  const squares = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares(numbers.map((value, i) => value - expected[i]!)) / squares(expected));
}

/**
 * Largest relative errors of the logits of the two checkpoints below. Against the dequantized weights
 * only activations are rounded, to 8 bits; against the original ones the weights are, too.
 */
const BOUNDS: Readonly<Record<Format, { readonly dequantized: number; readonly original: number }>> = {
  int8: { dequantized: 0.03, original: 0.035 },
  int4: { dequantized: 0.03, original: 0.25 },
  'int8-dynamic': { dequantized: 0.03, original: 0.045 },
};

describe('a quantized decoder', () => {
  for (const name of ['qwen2-untied-bf16', 'starcoder2-untied-no-bias-bf16']) {
    for (const format of ['int8', 'int4', 'int8-dynamic'] as const) {
      test(`${name}, ${format}: computes with the weights that its codes stand for`, async () => {
        const { whole, stepwise } = await logitsOf(join(MODELS, name), format);
        const meant = await logitsOf(dequantizedCopy(name, format), 'fp32');
        const original = await logitsOf(join(MODELS, name), 'fp32');
        const errors = {
          dequantized: relativeError(whole, meant.whole),
          original: relativeError(whole, original.whole),
          stepwise: relativeError(stepwise, meant.whole),
        };
        assert.ok(errors.dequantized <= BOUNDS[format].dequantized, JSON.stringify(errors));
        assert.ok(errors.stepwise <= BOUNDS[format].dequantized, JSON.stringify(errors));
        assert.ok(errors.original <= BOUNDS[format].original, JSON.stringify(errors));
        // The weights are not the original ones: rounding them shows.
        assert.ok(errors.original > errors.dequantized, JSON.stringify(errors));
      });
    }
  }

  test('int8-dynamic is refused on a device that would leave it to the CPU', async () => {
    const options = { device: 'webgpu', threads: 1, dtype: 'int8-dynamic' } as const;
    await assert.rejects(openDecoder(join(MODELS, 'qwen2-tied-fp32'), options), (error) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.render(), /int8-dynamic runs on the cpu only, not on webgpu/);
      return true;
    });
  });
});
