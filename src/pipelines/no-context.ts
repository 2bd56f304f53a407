/**
 * @file `no-context`: only the file being completed.
 */

import { stopwatch } from '../domain/clock.js';
import { ms } from '../domain/units.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { inFileContext } from './in-file.js';
import { NO_TEXT, type Pipeline, type PipelineResources } from './pipeline.js';

export function noContextPipeline({ setting }: Pick<PipelineResources, 'setting'>): Pipeline {
  return {
    name: 'no-context',
    prepare(task) {
      const tokenizing = stopwatch(setting.clock);
      const inFile = inFileContext(setting, task);
      const { format, placement } = setting;
      const prompt = assemblePrompt(format, { ...inFile, context: { kind: 'none' }, placement });
      return Promise.resolve({
        prompt,
        inFile,
        soft: null,
        text: NO_TEXT,
        tokenizeMs: tokenizing(),
        encodeMs: ms(0),
        projectMs: ms(0),
      });
    },
  };
}
