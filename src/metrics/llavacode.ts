/**
 * @file The metric profile `llavacode`: Exact Match and Edit Similarity as LlavaCode scores them.
 *
 * Source: LlavaCode `eval_metric.py` (26be5df0); the same logic as Repoformer's
 * `repo_eval/eval_metric.py`. Its particulars, kept on purpose:
 * - the prediction is cut to as many non-blank lines as the reference has;
 * - EM compares token lists, so white space, quote style and a space inside `fooBar` are ignored,
 *   and EM = 1 with ES < 1 is normal;
 * - ES of two empty texts is 0 although their EM is 1.
 */

import { collapseSpace, nonBlankLines, strip } from '../domain/text.js';
import { editSimilarity } from './edit-similarity.js';

/** Changes whenever a score can change; part of the run fingerprint and of every summary. */
export const LLAVACODE_PROFILE = 'llavacode@1';

export interface TaskScore {
  /** EM: 0 or 1. */
  readonly exactMatch: 0 | 1;
  /** ES as a fraction in [0, 1]. */
  readonly editSimilarity: number;
}

/**
 * The part of a completion that is compared: its first k non-blank lines, joined by "\n", where k
 * is the number of non-blank lines of the reference.
 *
 * @example comparedText('\n\nreturn x\ny = 2', 'return x') // => 'return x'
 */
export function comparedText(completion: string, reference: string): string {
  return nonBlankLines(completion).slice(0, nonBlankLines(reference).length).join('\n');
}

/**
 * Whether the compared part of a completion is settled: whatever is generated after it, `comparedText`
 * stays the same. Lets decoding end at the end of a line without changing a score.
 *
 * @param completion What has been generated so far.
 * @example isSettled('foo();', 'x') // => false: the line may go on
 * @example isSettled('foo();\n', 'x') // => true
 */
export function isSettled(completion: string, reference: string): boolean {
  const terminated = completion.slice(0, completion.lastIndexOf('\n') + 1);
  return nonBlankLines(terminated).length >= nonBlankLines(reference).length;
}

/**
 * Tokens for EM: every character outside [A-Za-z0-9_] stands alone, `fooBar` is cut between a
 * lower-case and an upper-case ASCII letter, white space is dropped and both quotes become a
 * backquote.
 *
 * @example exactMatchTokens(`f("aB")`) // => ['f', '(', '`', 'a', 'B', '`', ')']
 */
export function exactMatchTokens(code: string): string[] {
  const spaced = code.replace(/[^A-Za-z0-9_]/gu, ' $& ').replace(/([a-z])([A-Z])/g, '$1 $2');
  return collapseSpace(spaced)
    .replace(/["']/g, '`')
    .split(' ')
    .filter((token) => token !== '');
}

/** Scores one completion (raw: not yet cut) against its reference. */
export function scoreLlavacode(completion: string, reference: string): TaskScore {
  const compared = comparedText(completion, reference);
  const a = exactMatchTokens(compared);
  const b = exactMatchTokens(reference);
  const equal = a.length === b.length && a.every((token, i) => token === b[i]);
  return {
    exactMatch: equal ? 1 : 0,
    editSimilarity: editSimilarity(strip(compared), strip(reference)) ?? 0,
  };
}
