/** @file llava-eval's decoder, through the functions that `run` times: `firstToken`, `completeGreedily`. */

import { z } from 'zod';

import { tokenId } from '../../../src/domain/units.js';
import { completeGreedily, firstToken } from '../../../src/generation/generate.js';
import { DTYPES } from '../../../src/inference/device.js';
import { openDecoder } from '../../../src/model/ort/open.js';
import type { DecoderAnswer, DecoderJob, DecoderSetup } from './decoder-job.js';
import { serve } from './serve.js';

serve<DecoderSetup, DecoderJob, DecoderAnswer>(async ({ model, threads, dtype = 'fp32' }) => {
  const decoder = await openDecoder(model, { device: 'cpu', dtype: z.enum(DTYPES).parse(dtype), threads });
  const clock = (): number => performance.now();
  return {
    async answer({ ids, newTokens }) {
      const prompt = { ids: ids.map((id) => tokenId(id)), slots: [] };
      const { step, ttftMs } = await firstToken(decoder, prompt, null, clock);
      const rules = { tokens: new Set<never>(), maxNewTokens: newTokens, isSettled: () => false };
      const { tokens, decodeMs } = await completeGreedily(decoder, step, rules, clock);
      return { ttftMs, tokenMs: decodeMs / (tokens.length - 1), tokens: [...tokens] };
    },
    close: () => decoder.dispose(),
  };
});
