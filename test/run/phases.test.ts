import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeResources, PhaseTimer } from '../../src/run/phases.js';

describe('the phases of a run', () => {
  test('add up to the whole, however often they take turns', () => {
    let now = 1000;
    const timer = new PhaseTimer(() => now, 'dataset');
    const spend = (phase: Parameters<typeof timer.enter>[0], ms: number): void => {
      timer.enter(phase);
      now += ms;
    };
    now += 250;
    spend('encoding', 4000);
    for (let task = 0; task < 3; task++) {
      spend('prefill', 1000);
      spend('decoding', 500);
    }
    assert.deepEqual(timer.finish(), {
      wallSeconds: 8.75,
      phases: { dataset: 0.25, encoding: 4, prefill: 3, decoding: 1.5 },
    });
  });

  test('are one line for people: what took a second or more, in the order of a run', () => {
    const resources = {
      wallSeconds: 109.6,
      peakMemoryBytes: 412_000_000,
      phases: { dataset: 0.4, prefill: 30.6, encoding: 42.2 },
      vectors: { needed: 100, kept: 0 },
    };
    assert.equal(describeResources(resources), '1 min 50 s and 412 MB: encoding 42 s, prefill 31 s');
    const warm = { ...resources, wallSeconds: 59.6, phases: {}, vectors: { needed: 100, kept: 99 } };
    assert.equal(describeResources(warm), '1 min 0 s and 412 MB; 99 of 100 vectors from the cache');
  });
});
