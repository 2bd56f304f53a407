/**
 * @file transformers.js: `generate` of a causal model, greedy, with its KV cache.
 *
 * Times are those of its streamer: called with the prompt before the first forward pass, then with each
 * token as soon as it is chosen. The clock starts before `generate`, so what it prepares counts, as it
 * does for a user.
 */

import { AutoModelForCausalLM, Tensor } from '@huggingface/transformers';

import { TokenTimes, type DecoderAnswer, type DecoderJob, type DecoderSetup } from './decoder-job.js';
import { serve } from './serve.js';

serve<DecoderSetup, DecoderJob, DecoderAnswer>(async ({ model, threads }) => {
  const causal = await AutoModelForCausalLM.from_pretrained(model, {
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  return {
    async answer({ ids, newTokens }) {
      const inputs = new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
      const mask = new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]);
      let isPrompt = true;
      const times = new TokenTimes();
      await causal.generate({
        inputs,
        attention_mask: mask,
        max_new_tokens: newTokens,
        do_sample: false,
        streamer: {
          put(tokens) {
            if (!isPrompt) times.note(Number(tokens[0]![0]));
            isPrompt = false;
          },
          end: () => undefined,
        },
      });
      return times.answer();
    },
    async close() {
      await causal.dispose();
    },
  };
});
