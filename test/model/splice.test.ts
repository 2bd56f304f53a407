import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { completeGreedily, firstToken } from '../../src/generation/generate.js';
import { spliceSoftTokens } from '../../src/inference/soft-tokens.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { FakeDecoder, fakeTokenizer, tickingClock } from '../support/fakes.js';

const matrix = (rows: readonly (readonly number[])[]) =>
  matrixOf(rows.length, rows[0]!.length, Float32Array.from(rows.flat()));

describe('splicing soft tokens', () => {
  test('replaces exactly the rows at the slots', () => {
    const prompt = matrix([
      [1, 1],
      [0, 0],
      [2, 2],
    ]);
    spliceSoftTokens(prompt, matrix([[7, 8]]), [1]);
    assert.deepEqual([...prompt.data], [1, 1, 7, 8, 2, 2]);
  });

  test('refuses another width, a wrong count and slots out of order or range', () => {
    const prompt = () =>
      matrix([
        [0, 0],
        [0, 0],
      ]);
    assert.throws(() => {
      spliceSoftTokens(prompt(), matrix([[1, 2, 3]]), [0]);
    }, /3 wide but the decoder expects 2/);
    assert.throws(() => {
      spliceSoftTokens(prompt(), matrix([[1, 2]]), []);
    }, /1 soft tokens for 0 placeholders/);
    assert.throws(() => {
      spliceSoftTokens(
        prompt(),
        matrix([
          [1, 2],
          [3, 4],
        ]),
        [1, 0],
      );
    }, /placeholder 1 is at token 0/);
    assert.throws(() => {
      spliceSoftTokens(prompt(), matrix([[1, 2]]), [2]);
    }, /placeholder 0 is at token 2/);
  });
});

describe('generation', () => {
  const prompt = { ids: [tokenId(5), tokenId(6)], slots: [] };
  const rules = (maxNewTokens: number) => ({
    tokens: new Set([tokenId(0)]),
    maxNewTokens,
    isSettled: () => false,
  });

  test('ends before a stop token and frees every cache', async () => {
    const decoder = new FakeDecoder('ab');
    const first = await firstToken(decoder, prompt, null, tickingClock());
    const done = await completeGreedily(decoder, first.step, rules(50), tickingClock());
    assert.equal(fakeTokenizer.decode(done.tokens), 'ab');
    assert.equal(done.stopReason, 'stop-token');
    assert.equal(decoder.openCaches, 0);
  });

  test('ends at the token limit, the first token counted', async () => {
    const decoder = new FakeDecoder('abcdef');
    const first = await firstToken(decoder, prompt, null, tickingClock());
    const done = await completeGreedily(decoder, first.step, rules(3), tickingClock());
    assert.deepEqual([fakeTokenizer.decode(done.tokens), done.stopReason], ['abc', 'token-limit']);
    assert.equal(decoder.openCaches, 0);
  });

  test('ends once what would follow is no longer compared', async () => {
    const decoder = new FakeDecoder('a\nb\nc');
    const first = await firstToken(decoder, prompt, null, tickingClock());
    const isSettled = (token: TokenId): boolean => fakeTokenizer.decode([token]) === '\n';
    const done = await completeGreedily(decoder, first.step, { ...rules(50), isSettled }, tickingClock());
    assert.deepEqual([fakeTokenizer.decode(done.tokens), done.stopReason], ['a\n', 'settled']);
    assert.equal(decoder.openCaches, 0);
  });

  test('the first token is timed from embedding to its id, and the parts add up', async () => {
    // The clock ticks once a look: embedding 0 -> 1, prefill 2 -> 3.
    const first = await firstToken(new FakeDecoder('a'), prompt, null, tickingClock());
    assert.deepEqual([first.embedMs, first.prefillMs, first.ttftMs], [1, 1, 2]);
  });

  test('soft tokens reach the decoder in their places', async () => {
    const decoder = new FakeDecoder('a');
    await firstToken(decoder, { ids: prompt.ids, slots: [0] }, matrix([[9, 9]]), tickingClock());
    assert.deepEqual([...decoder.prompts[0]!.data], [9, 9, 6, 1]);
  });
});
