/**
 * @file The metric profiles `llavacode` and `llavacode-first-line`: EM and ES as LlavaCode scores them.
 *
 * Source: LlavaCode `eval_metric.py` (26be5df0); the same logic as Repoformer's
 * `repo_eval/eval_metric.py`. Its particulars, kept on purpose:
 * - the prediction is cut to as many non-blank lines as the reference has;
 * - EM compares token lists, so white space, quote style and a space inside `fooBar` are ignored,
 *   and EM = 1 with ES < 1 is normal;
 * - ES of two empty texts is 0 although their EM is 1.
 *
 * `llavacode-first-line` is the later variant (d3793225): the first raw line is compared, whatever the
 * reference holds, so a completion that begins with a newline counts as empty.
 */

import { collapseSpace, isSpace, nonBlankLines, strip } from '../domain/text.js';
import { editSimilarity } from './edit-similarity.js';
import { meanEditSimilarity, meanExactMatch } from './means.js';
import { plainKind, type MetricProfile, type TaskScore } from './profile.js';
import { roundHalfEven2 } from './rounding.js';

/**
 * What `llavacode` compares: the first k non-blank lines of a completion, joined by "\n", where k is
 * the number of non-blank lines of the reference.
 *
 * @example comparedText('\n\nreturn x\ny = 2', 'return x') // => 'return x'
 */
export function comparedText(completion: string, reference: string): string {
  return nonBlankLines(completion).slice(0, nonBlankLines(reference).length).join('\n');
}

/**
 * Tells of completions whether they hold as many terminated non-blank lines as the reference has.
 *
 * @example settlingAt('x')('foo();') // => false: the line may go on
 * @example settlingAt('x')('foo();\n') // => true
 */
export function settlingAt(reference: string): (completion: string) => boolean {
  const lines = nonBlankLines(reference).length;
  return (completion) => terminatedLines(completion) >= lines;
}

/** Non-blank lines that a line break ends. */
function terminatedLines(completion: string): number {
  const end = completion.lastIndexOf('\n');
  return end < 0 ? 0 : nonBlankLines(completion.slice(0, end)).length;
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

/**
 * Whether two texts agree once white space is left out and quotes count as one: what equal tokens always
 * imply. It settles most pairs at their first characters.
 */
function mayMatch(a: string, b: string): boolean {
  let [i, j] = [0, 0];
  for (;;) {
    while (i < a.length && isSpace(a.charCodeAt(i))) i++;
    while (j < b.length && isSpace(b.charCodeAt(j))) j++;
    if (i === a.length || j === b.length) return i === a.length && j === b.length;
    const [x, y] = [a.charCodeAt(i++), b.charCodeAt(j++)];
    if (x !== y && !(isQuote(x) && isQuote(y))) return false;
  }
}

/** `"`, `'` and the backquote that both become. */
function isQuote(unit: number): boolean {
  return unit === 0x22 || unit === 0x27 || unit === 0x60;
}

function isExactMatch(a: string, b: string): boolean {
  if (a === b) return true;
  if (!mayMatch(a, b)) return false;
  const [x, y] = [exactMatchTokens(a), exactMatchTokens(b)];
  return x.length === y.length && x.every((token, i) => token === y[i]);
}

function scoreCompared(compared: string, { reference }: { readonly reference: string }): TaskScore {
  return {
    exactMatch: isExactMatch(compared, reference) ? 1 : 0,
    editSimilarity: editSimilarity(strip(compared), strip(reference)) ?? 0,
  };
}

const COMMON = {
  direction: 'higher-is-better',
  formula: 'levenshtein',
  noValue: null,
  isScorable: () => true,
  extras: [],
  scoreCompared,
  report(scored) {
    const emExact = meanExactMatch(scored) * 100;
    const esExact = meanEditSimilarity(scored)! * 100;
    return {
      total: scored.length,
      em: roundHalfEven2(emExact),
      es: roundHalfEven2(esExact),
      emExact,
      esExact,
      withoutEs: 0,
      extras: {},
      groups: [],
      groupedBy: null,
      published: null,
      note: null,
    };
  },
} satisfies Partial<MetricProfile>;

export const LLAVACODE = plainKind({
  ...COMMON,
  name: 'llavacode',
  version: 'llavacode@1',
  rule: 'EM ignores white space and quote style',
  compared: (completion, { reference }) => comparedText(completion, reference),
  settling: ({ reference }) => settlingAt(reference),
});

export const LLAVACODE_FIRST_LINE = plainKind({
  ...COMMON,
  name: 'llavacode-first-line',
  version: 'llavacode-first-line@1',
  rule: 'the first line is compared; EM ignores white space and quote style',
  compared: (completion) => completion.split('\n', 1)[0]!,
  settling: () => (completion) => completion.includes('\n'),
});
