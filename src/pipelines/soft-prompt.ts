/**
 * @file A tuned constant prompt: the same few vectors in the prompts of all pipelines, and `soft-prompt`, which shows
 * nothing else.
 *
 * Training a projector first teaches the decoder what kind of answer is wanted, which constant vectors can say as well
 * (prompt tuning, arXiv:2104.08691). With these vectors in every prompt, that part is equal in all pipelines, and what is
 * left between them is due to the chunks. `no-context` stays plain, so that `soft-prompt` beside it shows what the
 * vectors do alone.
 */

import { withConstants } from '../prompt/assemble.js';
import { stackRows, type Matrix } from '../tensor/matrix.js';
import type { PromptSetting } from './in-file.js';
import { noContextPipeline } from './no-context.js';
import type { Pipeline, PipelineResources } from './pipeline.js';

export function softPromptPipeline(resources: Pick<PipelineResources, 'setting'>): Pipeline {
  return { ...noContextPipeline(resources), name: 'soft-prompt' };
}

/**
 * A pipeline with the constant prompt beside its context. No stage is timed longer for it: the vectors are part of the
 * decoder as it is served.
 *
 * @param constants [n, C], n >= 1; not changed.
 */
export function withSoftPrompt(
  pipeline: Pipeline,
  constants: Matrix,
  { format, placement }: Pick<PromptSetting, 'format' | 'placement'>,
): Pipeline {
  return {
    ...pipeline,
    async prepare(task, chunks) {
      const prepared = await pipeline.prepare(task, chunks);
      const { prompt, isFirst } = withConstants(prepared.prompt, constants.rows, format, placement);
      const own = prepared.soft === null ? [] : [prepared.soft];
      const parts = isFirst ? [constants, ...own] : [...own, constants];
      return { ...prepared, prompt, soft: stackRows(parts, constants.cols) };
    },
  };
}
