/**
 * @file `full-rag`: the retrieved chunks as commented text in the prompt.
 */

import { stopwatch } from '../domain/clock.js';
import { ms } from '../domain/units.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { crossFileBlock } from '../prompt/cross-file-block.js';
import { encodeHead } from '../prompt/truncate.js';
import { inFileContext, type PromptSetting } from './in-file.js';
import type { Pipeline } from './pipeline.js';

export function fullRagPipeline(setting: PromptSetting): Pipeline {
  return {
    name: 'full-rag',
    prepare(task, chunks) {
      const tokenizing = stopwatch(setting.clock);
      const { left, right } = inFileContext(setting, task);
      const { tokenizer, fim, placement, budget } = setting;
      // The block keeps its first tokens, best chunk first, so the cut loses the worst.
      const ids = encodeHead(tokenizer, crossFileBlock(chunks, task.language), budget.contextTokens);
      const prompt = assemblePrompt(fim, { left, right, context: { kind: 'text', ids }, placement });
      return Promise.resolve({
        prompt,
        soft: null,
        tokenizeMs: tokenizing(),
        encodeMs: ms(0),
        projectMs: ms(0),
      });
    },
  };
}
