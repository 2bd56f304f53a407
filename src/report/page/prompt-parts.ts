/**
 * @file A prompt in the order in which the decoder reads it, put together again from what the run recorded.
 */

import { kindOf, showsSoftPrompt } from '../../pipelines/kinds.js';
import { bareBlock, crossFileBlock } from '../../prompt/cross-file-block.js';
import type { PackedTask, PackedTasks } from '../page-data/packed-tasks.js';
import { chunksOf, type Outcome, type ShownChunk } from './tasks.js';

export type PromptPart =
  | { readonly kind: 'left' | 'right' | 'retrieved'; readonly text: string }
  | { readonly kind: 'soft'; readonly chunks: readonly ShownChunk[]; readonly count: number }
  /** Vectors of the constant prompt that all pipelines but the plain base share. */
  | { readonly kind: 'constants'; readonly count: number }
  | { readonly kind: 'hole' };

/** Null where the task's source is not held. The hole stands where the completion goes. */
export function promptParts(data: PackedTasks, task: PackedTask, outcome: Outcome): PromptPart[] | null {
  const { source } = task;
  if (source === null) return null;
  const isFirst = data.placement === 'before-prefix';
  const constants: PromptPart[] =
    constantsIn(data, outcome) === 0 ? [] : [{ kind: 'constants', count: data.constants }];
  const shown = source.isWhole ? contextPart(data, task, outcome) : [];
  const context = isFirst ? [...constants, ...shown] : [...shown, ...constants];
  const around: PromptPart[] = [
    { kind: 'left', text: source.left },
    { kind: 'hole' },
    { kind: 'right', text: source.right },
  ];
  return isFirst ? [...context, ...around] : [...around, ...context];
}

/** Constant vectors in the prompt of an outcome. */
function constantsIn(data: PackedTasks, { configuration, result }: Outcome): number {
  return result.status === 'scored' && showsSoftPrompt(configuration.pipeline) ? data.constants : 0;
}

function contextPart(data: PackedTasks, task: PackedTask, outcome: Outcome): PromptPart[] {
  const { configuration, result } = outcome;
  if (result.status !== 'scored' || task.source === null) return [];
  const chunks = chunksOf(data, task, result);
  const cut = (block: string): PromptPart[] =>
    result.contextCharacters === 0
      ? []
      : [{ kind: 'retrieved', text: block.slice(0, result.contextCharacters) }];
  const { language } = task.source;
  return kindOf(configuration.pipeline).shows.flatMap((form): PromptPart[] => {
    switch (form) {
      case 'commented-text':
        return cut(crossFileBlock(chunks, language));
      case 'bare-text':
        return cut(bareBlock(chunks));
      case 'own-text':
        return cut(result.contextText ?? '');
      case 'soft-tokens': {
        const count = result.softTokens - constantsIn(data, outcome);
        return count === 0 ? [] : [{ kind: 'soft', chunks, count }];
      }
    }
  });
}
