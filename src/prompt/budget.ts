/**
 * @file How many tokens each part of a prompt may take; the same for every pipeline.
 *
 *   rest  = maxPromptTokens - maxNewTokens - markers (3 in most families, and 1 where the model wants a BOS)
 *   right = floor(rest / 3)          left = 2 x right
 *
 * A model that is not shown what follows the hole gets left = rest.
 *
 * The cross-file block has a budget of its own on top, and soft tokens cost nothing. So the left and right context is
 * identical in all pipelines, and only the retrieved part differs. One side never gets the budget that the other leaves
 * unused.
 *
 * Source: LlavaCode `run_benchmark.py`, paths `default`, `default_cfc`, `code_cfc_*`
 * (lc_rc_ratio 2.0): 2048 and 50 give 1330 left, 665 right.
 */

import { UsageError } from '../domain/errors.js';
import { markerCount, showsSuffix, type PromptFormat } from './fim.js';

const LEFT_PER_RIGHT = 2;

export interface PromptBudget {
  readonly leftTokens: number;
  readonly rightTokens: number;
  /** For the cross-file block as text. */
  readonly contextTokens: number;
}

export interface PromptLimits {
  /** LlavaCode's max_seq_length: in-file context, markers and new tokens; no cross-file text. */
  readonly maxPromptTokens: number;
  readonly maxNewTokens: number;
  readonly contextTokens: number;
}

/**
 * Divides the window.
 *
 * @throws {UsageError} If nothing is left for the code before the hole.
 * @example promptBudget({ maxPromptTokens: 2048, maxNewTokens: 50, contextTokens: 512 }, qwen)
 * // => { leftTokens: 1330, rightTokens: 665, contextTokens: 512 }
 */
export function promptBudget(
  { maxPromptTokens, maxNewTokens, contextTokens }: PromptLimits,
  format: PromptFormat,
): PromptBudget {
  const markers = markerCount(format);
  const rest = maxPromptTokens - maxNewTokens - markers;
  const showsRight = showsSuffix(format);
  const rightTokens = showsRight ? Math.trunc(rest / (LEFT_PER_RIGHT + 1)) : 0;
  const leftTokens = showsRight ? rightTokens * LEFT_PER_RIGHT : rest;
  if (leftTokens < 1) {
    throw new UsageError(
      `a window of ${maxPromptTokens} tokens leaves no room for the code around the hole`,
      [
        `${maxNewTokens} new tokens and ${markers} markers are taken from it first`,
        'raise --max-prompt-tokens or lower --max-new-tokens',
      ],
    );
  }
  return { leftTokens, rightTokens, contextTokens };
}
