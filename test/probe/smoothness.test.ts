import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContinuationScorer } from '../../src/inference/decoder.js';
import { metricProfile } from '../../src/metrics/registry.js';
import { OtherChunks, type ChunkPool } from '../../src/probe/chunk-pool.js';
import { PERTURBATIONS } from '../../src/probe/perturbations.js';
import { readSmoothness, type SmoothnessParts } from '../../src/probe/smoothness.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import {
  FakeDecoder,
  fakeEncoder,
  fakeFormat,
  fakeProjector,
  fakeTask,
  fakeTokenizer,
} from '../support/fakes.js';

/** A token costs 1 nat while the first number of the first slot is that of the own chunk, and 3 nats otherwise. */
class MovedDecoder extends FakeDecoder {
  override readonly scorer: ContinuationScorer = {
    logProbabilities: ({ ids, end }) => {
      const count = ids.length + (end === null ? 0 : 1);
      const isOwn = this.prompts.at(-1)!.data[0] === OWN.length;
      return Promise.resolve(new Float64Array(count).fill(isOwn ? -1 : -3));
    },
  };
}
const OWN = 'own chunk';
const pool: ChunkPool = {
  chunks: [
    { text: OWN, repository: 'r', language: 'typescript' },
    { text: 'other', repository: 's', language: 'typescript' },
  ],
  encoded: matrixOf(2, 3, new Float32Array(6)),
  projected: matrixOf(2, 2, Float32Array.of(9, 0, 5, 1)),
  tokensPerChunk: 1,
};
const partsWith = (decoder: FakeDecoder): SmoothnessParts => ({
  decoder,
  likelihood: decoder.scorer === null ? null : { scorer: decoder.scorer, end: 'stop-token' },
  setting: {
    tokenizer: fakeTokenizer,
    format: fakeFormat,
    budget: { leftTokens: 10, rightTokens: 10, contextTokens: 10 },
    placement: 'before-prefix',
    clock: () => 0,
  },
  constants: null,
  compressor: {
    ...{ encoder: fakeEncoder, tokenizer: fakeTokenizer, projector: fakeProjector, normalize: false },
    ...{ template: { before: [], after: [], maxTokens: 64 }, tokensPerChunk: 1 },
  },
  pool,
  others: new OtherChunks(pool),
  meanNorm: 3,
  metrics: metricProfile('llavacode', null),
  maxNewTokens: 8,
  seed: 0,
});
const TASK = fakeTask('t', 'const a = ', 'f(x);', '\n');
const chunks = [{ path: 'b.ts', startLine: 1, endLine: 1, text: OWN, score: 1 }];

describe('the smoothness of a task', () => {
  test('is read once unchanged and once for each perturbation, and only the soft tokens differ', async () => {
    const decoder = new MovedDecoder('f(y);');
    let told = 0;
    const read = await readSmoothness(TASK, chunks, partsWith(decoder), () => told++);
    assert.ok(typeof read !== 'string');
    assert.equal(told, 1 + PERTURBATIONS.length);
    assert.deepEqual(read.unchanged, { nats: 1, completion: 'f(y);' });
    assert.ok(
      read.perturbed.every(
        ({ nats, completion, similarity }) => nats === 3 && completion === 'f(y);' && similarity === 1,
      ),
    );
    const [own, ...moved] = decoder.prompts;
    for (const prompt of moved) assert.deepEqual(prompt.data.slice(2), own!.data.slice(2));
    // All of the other chunk: its projected row.
    assert.deepEqual([...moved[3]!.data.slice(0, 2)], [5, 1]);
    assert.equal(decoder.openCaches, 0);
  });

  test('of a decoder without probabilities has completions alone', async () => {
    const read = await readSmoothness(TASK, chunks, partsWith(new FakeDecoder('g')), () => undefined);
    assert.ok(typeof read !== 'string');
    assert.deepEqual(read.unchanged, { nats: null, completion: 'g' });
  });

  test('is not read without chunks, without another chunk, or where the prompt is too long', async () => {
    const parts = partsWith(new FakeDecoder('g'));
    const read = (own: typeof chunks, of: SmoothnessParts) => readSmoothness(TASK, own, of, () => undefined);
    assert.equal(await read([], parts), 'no-chunks');
    assert.equal(await read(chunks, partsWith(new FakeDecoder('g', 10))), 'prompt-too-long');
    const alone = { ...pool, chunks: pool.chunks.slice(0, 1) };
    assert.equal(
      await read(chunks, { ...parts, pool: alone, others: new OtherChunks(alone) }),
      'no-other-chunk',
    );
  });

  test('keeps the constant prompt where it is', async () => {
    const decoder = new MovedDecoder('g');
    const constants = matrixOf(1, 2, Float32Array.of(-7, -8));
    await readSmoothness(TASK, chunks, { ...partsWith(decoder), constants }, () => undefined);
    for (const prompt of decoder.prompts) assert.deepEqual([...prompt.data.slice(0, 2)], [-7, -8]);
  });
});
