/**
 * @file `budget-rag`: retrieved code as text, cut to as many tokens as `compressed` has soft tokens.
 *
 * n chunks give k n tokens of text in the place where k n soft tokens would stand (k: those of a chunk, one
 * with LlavaCode's projectors), so that the two prompts have the same length, the same prefill cost, and quality can be read at equal latency. The cross-file
 * budget of `full-rag` plays no part, as it plays none for soft tokens.
 *
 * At ten tokens everything that is not code is dear, so the block is the strongest that the budget
 * allows: the code alone, best chunk first, without the header, paths and comment marks of `full-rag`
 * and without the indentation that all lines of a chunk share (`prompt/cross-file-block.ts`, `bareBlock`).
 * Measured on 16 tasks of npm-ts-lines with BM25 at top-10: of the published block the first ten tokens are
 * all header (14 tokens), commented code gives 19.6 non-blank characters of code, raw code 24.9, this 27.3.
 * Needs neither encoder nor projector.
 */

import { bareBlock } from '../prompt/cross-file-block.js';
import type { PromptSetting } from './in-file.js';
import type { Pipeline } from './pipeline.js';
import { prepareText } from './text-context.js';

/** @param tokensPerChunk Soft tokens that `compressed` has for a chunk. */
export function budgetRagPipeline(setting: PromptSetting, tokensPerChunk: number): Pipeline {
  return {
    name: 'budget-rag',
    prepare(task, chunks) {
      return Promise.resolve(
        prepareText(setting, task, () => bareBlock(chunks), chunks.length * tokensPerChunk),
      );
    },
  };
}
