import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { tokenId } from '../../src/domain/units.js';
import { prefillPrompt } from '../../src/generation/generate.js';
import type { DecoderStep, KvCache, SharedStartRunner } from '../../src/inference/decoder.js';
import { openDecoder } from '../../src/model/ort/open.js';
import type { PreparedPrompt } from '../../src/pipelines/pipeline.js';
import { SharedStart, SHORTEST_START } from '../../src/run/shared-start.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { FakeDecoder } from '../support/fakes.js';

const MODELS = fileURLToPath(new URL('../golden/models', import.meta.url));

type CutPrompt = Pick<PreparedPrompt, 'prompt' | 'soft'>;

/** A prompt with so many ids before its context, then the context, then a last marker. */
function promptOf(start: readonly number[], context: readonly number[], soft: Matrix | null): CutPrompt {
  const slots = soft === null ? [] : Array.from({ length: soft.rows }, (_, i) => start.length + i);
  return {
    prompt: {
      ids: [...start, ...context, 2].map(tokenId),
      slots,
      context: [start.length, start.length + context.length],
    },
    soft,
  };
}

/** The ids 0 to n - 1, each increased. */
const idsFrom = (first: number, n: number): number[] => Array.from({ length: n }, (_, i) => first + i);

/** Keeps what it was given behind a start, as first numbers of the rows. */
class StartingDecoder extends FakeDecoder {
  readonly behind: { readonly rest: number[]; readonly start: number }[] = [];
  override readonly sharedStarts: SharedStartRunner = {
    prefillBehind: async (rest: Matrix, start: KvCache): Promise<DecoderStep> => {
      this.behind.push({
        rest: Array.from({ length: rest.rows }, (_, i) => rest.data[2 * i]!),
        start: start.length,
      });
      this.wholes--;
      return this.prefill(rest);
    },
  };
  wholes = 0;

  override prefill(inputs: Matrix): Promise<DecoderStep> {
    this.wholes++;
    return super.prefill(inputs);
  }
}

describe('prompts of one task', () => {
  const left = idsFrom(3, SHORTEST_START);

  test('share the run of what stands before their context', async () => {
    const decoder = new StartingDecoder('a');
    const start = new SharedStart(decoder);
    const soft = matrixOf(2, 2, Float32Array.from([70, 0, 71, 0]));
    for (const prompt of [
      promptOf(left, [], null),
      promptOf(left, [90, 91], null),
      promptOf(left, [1, 1], soft),
    ]) {
      (await start.prefill(prompt)).cache.dispose();
    }
    assert.equal(decoder.wholes, 1, 'the start');
    // The marker alone, two ids of text, two soft tokens in the places of their slots.
    assert.deepEqual(decoder.behind, [
      { rest: [2], start: SHORTEST_START },
      { rest: [90, 91, 2], start: SHORTEST_START },
      { rest: [70, 71, 2], start: SHORTEST_START },
    ]);
    assert.equal(decoder.openCaches, 1, 'the start is kept for the next prompt');
    start.dispose();
    assert.equal(decoder.openCaches, 0);
  });

  test('are cut there whichever others there are: another start is run anew, and the first is freed', async () => {
    const decoder = new StartingDecoder('a');
    const start = new SharedStart(decoder);
    for (const first of [3, 4, 4, 3]) {
      (await start.prefill(promptOf(idsFrom(first, SHORTEST_START), [], null))).cache.dispose();
      assert.equal(decoder.openCaches, 1);
    }
    assert.deepEqual([decoder.wholes, decoder.behind.length], [3, 4]);
    start.dispose();
  });

  test('run as a whole where the start is short, and by a decoder that cannot go on from one', async () => {
    const decoder = new StartingDecoder('a');
    const start = new SharedStart(decoder);
    (await start.prefill(promptOf(left.slice(1), [90], null))).cache.dispose();
    assert.deepEqual([decoder.wholes, decoder.behind.length, decoder.openCaches], [1, 0, 0]);
    const other = new FakeDecoder('a');
    (await new SharedStart(other).prefill(promptOf(left, [90], null))).cache.dispose();
    assert.deepEqual(
      other.prompts.map(({ rows }) => rows),
      [SHORTEST_START + 2],
    );
  });

  test('have the logits of the whole prompt, and those behind it too', async () => {
    const decoder = await openDecoder(join(MODELS, 'qwen2-tied-fp32'), {
      ...{ device: 'cpu', dtype: 'fp32', threads: 1 },
    });
    const start = new SharedStart(decoder);
    try {
      // The second follows the first from the same start, which its completion must not have changed.
      for (const context of [idsFrom(20, 9), [], idsFrom(40, 3)]) {
        const prepared = promptOf(left, context, null);
        const whole = await prefillPrompt(decoder, prepared.prompt, null);
        const expected = [...whole.logits!];
        const next = await decoder.decode(whole.token, whole.cache);
        const expectedNext = [...next.logits];
        next.cache.dispose();
        const cut = await start.prefill(prepared);
        near([...cut.logits!], expected);
        assert.equal(cut.cache.length, prepared.prompt.ids.length);
        const after = await decoder.decode(cut.token, cut.cache);
        near([...after.logits], expectedNext);
        after.cache.dispose();
      }
    } finally {
      start.dispose();
      await decoder.dispose();
    }
  });
});

function near(values: readonly number[], expected: readonly number[]): void {
  const most = Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)));
  assert.ok(values.length > 0 && values.length === expected.length && most < 1e-5, `off by ${most}`);
}
