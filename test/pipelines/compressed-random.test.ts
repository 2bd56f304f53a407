import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScoredChunk } from '../../src/domain/chunk.js';
import type { Projector } from '../../src/inference/projector.js';
import { compressedPipeline } from '../../src/pipelines/compressed.js';
import { compressedRandomPipeline, randomUnitVectors } from '../../src/pipelines/compressed-random.js';
import type { PromptSetting } from '../../src/pipelines/in-file.js';
import { CONTEXT_PLACEMENTS, type ContextPlacement } from '../../src/prompt/assemble.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import { row, type Matrix } from '../../src/tensor/matrix.js';
import {
  fakeEncoder,
  fakeFormat,
  fakeTask,
  fakeTokenizer,
  tickingClock,
  wideProjector,
} from '../support/fakes.js';

const setting = (placement: ContextPlacement): PromptSetting => ({
  tokenizer: fakeTokenizer,
  format: fakeFormat,
  budget: { leftTokens: 40, rightTokens: 20, contextTokens: 30 },
  placement,
  clock: tickingClock(),
});

const TASK = fakeTask('r/1', 'const a = ', 'answer', ';');
const CHUNKS: ScoredChunk[] = ['let a = 1;', 'let bb = 2;', 'let ccc = 3;'].map((text, i) => ({
  ...{ path: `c${i}.ts`, startLine: 1, endLine: 1, text, score: -i },
}));

/** What the projector was given. */
function listening(k: number): { readonly projector: Projector; readonly given: Matrix[] } {
  const given: Matrix[] = [];
  const inner = wideProjector(k);
  const project = (vectors: Matrix): Promise<Matrix> => {
    given.push(vectors);
    return inner.project(vectors);
  };
  return { projector: { ...inner, project }, given };
}

async function vectorsOf(seed: number, task = TASK, order?: 'best-last'): Promise<number[][]> {
  const { projector, given } = listening(1);
  const from = { ...setting('before-prefix'), ...(order === undefined ? {} : { chunkOrder: order }) };
  await compressedRandomPipeline({
    setting: from,
    compressor: () => ({ projector, tokensPerChunk: 1 }),
    seed,
  }).prepare(task, CHUNKS);
  const [vectors] = given;
  return CHUNKS.map((_, r) => [...row(vectors!, r)]);
}

describe('compressed-random', () => {
  test('has the prompt of compressed, id for id and slot for slot, and encodes nothing', async () => {
    for (const k of [1, 2, 4]) {
      const compressor = {
        ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, normalize: true, tokensPerChunk: k },
        template: unixcoderTemplate(fakeTokenizer, 64),
        projector: wideProjector(k),
      };
      for (const placement of CONTEXT_PLACEMENTS) {
        const [soft, control] = [
          await compressedPipeline({ setting: setting(placement), compressor: () => compressor }).prepare(
            TASK,
            CHUNKS,
          ),
          await compressedRandomPipeline({
            setting: setting(placement),
            compressor: () => compressor,
            seed: 7,
          }).prepare(TASK, CHUNKS),
        ];
        assert.deepEqual(control.prompt, soft.prompt);
        assert.deepEqual(control.inFile, soft.inFile);
        assert.deepEqual([control.soft!.rows, control.soft!.cols], [3 * k, 2]);
        assert.notDeepEqual(control.soft, soft.soft);
        assert.deepEqual([control.encodeMs, control.projectMs > 0], [0, true]);
      }
    }
  });

  test('draws vectors from seed, task and rank alone', async () => {
    const vectors = await vectorsOf(3);
    assert.deepEqual(await vectorsOf(3), vectors);
    assert.equal(new Set(vectors.map((vector) => vector.join())).size, 3);
    // The same chunks, best last: the same vectors in the other order.
    assert.deepEqual(await vectorsOf(3, TASK, 'best-last'), vectors.toReversed());
    const others = [await vectorsOf(4), await vectorsOf(3, fakeTask('r/2', 'const a = ', 'answer', ';'))];
    const all = [vectors, ...others].flat().map((vector) => vector.join());
    assert.equal(new Set(all).size, 9);
  });

  test('spreads vectors evenly over the unit sphere', () => {
    // Of a uniform point in 64 dimensions each coordinate has mean 0 and variance 1/64, and its square variance
    // 2 (1 - 1/64) / (64 * 66). Over 2,000 points of one coordinate, five standard errors are 0.014 and 0.0024.
    const [n, width] = [2000, 64];
    const vectors = randomUnitVectors([...Array(n).keys()], width);
    const means = new Float64Array(width);
    const squares = new Float64Array(width);
    for (let r = 0; r < n; r++) {
      const length = Math.hypot(...row(vectors, r));
      assert.ok(Math.abs(length - 1) < 1e-6, `row ${r} is ${length} long`);
      row(vectors, r).forEach((value, c) => {
        means[c]! += value / n;
        squares[c]! += value ** 2 / n;
      });
    }
    assert.ok(means.every((mean) => Math.abs(mean) < 0.014));
    assert.ok(squares.every((square) => Math.abs(square - 1 / 64) < 0.0024));
  });
});
