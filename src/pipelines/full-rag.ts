/**
 * @file `full-rag`: the retrieved chunks as commented text in the prompt.
 */

import { crossFileBlock } from '../prompt/cross-file-block.js';
import type { PromptSetting } from './in-file.js';
import type { Pipeline } from './pipeline.js';
import { prepareText } from './text-context.js';

export function fullRagPipeline(setting: PromptSetting): Pipeline {
  return {
    name: 'full-rag',
    prepare(task, chunks) {
      const block = (): string => crossFileBlock(chunks, task.language);
      return Promise.resolve(prepareText(setting, task, block, setting.budget.contextTokens));
    },
  };
}
