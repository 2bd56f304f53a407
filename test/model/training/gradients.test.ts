/**
 * @file Gradients of tiny decoders and projectors against PyTorch's, and the path behind a prefix against the whole one.
 *
 * The expected numbers come from transformers, see `test/golden/make-training-golden.py`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { tokenId } from '../../../src/domain/units.js';
import type {
  DifferentiableDecoder,
  LossWeights,
  TrainingSequence,
} from '../../../src/inference/differentiable.js';
import { openTensors } from '../../../src/model/weights/checkpoint.js';
import { readProjector } from '../../../src/model/weights/projector-file.js';
import { CheckpointWeights } from '../../../src/model/weights/safetensors.js';
import {
  openDifferentiableDecoder,
  openDifferentiableProjector,
} from '../../../src/model/ort/training/open.js';
import { fromHalf } from '../../../src/onnx/half.js';
import { matrixOf, stackRows, type Matrix } from '../../../src/tensor/matrix.js';
import { some } from '../../support/some.js';

const GOLDEN = fileURLToPath(new URL('../../golden', import.meta.url));
const MODELS = join(GOLDEN, 'models');

/** Largest difference of any number, as a share of the largest number. */
const MAX_RELATIVE = 1e-4;

const numbers = z.array(z.number());
const golden = z
  .object({
    decoders: z.array(
      z.object({
        name: z.string(),
        sequences: z.array(
          z.object({
            prefix: numbers,
            inputs: numbers,
            targets: z.array(z.number().transform(tokenId).nullable()),
            crossEntropy: z.number(),
            divergence: z.number().nullable(),
            teacher: numbers.nullable(),
            nats: numbers,
            divergences: numbers.nullable(),
            gradient: numbers,
          }),
        ),
        hidden: z.object({ inputs: numbers, behindFirstLayer: numbers.nullable() }),
      }),
    ),
    projectors: z.array(
      z.object({
        name: z.string(),
        vectors: numbers,
        soft: numbers,
        outputGradient: numbers,
        gradients: z.record(z.string(), numbers),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(join(GOLDEN, 'training.json'), 'utf8')));

type GoldenSequence = (typeof golden)['decoders'][number]['sequences'][number];

function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(actual, (number, i) => Math.abs(number - expected[i]!))) / largest;
}

function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  most = MAX_RELATIVE,
): void {
  const difference = relativeDifference(actual, expected);
  assert.ok(difference <= most, `${what}: off by ${difference} of the largest`);
}

const rowsOf = (data: readonly number[], cols: number): Matrix =>
  matrixOf(data.length / cols, cols, Float32Array.from(data));

async function sequenceOf(decoder: DifferentiableDecoder, one: GoldenSequence): Promise<TrainingSequence> {
  const prefix = one.prefix.length === 0 ? null : await decoder.prefixOf(rowsOf(one.prefix, decoder.width));
  return { prefix, inputs: rowsOf(one.inputs, decoder.width), targets: one.targets };
}

const weightsOf = (decoder: DifferentiableDecoder, one: GoldenSequence): LossWeights => ({
  crossEntropy: one.crossEntropy,
  teacher:
    one.teacher === null
      ? null
      : { divergence: one.divergence!, logits: rowsOf(one.teacher, decoder.vocabularySize) },
});

describe('a frozen decoder', () => {
  for (const { name, sequences, hidden } of some(golden.decoders)) {
    describe(name, () => {
      let decoder: DifferentiableDecoder;
      let given: TrainingSequence[];
      before(async () => {
        decoder = await openDifferentiableDecoder(join(MODELS, name), { threads: 1 });
        given = await Promise.all(sequences.map((one) => sequenceOf(decoder, one)));
      });
      after(() => decoder.dispose());

      test('gives the losses and the gradients of PyTorch, sequences of all kinds in one call', async () => {
        const weights = sequences.map((one) => weightsOf(decoder, one));
        const found = await decoder.gradients(given, weights);
        for (const [i, expected] of some(sequences.entries())) {
          assertClose(found[i]!.nats, expected.nats, 'nats');
          assertClose(found[i]!.gradient.data, expected.gradient, 'gradient');
          if (expected.divergences === null) assert.equal(found[i]!.divergences, null);
          else assertClose(found[i]!.divergences!, expected.divergences, 'divergences');
        }
        const losses = await decoder.losses(given);
        for (const [i, { nats }] of some(losses.entries())) assertClose(nats, found[i]!.nats, 'nats', 1e-6);
      });

      test('gives the hidden states of transformers', async () => {
        const inputs = rowsOf(hidden.inputs, decoder.width);
        const states = await decoder.hiddenStates(inputs, 1);
        assert.deepEqual([states.rows, states.cols], [inputs.rows, decoder.width]);
        if (hidden.behindFirstLayer !== null) assertClose(states.data, hidden.behindFirstLayer, 'hidden');
      });
    });
  }

  describe('with two layers and heads that share keys', () => {
    let decoder: DifferentiableDecoder;
    before(async () => {
      decoder = await openDifferentiableDecoder(join(MODELS, 'qwen2-tied-fp32'), { threads: 1 });
    });
    after(() => decoder.dispose());
    const ids = [3, 7, 1, 20, 44, 9, 61].map(tokenId);

    test('says behind a prefix what it says of the whole, but for the rounding of the prefix to fp16', async () => {
      const all = decoder.embed(ids);
      const [head, tail] = [decoder.embed(ids.slice(0, 4)), decoder.embed(ids.slice(4))];
      const target = tokenId(5);
      const ce = { crossEntropy: 1, teacher: null };
      const [whole] = await decoder.gradients(
        [{ prefix: null, inputs: all, targets: [null, null, null, null, null, target, target] }],
        [ce],
      );
      const prefix = await decoder.prefixOf(head);
      assert.equal(prefix.positions, 4);
      const [behind] = await decoder.gradients(
        [{ prefix, inputs: tail, targets: [null, target, target] }],
        [ce],
      );
      assertClose(behind!.nats, whole!.nats, 'nats', 1e-3);
      assertClose(behind!.gradient.data, whole!.gradient.data.slice(4 * decoder.width), 'gradient', 3e-3);
    });

    test('takes prefixes by integer products: within a tenth of those in fp32, and not the same', async () => {
      const options = { threads: 1, prefixes: 'int8-dynamic' } as const;
      const integer = await openDifferentiableDecoder(join(MODELS, 'qwen2-tied-fp32'), options);
      const inputs = decoder.embed(ids);
      const [exact, rounded] = [await decoder.prefixOf(inputs), await integer.prefixOf(inputs)];
      await integer.dispose();
      assert.equal(rounded.positions, exact.positions);
      for (const [layer, { keys, values }] of some(exact.layers.entries())) {
        const other = rounded.layers[layer]!;
        assert.notDeepEqual(other.keys, keys);
        assertClose(fromHalf(other.keys), fromHalf(keys), 'keys', 0.1);
        assertClose(fromHalf(other.values), fromHalf(values), 'values', 0.1);
      }
    });

    test('has no divergence and no gradient where the teacher is itself', async () => {
      const sequence = { prefix: null, inputs: decoder.embed(ids), targets: [...ids.slice(1), null] };
      const logits = await decoder.logits(sequence);
      assert.deepEqual([logits.rows, logits.cols], [6, decoder.vocabularySize]);
      const [found] = await decoder.gradients(
        [sequence],
        [{ crossEntropy: 0, teacher: { divergence: 1, logits } }],
      );
      assert.ok(Math.max(...found!.divergences!.map(Math.abs)) < 1e-6);
      assert.ok(Math.max(...found!.gradient.data.map(Math.abs)) < 1e-5);
    });

    test('gives the same numbers bit by bit when it is asked again', async () => {
      const sequence = { prefix: null, inputs: decoder.embed(ids), targets: [...ids.slice(1), null] };
      const ask = async (): Promise<Float32Array> =>
        (await decoder.gradients([sequence], [{ crossEntropy: 1, teacher: null }]))[0]!.gradient.data;
      assert.deepEqual(await ask(), await ask());
    });

    test('refuses what does not fit, with the numbers', async () => {
      const inputs = decoder.embed(ids.slice(0, 2));
      const target = tokenId(1);
      await assert.rejects(
        decoder.losses([{ prefix: null, inputs, targets: [target] }]),
        /2 positions need as many targets or nulls, got 1/,
      );
      await assert.rejects(
        decoder.losses([{ prefix: null, inputs, targets: [null, null] }]),
        /at least one target/,
      );
      await assert.rejects(
        decoder.losses([{ prefix: { positions: 2, layers: [] }, inputs, targets: [target, null] }]),
        /the prefix is not one of this decoder: 0 layers for 2 positions/,
      );
      await assert.rejects(
        decoder.losses([{ prefix: null, inputs: stackRows(Array(80).fill(inputs), 32), targets: [] }]),
        /160 positions, but the decoder was made for 128/,
      );
      await assert.rejects(
        decoder.gradients(
          [{ prefix: null, inputs, targets: [target, null] }],
          [{ crossEntropy: 1, teacher: { divergence: 1, logits: matrixOf(0, 72, new Float32Array(0)) } }],
        ),
        /the teacher's logits are 0 x 72, but there are 1 targets of 72 ids/,
      );
      await assert.rejects(decoder.hiddenStates(inputs, 3), /behind 3 layers of a decoder that has 2/);
    });
  });
});

describe('a projector that learns', () => {
  for (const { name, vectors, soft, outputGradient, gradients } of some(golden.projectors)) {
    test(`${name}: soft tokens and the gradients of all parameters are those of PyTorch`, async () => {
      const file = await openTensors(join(MODELS, `${name}.safetensors`));
      const { architecture, prefix } = readProjector(file);
      const source = new CheckpointWeights(file, prefix);
      const projector = await openDifferentiableProjector(architecture, { threads: 1 });
      const parameters = new Map(
        [...projector.shapes].map(([key, shape]) => [key, source.tensor(key, shape)()] as const),
      );
      file.close();
      assert.deepEqual([...projector.shapes.keys()].sort(), Object.keys(gradients));
      const inputs = rowsOf(vectors, architecture.inputWidth);
      assertClose((await projector.forward(parameters, inputs)).data, soft, 'soft tokens');
      const seed = rowsOf(outputGradient, architecture.outputWidth);
      const found = await projector.backward(parameters, inputs, seed);
      for (const [key, expected] of some(Object.entries(gradients))) {
        const all = found.get(key)!;
        assertClose(all.length > 64 ? all.filter((_, i) => i % 31 === 0) : all, expected, key);
      }
      const none = await projector.backward(
        parameters,
        rowsOf([], architecture.inputWidth),
        rowsOf([], architecture.outputWidth),
      );
      assert.ok([...none.values()].every((zeros) => zeros.every((zero) => zero === 0)));
      await projector.dispose();
    });
  }
});
