/**
 * @file Whatever the projector, k soft tokens a chunk reach the decoder as k rows in their places, and every count
 * in a record follows from k.
 */

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ModelError } from '../../src/domain/errors.js';
import { checkProjectorFits, openProjector } from '../../src/model/ort/open.js';
import { encodeSafetensors, type NamedTensor } from '../support/safetensors-writer.js';
import { splitSoftTokens, spliceSoftTokens } from '../../src/inference/soft-tokens.js';
import { compressedPipeline } from '../../src/pipelines/compressed.js';
import { CONTEXT_PLACEMENTS } from '../../src/prompt/assemble.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import { matrixOf, row } from '../../src/tensor/matrix.js';
import { writeFileSync } from 'node:fs';
import {
  fakeEncoder,
  fakeFormat,
  fakeTask,
  fakeTokenizer,
  tickingClock,
  wideProjector,
} from '../support/fakes.js';
import { uniform } from '../support/tiny-models.js';
import { some } from '../support/some.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-soft-'));
after(() => rm(folder, { recursive: true }));

const CPU = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
const [E, C] = [6, 4];

/** A projector of random weights with these widths; the hidden ones need not be LlavaCode's. */
function writeProjector(name: string, widths: readonly number[]): string {
  const random = uniform(widths.length);
  const tensors: NamedTensor[] = [];
  const add = (tensor: string, shape: readonly number[]): void => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random());
    tensors.push({ name: tensor, shape, data });
  };
  for (let layer = 1; layer < widths.length; layer++) {
    const [from, to] = [widths[layer - 1]!, widths[layer]!];
    add(`linear_${layer}.weight`, [to, from]);
    add(`linear_${layer}.bias`, [to]);
    if (layer === widths.length - 1) break;
    add(`ln_${layer}.weight`, [to]);
    add(`ln_${layer}.bias`, [to]);
  }
  const path = join(folder, `${name}.safetensors`);
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
}

const HIDDEN = { '2L': [C], '3L': [2 * C, 2 * C], '4L': [3 * C, 4 * C, 2 * C] } as const;

for (const k of [1, 2, 4]) {
  describe(`${k} soft token${k === 1 ? '' : 's'} a chunk`, () => {
    for (const [depth, hidden] of some(Object.entries(HIDDEN))) {
      test(`of a ${depth} projector are the consecutive slices of its output, in order`, async () => {
        const projector = await openProjector(writeProjector(`${depth}-${k}`, [E, ...hidden, k * C]), CPU);
        assert.equal(checkProjectorFits(projector, { width: E }, { width: C }), k);
        const random = uniform(k);
        const vectors = matrixOf(
          3,
          E,
          Float32Array.from({ length: 3 * E }, () => random()),
        );
        const projected = await projector.project(vectors);
        const soft = splitSoftTokens(projected, k);
        assert.deepEqual([soft.rows, soft.cols], [3 * k, C]);
        for (let chunk = 0; chunk < 3; chunk++) {
          for (let j = 0; j < k; j++) {
            const slice = row(projected, chunk).subarray(j * C, (j + 1) * C);
            assert.deepEqual(row(soft, chunk * k + j), slice);
          }
        }
        const none = splitSoftTokens(await projector.project(matrixOf(0, E, new Float32Array(0))), k);
        assert.deepEqual([none.rows, none.cols], [0, C]);
        await projector.dispose();
      });
    }

    test('stand in consecutive slots, chunk by chunk, in either placement', async () => {
      const compressor = {
        ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, normalize: false, tokensPerChunk: k },
        template: unixcoderTemplate(fakeTokenizer, 64),
        projector: wideProjector(k),
      };
      const texts = ['a', 'bbb', 'ccccc'];
      const chunks = texts.map((text, i) => ({
        ...{ path: `c${i}.ts`, startLine: 1, endLine: 1, text, score: -i },
      }));
      for (const placement of CONTEXT_PLACEMENTS) {
        const budget = { leftTokens: 40, rightTokens: 20, contextTokens: 30 };
        const { prompt, soft } = await compressedPipeline({
          setting: { tokenizer: fakeTokenizer, format: fakeFormat, budget, placement, clock: tickingClock() },
          compressor: () => compressor,
        }).prepare(fakeTask('r/1', 'left', 'answer', 'right'), chunks);
        const first = prompt.slots[0]!;
        assert.deepEqual(
          prompt.slots,
          Array.from({ length: 3 * k }, (_, i) => first + i),
        );
        const embedded = matrixOf(prompt.ids.length, 2, new Float32Array(2 * prompt.ids.length).fill(-1));
        spliceSoftTokens(embedded, soft!, prompt.slots);
        // The fake encoder's first number is the length of its input; the fake projector adds 100 j to the second.
        for (const [i, slot] of some(prompt.slots.entries())) {
          const [length, second] = row(embedded, slot);
          const [chunk, j] = [Math.floor(i / k), i % k];
          assert.equal(length! - row(embedded, first)[0]!, texts[chunk]!.length - 1);
          assert.equal(Math.floor((second! - row(embedded, first)[1]!) / 100), j);
        }
        assert.ok(row(embedded, (first + 3 * k) % prompt.ids.length).every((value) => value === -1));
      }
    });
  });
}

test('an output that is no whole number of decoder widths is refused with both widths', async () => {
  const projector = await openProjector(writeProjector('odd', [E, 2 * C, 2 * C, 6]), CPU);
  assert.throws(
    () => checkProjectorFits(projector, { width: E }, { width: C }),
    (error: unknown) =>
      error instanceof ModelError &&
      /maps 6 -> 6 but the decoder is 4 wide/.test(error.render()) &&
      /k times the width of the decoder/.test(error.render()),
  );
  await projector.dispose();
});
