/**
 * @file The prompt of each pipeline: F1 left F2 right F3, with what was retrieved put in its place.
 *
 *   before-prefix   context F1 left F2 right F3      (LlavaCode's `preprefix`)
 *   after-suffix    F1 left F2 right context F3      (LlavaCode's `premiddle`)
 *
 * A model without markers sees begin, context, left: there is nothing after the hole to be before or
 * after of, so both placements are one.
 *
 * Context is nothing, text, soft tokens, or a mixture of the two. Parts are put together as ids that were tokenized
 * once, each part by itself. LlavaCode decodes the cut parts and tokenizes the joined text again, which can
 * change the count and, at a cut through a character, the text; here the budget holds exactly.
 */

import type { TokenId } from '../domain/units.js';
import type { PromptFormat } from './fim.js';

export const CONTEXT_PLACEMENTS = ['before-prefix', 'after-suffix'] as const;
export type ContextPlacement = (typeof CONTEXT_PLACEMENTS)[number];

export type PromptContext =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly ids: readonly TokenId[] }
  | { readonly kind: 'soft'; readonly count: number }
  /** Text and soft tokens in turn, in this order. */
  | {
      readonly kind: 'mixed';
      readonly parts: readonly Extract<PromptContext, { readonly kind: 'text' | 'soft' }>[];
    };

export interface Prompt {
  /** T ids. Slots hold a placeholder, whose embedding is replaced before prefill. */
  readonly ids: readonly TokenId[];
  /** Positions of the soft tokens: strictly increasing, each in [0, T). */
  readonly slots: readonly number[];
}

export interface PromptParts {
  readonly left: readonly TokenId[];
  readonly right: readonly TokenId[];
  readonly context: PromptContext;
  readonly placement: ContextPlacement;
}

/**
 * Puts the parts in order.
 *
 * @example // two soft tokens before the prefix: ids F3 F3 F1 left F2 right F3, slots [0, 1]
 */
export function assemblePrompt(
  format: PromptFormat,
  { left, right, context, placement }: PromptParts,
): Prompt {
  const { begin, markers } = format;
  const { ids: inserted, slots: offsets } = contextIds(context, format.placeholder);
  const around: readonly TokenId[] =
    markers === null ? left : [markers.prefix, ...left, markers.suffix, ...right];
  const end = markers === null ? [] : [markers.middle];
  const isBefore = markers === null || placement === 'before-prefix';
  const ids = isBefore
    ? [...begin, ...inserted, ...around, ...end]
    : [...begin, ...around, ...inserted, ...end];
  const first = begin.length + (isBefore ? 0 : around.length);
  return { ids, slots: offsets.map((offset) => first + offset) };
}

/** The ids of the context by itself; slots count from its start. */
function contextIds(context: PromptContext, placeholder: TokenId): Prompt {
  switch (context.kind) {
    case 'none':
      return { ids: [], slots: [] };
    case 'text':
      return { ids: context.ids, slots: [] };
    case 'soft': {
      const ids = Array.from({ length: context.count }, () => placeholder);
      return { ids, slots: [...ids.keys()] };
    }
    case 'mixed': {
      const ids: TokenId[] = [];
      const slots: number[] = [];
      for (const part of context.parts) {
        const made = contextIds(part, placeholder);
        slots.push(...made.slots.map((slot) => ids.length + slot));
        ids.push(...made.ids);
      }
      return { ids, slots };
    }
  }
}
