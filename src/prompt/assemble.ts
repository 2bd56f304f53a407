/**
 * @file The prompt of each pipeline: F1 left F2 right F3, with what was retrieved put in its place.
 *
 *   before-prefix   context F1 left F2 right F3      (LlavaCode's `preprefix`)
 *   after-suffix    F1 left F2 right context F3      (LlavaCode's `premiddle`)
 *
 * Where a model wants the suffix first, these are
 *
 *   before-prefix   context F2 right F1 left F3
 *   after-suffix    F2 right context F1 left F3
 *
 * so the first places the context in front of all code, and the second behind the code after the hole. A model that is
 * not shown that code sees begin, context, left, and both placements are one.
 *
 * Context is nothing, text, soft tokens, or a mixture of the two. Parts are put together as ids that were tokenized
 * once, each part by itself. LlavaCode decodes the cut parts and tokenizes the joined text again, which can
 * change the count and, at a cut through a character, the text; here the budget holds exactly.
 */

import type { TokenId } from '../domain/units.js';
import { showsSuffix, type PromptFormat } from './fim.js';

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

/** A prompt that says where its context is. */
export interface AssembledPrompt extends Prompt {
  /** Where the context stands, or would stand: the first position of it, and the first behind it. */
  readonly context: readonly [from: number, to: number];
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
): AssembledPrompt {
  const inserted = contextIds(context, format.placeholder);
  const isBefore = placement === 'before-prefix' || !showsSuffix(format);
  const ids: TokenId[] = [...format.begin];
  let first = ids.length;
  const add = (more: readonly TokenId[]): void => {
    for (const id of more) ids.push(id);
  };
  if (isBefore) add(inserted.ids);
  for (const part of format.parts) {
    switch (part.kind) {
      case 'markers':
        add(part.ids);
        break;
      case 'prefix':
        add(left);
        break;
      case 'suffix':
        add(right);
        if (isBefore) break;
        first = ids.length;
        add(inserted.ids);
        break;
    }
  }
  return {
    ids,
    slots: inserted.slots.map((offset) => first + offset),
    context: [first, first + inserted.ids.length],
  };
}

/**
 * Puts slots for a constant prompt beside the context: in front of it where it stands before the code, and behind it,
 * next to the middle marker, where it stands behind the code.
 *
 * @returns The slots of the constants are the first or the last of the new slots, as `isFirst` says.
 * @example // one constant, two soft tokens after the suffix: F1 left F2 right s s c F3, the last slot is the constant's
 */
export function withConstants(
  prompt: AssembledPrompt,
  count: number,
  format: PromptFormat,
  placement: ContextPlacement,
): { readonly prompt: AssembledPrompt; readonly isFirst: boolean } {
  const isFirst = placement === 'before-prefix' || !showsSuffix(format);
  const [from, to] = prompt.context;
  const at = isFirst ? from : to;
  const places = Array.from({ length: count }, (_, i) => at + i);
  const moved = prompt.slots.map((slot) => (slot >= at ? slot + count : slot));
  return {
    isFirst,
    prompt: {
      ids: [...prompt.ids.slice(0, at), ...places.map(() => format.placeholder), ...prompt.ids.slice(at)],
      slots: isFirst ? [...places, ...moved] : [...moved, ...places],
      context: [from, to + count],
    },
  };
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
