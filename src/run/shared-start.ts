/**
 * @file Prompts of one task that begin alike: what stands before their context is run once.
 *
 * Behind the suffix, context is the last part but one of a prompt, so that all pipelines share most positions. Only
 * where nothing is timed: users of a pipeline pay for its whole prompt, and so does a timed prefill.
 *
 * A prompt is cut at its context, whichever prompts stand beside it. So the numbers of a pipeline do not depend on the
 * others of the run, although a prefill in two parts rounds otherwise than one of the whole.
 */

import type { TokenId } from '../domain/units.js';
import { prefillPrompt, prefillPromptBehind } from '../generation/generate.js';
import type { Decoder, DecoderStep, KvCache } from '../inference/decoder.js';
import type { PreparedPrompt } from '../pipelines/pipeline.js';

/** Positions before the context from which on a prompt is cut there: fewer are not worth a run of their own. */
export const SHORTEST_START = 32;

/** Prefills the prompts of one task, and keeps the start of the last one. */
export class SharedStart {
  readonly #decoder: Decoder;
  #kept: { readonly ids: readonly TokenId[]; readonly cache: KvCache } | null = null;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  /** As `prefillPrompt`. The caller owns the cache in the returned step. */
  async prefill({ prompt, soft }: Pick<PreparedPrompt, 'prompt' | 'soft'>): Promise<DecoderStep> {
    const runner = this.#decoder.sharedStarts;
    const [length] = prompt.context;
    const isCut = length >= SHORTEST_START && length < prompt.ids.length;
    if (runner === null || !isCut) return prefillPrompt(this.#decoder, prompt, soft);
    const start = await this.#startOf(prompt.ids.slice(0, length));
    return prefillPromptBehind(runner, this.#decoder, prompt, soft, start);
  }

  async #startOf(ids: readonly TokenId[]): Promise<KvCache> {
    if (this.#kept !== null) {
      const { ids: kept, cache } = this.#kept;
      if (kept.length === ids.length && kept.every((id, i) => id === ids[i])) return cache;
    }
    this.dispose();
    const { cache } = await this.#decoder.prefill(this.#decoder.embed(ids));
    this.#kept = { ids, cache };
    return cache;
  }

  /** Frees the kept start. */
  dispose(): void {
    this.#kept?.cache.dispose();
    this.#kept = null;
  }
}
