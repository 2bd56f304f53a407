/**
 * @file `named-chunks`: each retrieved chunk as soft tokens, with the paths of all as text in front. Made for
 * `added-pipeline.test.ts`, which puts it into a copy of the sources.
 */

import { stopwatch } from '../../../src/domain/clock.js';
import { splitSoftTokens } from '../../../src/inference/soft-tokens.js';
import { inFileContext } from '../../../src/pipelines/in-file.js';
import type { Pipeline, PipelineResources } from '../../../src/pipelines/pipeline.js';
import { assemblePrompt } from '../../../src/prompt/assemble.js';
import { encoderInput } from '../../../src/prompt/encoder-input.js';
import { encodeHead } from '../../../src/prompt/truncate.js';

/** Tokens of paths at most. */
const PATH_TOKENS = 24;

type Named = Omit<Pipeline, 'name'> & { readonly name: 'named-chunks' };

export function namedChunksPipeline({
  setting,
  compressor,
}: Pick<PipelineResources, 'setting' | 'compressor'>): Named {
  const { encoder, tokenizer: own, template, projector, tokensPerChunk } = compressor();
  return {
    name: 'named-chunks',
    async prepare(task, chunks) {
      const { clock, format, placement, tokenizer } = setting;
      const tokenizing = stopwatch(clock);
      const inFile = inFileContext(setting, task);
      const paths = chunks.map(({ path }) => `${path}\n`).join('');
      const ids = encodeHead(tokenizer, paths, PATH_TOKENS);
      const parts = [
        { kind: 'text', ids } as const,
        { kind: 'soft', count: chunks.length * tokensPerChunk } as const,
      ];
      const prompt = assemblePrompt(format, { ...inFile, context: { kind: 'mixed', parts }, placement });
      const shown = tokenizer.decode(ids);
      const inputs = chunks.map(({ text }) =>
        encoderInput(template, encodeHead(own, text, template.maxTokens)),
      );
      const tokenizeMs = tokenizing();
      const encoding = stopwatch(clock);
      const vectors = await encoder.encode(inputs);
      const encodeMs = encoding();
      const projecting = stopwatch(clock);
      const soft = splitSoftTokens(await projector.project(vectors), tokensPerChunk);
      const text = { tokens: ids.length, characters: shown.length, own: shown };
      return { prompt, soft, text, inFile, tokenizeMs, encodeMs, projectMs: projecting() };
    },
  };
}
