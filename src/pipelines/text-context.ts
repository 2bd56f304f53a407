/**
 * @file Retrieved chunks as text in the prompt: what the pipelines that show text have in common.
 */

import { stopwatch } from '../domain/clock.js';
import type { CompletionTask } from '../domain/task.js';
import { ms } from '../domain/units.js';
import { assemblePrompt } from '../prompt/assemble.js';
import { encodeHead } from '../prompt/truncate.js';
import { inFileContext, type PromptSetting } from './in-file.js';
import type { PreparedPrompt } from './pipeline.js';

/**
 * Makes the prompt whose context is the first tokens of a block; its making is timed with the rest.
 *
 * @param block       Makes the text, best chunk first, so that the cut loses the worst.
 * @param limitTokens Tokens of it to keep.
 * @param form        `own` where the pipeline makes the block in its own way, so that records must hold what is shown.
 */
export function prepareText(
  setting: PromptSetting,
  task: CompletionTask,
  block: () => string,
  limitTokens: number,
  form: 'published' | 'own' = 'published',
): PreparedPrompt {
  const { tokenizer, format, placement, clock } = setting;
  const tokenizing = stopwatch(clock);
  const inFile = inFileContext(setting, task);
  const text = block();
  const ids = encodeHead(tokenizer, text, limitTokens);
  const prompt = assemblePrompt(format, { ...inFile, context: { kind: 'text', ids }, placement });
  const tokenizeMs = tokenizing();
  // A cut through a character leaves bytes that spell nothing; the character is not shown.
  const spelled = tokenizer.decode(ids).replace(/\ufffd+$/, '').length;
  const characters = Math.min(spelled, text.length);
  return {
    prompt,
    inFile,
    soft: null,
    text: {
      ...{ tokens: ids.length, characters },
      ...(form === 'own' ? { own: text.slice(0, characters) } : {}),
    },
    tokenizeMs,
    encodeMs: ms(0),
    projectMs: ms(0),
  };
}
