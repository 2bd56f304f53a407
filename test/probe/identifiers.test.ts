import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContinuationScorer } from '../../src/inference/decoder.js';
import { OtherChunks, type ChunkPool } from '../../src/probe/chunk-pool.js';
import {
  carrierPrompt,
  namesOf,
  readCarried,
  spread,
  type CarrierParts,
} from '../../src/probe/identifiers.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { FakeDecoder, fakeEncoder, fakeFormat, fakeProjector, fakeTokenizer } from '../support/fakes.js';

const TEXT = 'def alpha(beta): return "quoted", shared, x';
const OTHER = 'shared = gamma';

/** A token costs 1 nat behind the soft tokens of TEXT, 2 behind any others and 4 behind none; the prompt says which. */
class ScoringDecoder extends FakeDecoder {
  override readonly scorer: ContinuationScorer = {
    logProbabilities: ({ ids }) => {
      const prompt = this.prompts.at(-1)!;
      const soft = [...prompt.data].some((value, i) => i % 2 === 0 && value === TEXT.length);
      const slots = prompt.rows > CARRIER_IDS;
      return Promise.resolve(new Float64Array(ids.length).fill(soft ? -1 : slots ? -2 : -4));
    },
  };
}
const setting = {
  tokenizer: fakeTokenizer,
  format: fakeFormat,
  budget: { leftTokens: 10, rightTokens: 10, contextTokens: 10 },
  placement: 'after-suffix',
  clock: () => 0,
} as const;
/** F1 # F2 newline F3. */
const CARRIER_IDS = 5;

const pool: ChunkPool = {
  chunks: [
    { text: TEXT, repository: 'r', language: 'python' },
    { text: OTHER, repository: 's', language: 'python' },
  ],
  encoded: matrixOf(2, 3, new Float32Array(6)),
  projected: matrixOf(2, 2, Float32Array.of(0, 0, OTHER.length, 7)),
  tokensPerChunk: 1,
};
const partsWith = (decoder: FakeDecoder): CarrierParts => ({
  decoder,
  likelihood: decoder.scorer === null ? null : { scorer: decoder.scorer, end: 'stop-token' },
  setting,
  constants: null,
  compressor: {
    ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, projector: fakeProjector, normalize: false },
    ...{ template: { before: [], after: [], maxTokens: 64 }, tokensPerChunk: 1 },
  },
  pool,
  others: new OtherChunks(pool),
  recallTokens: 20,
  seed: 0,
});
const CHUNK = { taskId: 't', repository: 'r', language: 'python', text: TEXT } as const;

describe('the names of a chunk', () => {
  test('by hand: words outside quotes, no keywords, of three letters, that the other chunk lacks', () => {
    assert.deepEqual(namesOf(CHUNK, OTHER), ['alpha', 'beta']);
  });

  test('are spread evenly where there are too many', () => {
    assert.deepEqual(spread([1, 2, 3], 5), [1, 2, 3]);
    assert.deepEqual(spread([1, 2, 3, 4, 5], 2), [1, 3]);
  });
});

describe('the carrier', () => {
  const ids = (text: string): number[] => fakeTokenizer.encode(text);

  test('by hand: a hole behind the comment mark, soft tokens in the place of the context', () => {
    // Markers of the fake vocabulary: prefix 1, middle 2, suffix 3.
    const { ids: shown, slots } = carrierPrompt('python', 2, setting);
    assert.deepEqual(shown, [1, ...ids('#'), 3, ...ids('\n'), 2, 2, 2]);
    assert.deepEqual(slots, [4, 5]);
    assert.deepEqual(carrierPrompt('go', 0, setting), {
      ids: [1, ...ids('//'), 3, ...ids('\n'), 2],
      slots: [],
      context: [5, 5],
    });
  });

  test('by hand: nats and recall behind own soft tokens, another chunk’s and none', async () => {
    const decoder = new ScoringDecoder(' beta gamma');
    const read = await readCarried(CHUNK, partsWith(decoder));
    // ` alpha` and ` beta`: 6 + 5 tokens of one character. The fake writes beta behind every prompt.
    assert.deepEqual(read, {
      taskId: 't',
      repository: 'r',
      names: 2,
      scoredTokens: 11,
      readings: {
        own: { nats: 1, recalled: 1 },
        other: { nats: 2, recalled: 1 },
        none: { nats: 4, recalled: 1 },
      },
    });
    assert.equal(decoder.openCaches, 0);
  });

  test('of a decoder without probabilities still has its recall', async () => {
    const read = await readCarried(CHUNK, partsWith(new FakeDecoder('alpha beta')));
    assert.deepEqual(read?.readings.none, { nats: null, recalled: 2 });
  });

  test('has no reading for a chunk without names of its own', async () => {
    const parts = partsWith(new FakeDecoder('x'));
    assert.equal(await readCarried({ ...CHUNK, text: 'shared' }, parts), null);
  });

  test('is read as null where probabilities overflow, and closes its cache', async () => {
    class Overflowing extends FakeDecoder {
      override readonly scorer: ContinuationScorer = {
        logProbabilities: () => Promise.reject(new RangeError('NaN')),
      };
    }
    const decoder = new Overflowing('x');
    const read = await readCarried(CHUNK, partsWith(decoder));
    assert.equal(read?.readings.own.nats, null);
    assert.equal(decoder.openCaches, 0);
  });
});
