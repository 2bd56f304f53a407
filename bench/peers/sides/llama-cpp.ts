/**
 * @file llama.cpp through node-llama-cpp's prebuilt CPU binary: a sequence evaluates the prompt's ids and
 * yields greedy tokens. The history is cleared before each prompt, outside the time.
 */

import { getLlama } from 'node-llama-cpp';

import { TokenTimes, type DecoderAnswer, type DecoderJob, type DecoderSetup } from './decoder-job.js';
import { serve } from './serve.js';

interface LlamaSetup extends DecoderSetup {
  readonly contextSize: number;
  readonly flashAttention: boolean;
  /** Type of keys and values in the cache. */
  readonly cache: 'F32' | 'F16';
}

serve<LlamaSetup, DecoderJob, DecoderAnswer>(
  async ({ model, threads, contextSize, flashAttention, cache }) => {
    const llama = await getLlama({ build: 'never', gpu: false, maxThreads: threads, logLevel: 'error' });
    const loaded = await llama.loadModel({ modelPath: model });
    // The whole prompt in one batch, as the other sides have it.
    const context = await loaded.createContext({
      contextSize,
      batchSize: contextSize,
      threads,
      flashAttention,
      experimentalKvCacheKeyType: cache,
      experimentalKvCacheValueType: cache,
    });
    const sequence = context.getSequence();
    return {
      async answer({ ids, newTokens }) {
        await sequence.clearHistory();
        const times = new TokenTimes();
        for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
          times.note(token);
          if (times.count === newTokens) break;
        }
        return times.answer();
      },
      close: () => llama.dispose(),
    };
  },
);
