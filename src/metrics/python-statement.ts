/**
 * @file CrossCodeEval's cut of a Python completion to one statement.
 *
 * Source: CrossCodeEval `scripts/eval_utils.py`. It tries every beginning of the completion, shortest
 * first, and takes the first one after which the file so far parses and a newline follows. Only
 * beginnings before a newline can be taken, so only those are parsed here: the others decide nothing
 * but a failure, and failing keeps the whole completion, which is also what happens when no beginning
 * is taken.
 */

import { stripEnd } from '../domain/text.js';

/** Tells whether a Python file parses. */
export interface PythonParser {
  /**
   * `valid`: the tree has no ERROR node (missing tokens are fine, as in CrossCodeEval); `gave-up`: the
   * text was too much work.
   */
  check(code: string): 'valid' | 'invalid' | 'gave-up';
}

/** Python cannot encode a lone surrogate: CrossCodeEval's parse fails there. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Beginnings of one completion that are parsed, each with all that is before it. A completion of a line benchmark has
 * at most a few hundred tokens. CrossCodeEval gives up after five seconds, which keeps the whole completion; so does
 * this limit.
 */
const MOST_BEGINNINGS = 500;

type Verdict = 'valid' | 'invalid' | 'failed';

function verdictOn(code: string, parser: PythonParser): Verdict {
  if (LONE_SURROGATE.test(code)) return 'failed';
  const verdict = parser.check(code);
  return verdict === 'gave-up' ? 'failed' : verdict;
}

/**
 * The first statement of a completion: its shortest beginning before a newline with which the file so
 * far parses, trailing white space cut off. The whole completion where there is none, or where the
 * parser fails first.
 */
export function firstPythonStatement(prefix: string, completion: string, parser: PythonParser): string {
  let tried = 0;
  for (let end = completion.indexOf('\n', 1); end !== -1; end = completion.indexOf('\n', end + 1)) {
    if (++tried > MOST_BEGINNINGS) break;
    const beginning = completion.slice(0, end);
    const verdict = verdictOn(prefix + beginning, parser);
    if (verdict === 'valid') return stripEnd(beginning);
    if (verdict === 'failed') break;
  }
  return completion;
}

/** Watches a growing completion for the end of its first statement; parses each beginning once. */
export function watchPythonStatement(prefix: string, parser: PythonParser): (completion: string) => boolean {
  /** Where to look for the next newline; null once the parser has failed, which keeps everything. */
  let from: number | null = 1;
  let tried = 0;
  let settled = false;
  return (completion) => {
    while (!settled && from !== null) {
      const end = completion.indexOf('\n', from);
      if (end === -1) break;
      if (++tried > MOST_BEGINNINGS) {
        from = null;
        break;
      }
      const verdict = verdictOn(prefix + completion.slice(0, end), parser);
      if (verdict === 'valid') settled = true;
      from = verdict === 'failed' ? null : end + 1;
    }
    return settled;
  };
}
