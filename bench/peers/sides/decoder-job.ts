/** @file What a decoder is asked and what it answers, the same for every side. */

import { z } from 'zod';

export interface DecoderSetup {
  /** A model folder or file, in the side's own format. */
  readonly model: string;
  readonly threads: number;
  /** Number format of a side that has several; fp32 if absent. */
  readonly dtype?: string;
}

export interface DecoderJob {
  readonly ids: readonly number[];
  /** At least 2. */
  readonly newTokens: number;
}

export const decoderAnswer = z.object({
  /** From handing over prompt ids to the first token id. */
  ttftMs: z.number(),
  /** Mean of the tokens after the first. */
  tokenMs: z.number(),
  /** Greedy tokens; none is cut off, not even a stop token. */
  tokens: z.array(z.int()),
});
export type DecoderAnswer = z.infer<typeof decoderAnswer>;

/** Notes when tokens come. */
export class TokenTimes {
  readonly #start = performance.now();
  readonly #tokens: number[] = [];
  #first = NaN;
  #last = NaN;

  note(token: number): void {
    this.#last = performance.now();
    if (this.#tokens.length === 0) this.#first = this.#last;
    this.#tokens.push(token);
  }

  get count(): number {
    return this.#tokens.length;
  }

  answer(): DecoderAnswer {
    return {
      ttftMs: this.#first - this.#start,
      tokenMs: (this.#last - this.#first) / (this.#tokens.length - 1),
      tokens: this.#tokens,
    };
  }
}
