/**
 * @file Where in its file a task's prompt begins.
 *
 * RepoCoder never returns text of the target file behind that line: what follows is in the prompt
 * already, or is the answer, or comes after it.
 */

import { splitLines } from '../../domain/text.js';
import type { RetrievalTask } from './query.js';

/**
 * Lines of the file before the prompt, as the task states them, else found by the prompt's own text: 0 where the
 * prompt begins the file, and also where the file does not contain it, which then keeps everything of that file out.
 *
 * @param text The target file.
 * @example promptStartLine('a\nb\nc\nd', { prefix: 'c\n', reference: 'd', ... }) // => 2
 */
export function promptStartLine(text: string, { lines, prefix, reference }: RetrievalTask): number {
  if (lines !== undefined) return lines.start;
  const at = text.indexOf(prefix + reference);
  return at <= 0 ? 0 : splitLines(text.slice(0, at)).length;
}
