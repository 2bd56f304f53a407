/**
 * @file vLLM's server on this machine, by its OpenAI-compatible completions of token ids. Its process is not this one, so
 * what is counted as memory here is the client's alone.
 */

import { z } from 'zod';

import { TokenTimes, type DecoderAnswer, type DecoderJob, type DecoderSetup } from './decoder-job.js';
import { serve } from './serve.js';

const event = z.object({ choices: z.array(z.object({ token_ids: z.array(z.int()).nullish() })) });

serve<DecoderSetup, DecoderJob, DecoderAnswer>(({ model: url }) => ({
  async answer({ ids, newTokens }) {
    const body = {
      ...{ model: 'm', prompt: ids, max_tokens: newTokens, temperature: 0, stream: true },
      ...{ ignore_eos: true, return_token_ids: true },
    };
    const times = new TokenTimes();
    const response = await fetch(new URL('/v1/completions', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok || response.body === null) {
      throw new Error(`vLLM answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    }
    let rest = '';
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: {')) continue;
        const { choices } = event.parse(JSON.parse(line.slice('data: '.length)));
        for (const { token_ids: tokens } of choices) for (const token of tokens ?? []) times.note(token);
      }
    }
    return times.answer();
  },
}));
