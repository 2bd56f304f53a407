import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { PipelineName } from '../../src/pipelines/kinds.js';
import { armsOf, measureLatency, type LatencyPlan, type LatencySample } from '../../src/run/latency.js';
import type { Matrix } from '../../src/tensor/matrix.js';
import { FakeDecoder } from '../support/fakes.js';
import { some } from '../support/some.js';

/** Advances its clock by a millisecond a prompt token and by ten a decode step. */
class TimedDecoder extends FakeDecoder {
  now = 0;
  readonly runs: string[] = [];

  override async prefill(inputs: Matrix) {
    this.now += inputs.rows;
    this.runs.push(`prefill ${inputs.rows}`);
    return await super.prefill(inputs);
  }

  override async decode(...args: Parameters<FakeDecoder['decode']>) {
    this.now += 10;
    this.runs.push('decode');
    return await super.decode(...args);
  }

  firstTokenOnly(inputs: Matrix): Promise<TokenId> {
    this.prompts.push(inputs);
    this.now += inputs.rows;
    this.runs.push(`first ${inputs.rows}`);
    return Promise.resolve(tokenId(7));
  }
}

const PLAN: LatencyPlan = {
  lengths: [
    { fullRag: 30, compressed: 20, noContext: 18 },
    { fullRag: 24, compressed: 20, noContext: null },
  ],
  softTokens: 4,
  maxNewTokens: 5,
  rounds: 3,
  seed: 1,
};

async function run(plan: LatencyPlan, isCancelled = () => false) {
  const decoder = new TimedDecoder('abcdefghij');
  const rounds: (readonly LatencySample[])[] = [];
  const isComplete = await measureLatency(
    plan,
    { decoder, clock: () => decoder.now },
    {
      isCancelled,
      onSample: () => undefined,
      onRound: (samples) => {
        rounds.push(samples);
        return Promise.resolve();
      },
    },
  );
  return { decoder, rounds, isComplete };
}

const keyOf = ({ lengths, pipeline, measure, isControl }: ReturnType<typeof armsOf>[number]): string =>
  `${lengths} ${pipeline} ${measure}${isControl ? ' again' : ''}`;

describe('measuring latency', () => {
  test('times every prompt once a round under both measures, and the first of each twice', async () => {
    const { rounds, decoder } = await run(PLAN);
    const expected = armsOf(PLAN).map(keyOf).sort();
    // Five prompts and a control, under two measures.
    assert.equal(expected.length, 12);
    assert.equal(rounds.length, 3);
    for (const samples of some(rounds)) assert.deepEqual(samples.map(keyOf).sort(), expected);
    assert.equal(decoder.openCaches, 0, 'no cache is left open');
  });

  test('takes turns in an order that differs between rounds and follows from the seed', async () => {
    const order = async (seed: number) =>
      (await run({ ...PLAN, seed })).rounds.map((round) => round.map(keyOf));
    const first = await order(1);
    assert.deepEqual(await order(1), first);
    assert.notDeepEqual(await order(2), first);
    assert.notDeepEqual(first[0], first[1]);
  });

  test('counts prefill and line as the clock has them: a line of five tokens is four steps', async () => {
    const { rounds } = await run(PLAN);
    for (const { prefillMs, decodeMs, measure, pipeline, lengths } of some(rounds.flat())) {
      const { fullRag, compressed, noContext } = PLAN.lengths[lengths]!;
      const byName: Partial<Record<PipelineName, number | null>> = {
        'full-rag': fullRag,
        compressed,
        'no-context': noContext,
      };
      const tokens = byName[pipeline];
      assert.equal(prefillMs, tokens);
      assert.equal(decodeMs, measure === 'line' ? 40 : null);
    }
  });

  test('runs each length once unrecorded, with two decode steps, before the first round', async () => {
    const { decoder } = await run({ ...PLAN, rounds: 1 });
    const warmUps = ['prefill 30', 'prefill 20', 'prefill 18', 'prefill 24'];
    assert.deepEqual(
      decoder.runs.slice(0, 12),
      warmUps.flatMap((prefill) => [prefill, 'decode', 'decode']),
    );
  });

  test('with one new token only first tokens are timed and nothing is decoded', async () => {
    const { decoder, rounds } = await run({ ...PLAN, maxNewTokens: 1 });
    assert.ok(some(decoder.runs).every((one) => one.startsWith('first ')));
    assert.equal(rounds[0]!.length, 6);
  });

  test('only compressed prompts hold soft tokens, in front and as many as asked for', async () => {
    const { decoder } = await run({ ...PLAN, rounds: 1, maxNewTokens: 1 });
    for (const prompt of some(decoder.prompts)) {
      // Rows of the table of this decoder end in 1, soft tokens in a small random number.
      const isSoft = Array.from({ length: prompt.rows }, (_, t) => prompt.data[2 * t + 1] !== 1);
      const expected = isSoft.map((_, t) => prompt.rows === 20 && t < 4);
      assert.deepEqual(isSoft, expected);
    }
  });

  test('a round that is cut short is dropped', async () => {
    let asked = 0;
    // Four warm-ups and one round of twelve are allowed, then three prompts of the second.
    const { rounds, isComplete } = await run(PLAN, () => ++asked > 4 + 12 + 3);
    assert.equal(isComplete, false);
    assert.equal(rounds.length, 1);
  });
});
