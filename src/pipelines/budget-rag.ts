/**
 * @file `budget-rag`: retrieved code as text, cut to as many tokens as `compressed` has soft tokens.
 *
 * n chunks give k n tokens of text in the place where k n soft tokens would stand. k is the number of soft tokens
 * of a chunk; it is one with LlavaCode's projectors. So the two prompts have the same length and the same prefill
 * cost, and quality can be read at equal latency. The cross-file budget of `full-rag` plays no part, as it plays
 * none for soft tokens. With `--compression-ratio R` the text has that budget, divided by R.
 *
 * At ten tokens everything that is not code is dear, so the block is the strongest that the budget allows. It is
 * the code alone, best chunk first, without the header, paths and comment marks of `full-rag` and without the
 * indentation that all lines of a chunk share (`prompt/cross-file-block.ts`, `bareBlock`). This was measured on 16
 * tasks of npm-ts-lines with BM25 at top-10. The first ten tokens of the published block are all header, which has
 * 14. Ten tokens of commented code hold 19.6 non-blank characters of code, ten of raw code 24.9, ten of this 27.3.
 * The pipeline needs neither encoder nor projector.
 */

import { bareBlock } from '../prompt/cross-file-block.js';
import { textBudget, type Pipeline, type PipelineResources } from './pipeline.js';
import { prepareText } from './text-context.js';

export function budgetRagPipeline(
  resources: Pick<PipelineResources, 'setting' | 'tokensPerChunk' | 'compressionRatio'>,
): Pipeline {
  const { setting } = resources;
  return {
    name: 'budget-rag',
    prepare(task, chunks) {
      return Promise.resolve(
        prepareText(setting, task, () => bareBlock(chunks), textBudget(resources, chunks.length)),
      );
    },
  };
}
