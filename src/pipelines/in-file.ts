/**
 * @file The code around the hole, as every pipeline shows it: identical left and right context.
 */

import type { CompletionTask } from '../domain/task.js';
import type { Clock } from '../domain/clock.js';
import type { TokenId } from '../domain/units.js';
import type { ContextPlacement } from '../prompt/assemble.js';
import type { PromptBudget } from '../prompt/budget.js';
import type { PromptFormat } from '../prompt/fim.js';
import { encodeHead, encodeTail } from '../prompt/truncate.js';
import type { Tokenizer } from '../inference/tokenizer.js';

/** What all pipelines share. */
export interface PromptSetting {
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  readonly budget: PromptBudget;
  readonly placement: ContextPlacement;
  /** Where the best chunk stands: at the top, or next to the code (RepoCoder). At the top where absent. */
  readonly chunkOrder?: 'best-first' | 'best-last';
  readonly clock: Clock;
}

/** The code around the hole that a prompt holds. */
export interface InFileContext {
  readonly left: readonly TokenId[];
  readonly right: readonly TokenId[];
}

/** The last tokens before the hole and the first after it, within the budget. */
export function inFileContext(
  { tokenizer, format, budget }: PromptSetting,
  task: CompletionTask,
): InFileContext {
  const prefix = format.startsWithBlank ? ` ${task.prefix}` : task.prefix;
  return {
    left: encodeTail(tokenizer, prefix, budget.leftTokens),
    right: encodeHead(tokenizer, task.suffix, budget.rightTokens),
  };
}
