/**
 * @file Everything that a run over fake models is executed with.
 */

import type { ScoredChunk } from '../../src/domain/chunk.js';
import type { Decoder } from '../../src/inference/decoder.js';
import { metricProfile } from '../../src/metrics/registry.js';
import { makePipelines } from '../../src/pipelines/all.js';
import { PIPELINES } from '../../src/pipelines/kinds.js';
import { unixcoderTemplate } from '../../src/prompt/encoder-input.js';
import type { Retriever } from '../../src/retrieval/retriever.js';
import type { ExecutionParts } from '../../src/run/execution.js';
import { fakeEncoder, fakeFormat, fakeProjector, fakeTokenizer, tickingClock } from './fakes.js';

/** What the retriever finds for every task. */
export const CHUNKS: ScoredChunk[] = ['let a = 1;', 'let b = 2;'].map((text, i) => ({
  path: `c${i}.ts`,
  startLine: 1,
  endLine: 1,
  text,
  score: 1 - i,
}));

/** All pipelines over one decoder; the clock moves on by one millisecond with every look. */
export function partsOf(decoder: Decoder, changed: Partial<ExecutionParts> = {}): ExecutionParts {
  const clock = tickingClock();
  const setting = {
    tokenizer: fakeTokenizer,
    format: fakeFormat,
    budget: { leftTokens: 40, rightTokens: 20, contextTokens: 1000 },
    placement: 'before-prefix' as const,
    clock,
  };
  const compressor = {
    encoder: fakeEncoder,
    tokenizer: fakeTokenizer,
    template: unixcoderTemplate(fakeTokenizer, 64),
    normalize: true,
    projector: fakeProjector,
    tokensPerChunk: 1,
  };
  const resources = {
    ...{ setting, seed: 0, softPrompt: null, tokensPerChunk: 1, compressionRatio: null, expandedChunks: 1 },
    wordCounts: () => () => ({ chunks: 0, of: () => 0 }),
    ...{ compressor: () => compressor, decoder: () => decoder },
  };
  const retriever: Retriever = {
    name: 'jaccard',
    retrieve: (_task, k) => Promise.resolve(CHUNKS.slice(0, k)),
  };
  return {
    decoder,
    tokenizer: fakeTokenizer,
    format: fakeFormat,
    metrics: metricProfile('llavacode', null),
    likelihood: null,
    lender: null,
    pipelines: makePipelines(PIPELINES, resources),
    retriever: () => retriever,
    clock,
    ...changed,
  };
}
