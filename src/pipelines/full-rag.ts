/**
 * @file `full-rag`: the retrieved chunks as commented text in the prompt.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import { crossFileBlock, crossFileHeader } from '../prompt/cross-file-block.js';
import { encodeHead } from '../prompt/truncate.js';
import type { PromptSetting } from './in-file.js';
import type { Pipeline, PipelineResources } from './pipeline.js';
import { prepareText } from './text-context.js';

export function fullRagPipeline({ setting }: Pick<PipelineResources, 'setting'>): Pipeline {
  return {
    name: 'full-rag',
    prepare(task, chunks) {
      const block = (): string => crossFileBlock(placed(setting, task, chunks), task.language);
      return Promise.resolve(prepareText(setting, task, block, setting.budget.contextTokens));
    },
  };
}

/**
 * The chunks in the order of the block. At the top the best comes first, and the cut loses the worst. Next to the
 * code the best comes last, and the cut would lose it. There the block shows only chunks that fit whole, chosen from
 * the best on, as RepoCoder chooses them. Only a best chunk that does not fit alone is cut.
 */
function placed(
  { chunkOrder, tokenizer, budget }: PromptSetting,
  { language }: CompletionTask,
  chunks: readonly RetrievedChunk[],
): readonly RetrievedChunk[] {
  if (chunkOrder !== 'best-last') return chunks;
  const header = tokenizer.encode(crossFileHeader(language)).length;
  const fitting: RetrievedChunk[] = [];
  let left = budget.contextTokens - header;
  for (const chunk of chunks) {
    // One token too many is enough to know that a chunk does not fit, however long it is.
    const cost = encodeHead(tokenizer, crossFileBlock([chunk], language), header + left + 1).length - header;
    if (cost > left) continue;
    fitting.push(chunk);
    left -= cost;
  }
  return fitting.length === 0 ? chunks.slice(0, 1) : fitting.toReversed();
}
