/**
 * @file Greedy decoding in two timed parts: the first token, and the rest.
 *
 * Flow: prompt -> **embed + splice -> prefill -> first token** -> decode steps -> completion.
 *
 * TTFT starts when the assembled prompt (ids and, for the compressed pipeline, finished soft tokens)
 * is handed over, and ends when the id of the first token is on the host. A decoder behind a wire is handed text as ids,
 * and looks up the embeddings itself.
 */

import { stopwatch, type Clock } from '../domain/clock.js';
import { addMs, type Ms, type TokenId } from '../domain/units.js';
import type { Prompt } from '../prompt/assemble.js';
import type { Matrix } from '../tensor/matrix.js';
import type {
  Decoder,
  DecoderStep,
  DecoderWire,
  FirstTokenRunner,
  KvCache,
  SharedStartRunner,
} from '../inference/decoder.js';
import { spliceSoftTokens } from '../inference/soft-tokens.js';

/** Why decoding ended; `settled`: nothing that could follow would be compared with the reference. */
export const STOP_REASONS = ['stop-token', 'settled', 'token-limit'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

export interface StopRules {
  readonly tokens: ReadonlySet<TokenId>;
  /** At least 1; the first token counts. */
  readonly maxNewTokens: number;
  /** Called with each token once, in order. Returns whether nothing that follows it would be compared. */
  readonly isSettled: (token: TokenId) => boolean;
}

export interface FirstToken {
  readonly step: DecoderStep;
  /** Embedding lookup and splice. */
  readonly embedMs: Ms;
  /** From handing over the embeddings to the token id on the host. */
  readonly prefillMs: Ms;
  /** Sum of the two. */
  readonly ttftMs: Ms;
}

/** How a prompt reaches a decoder: text as its users send it, or as embeddings in any case. */
export type PromptForm = 'usual' | 'embeddings';

/**
 * Runs the prompt up to its first token. The caller owns the cache in the returned step.
 *
 * @param soft One row a slot of the prompt, [K, C]; null for a prompt without slots.
 */
export async function firstToken(
  decoder: Decoder,
  prompt: Prompt,
  soft: Matrix | null,
  clock: Clock,
  form: PromptForm = 'usual',
): Promise<FirstToken> {
  await decoder.wire?.quiet();
  const embedding = stopwatch(clock);
  const inputs = inputsOf(decoder, prompt, soft, form);
  const embedMs = embedding();
  const prefilling = stopwatch(clock);
  const step = await handedOver(decoder, prompt, inputs);
  const prefillMs = prefilling();
  return { step, embedMs, prefillMs, ttftMs: addMs(embedMs, prefillMs) };
}

/** Runs the prompt for its first token alone; timed as {@link firstToken}, whose arguments it takes. */
export async function firstTokenOnly(
  decoder: Decoder & FirstTokenRunner,
  prompt: Prompt,
  soft: Matrix | null,
  clock: Clock,
): Promise<Omit<FirstToken, 'step'>> {
  await decoder.wire?.quiet();
  const embedding = stopwatch(clock);
  const inputs = inputsOf(decoder, prompt, soft, 'usual');
  const embedMs = embedding();
  const prefilling = stopwatch(clock);
  await (inputs.wire === null
    ? decoder.firstTokenOnly(inputs.embeddings)
    : inputs.wire.firstTokenOfIds(prompt.ids));
  const prefillMs = prefilling();
  return { embedMs, prefillMs, ttftMs: addMs(embedMs, prefillMs) };
}

/** Runs the prompt up to its first token, untimed; so there is nothing to wait for before. As {@link firstToken} else. */
export function prefillPrompt(decoder: Decoder, prompt: Prompt, soft: Matrix | null): Promise<DecoderStep> {
  return handedOver(decoder, prompt, inputsOf(decoder, prompt, soft, 'usual'));
}

/**
 * As {@link prefillPrompt}, behind the start of the prompt, which was run before.
 *
 * @param start Cache of the first `start.length` ids of the prompt, fewer than it has; stays open.
 */
export function prefillPromptBehind(
  runner: SharedStartRunner,
  decoder: Pick<Decoder, 'embed'>,
  { ids, slots }: Prompt,
  soft: Matrix | null,
  start: KvCache,
): Promise<DecoderStep> {
  const rest = decoder.embed(ids.slice(start.length));
  const restSlots = slots.map((slot) => slot - start.length);
  if (soft !== null) spliceSoftTokens(rest, soft, restSlots);
  return runner.prefillBehind(rest, start);
}

function handedOver(decoder: Decoder, { ids }: Prompt, inputs: PromptInputs): Promise<DecoderStep> {
  return inputs.wire === null ? decoder.prefill(inputs.embeddings) : inputs.wire.prefillIds(ids);
}

/** Runs a prompt of text, untimed, as users of the decoder send it. */
export function prefillText(
  decoder: Pick<Decoder, 'wire' | 'prefill' | 'embed'>,
  ids: readonly TokenId[],
): Promise<DecoderStep> {
  return decoder.wire === null ? decoder.prefill(decoder.embed(ids)) : decoder.wire.prefillIds(ids);
}

/** What is handed over: the ids of a prompt of text to a decoder behind a wire, else embeddings. */
type PromptInputs = { readonly wire: DecoderWire } | { readonly wire: null; readonly embeddings: Matrix };

function inputsOf(decoder: Decoder, prompt: Prompt, soft: Matrix | null, form: PromptForm): PromptInputs {
  if (decoder.wire !== null && soft === null && form === 'usual') return { wire: decoder.wire };
  const embeddings = decoder.embed(prompt.ids);
  if (soft !== null) spliceSoftTokens(embeddings, soft, prompt.slots);
  return { wire: null, embeddings };
}

export interface Completion {
  /** Tokens up to, not including, a stop token. */
  readonly tokens: readonly TokenId[];
  readonly stopReason: StopReason;
  /** From the first token to the end. */
  readonly decodeMs: Ms;
}

/** Continues greedily from the first token; consumes its cache. */
export async function completeGreedily(
  decoder: Decoder,
  first: DecoderStep,
  stop: StopRules,
  clock: Clock,
): Promise<Completion> {
  const elapsed = stopwatch(clock);
  const tokens: TokenId[] = [];
  let step = first;
  try {
    for (;;) {
      if (stop.tokens.has(step.token)) return { tokens, stopReason: 'stop-token', decodeMs: elapsed() };
      tokens.push(step.token);
      if (stop.isSettled(step.token)) return { tokens, stopReason: 'settled', decodeMs: elapsed() };
      if (tokens.length === stop.maxNewTokens)
        return { tokens, stopReason: 'token-limit', decodeMs: elapsed() };
      step = await decoder.decode(step.token, step.cache);
    }
  } finally {
    step.cache.dispose();
  }
}
