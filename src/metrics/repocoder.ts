/**
 * @file The metric profile `repocoder`: EM and ES as RepoCoder scores RepoEval.
 *
 * Source: microsoft/CodeT `RepoCoder/compute_score.py` (35f54d60), pass@1. Its particulars, kept on
 * purpose:
 * - lines are those of Python's `splitlines()`, so a form feed or a lone "\r" ends one; each is
 *   stripped, blank ones are dropped, and the prediction is cut to the reference's count;
 * - indentation counts neither for EM nor for ES;
 * - a blank reference has no ES: the script divides by zero there. Here it is a stated null, left out
 *   of the mean and counted;
 * - figures are means per repository, fractions of four decimals; there is no overall one.
 */

import { isBlank, splitLines, strip } from '../domain/text.js';
import { editSimilarity } from './edit-similarity.js';
import { countWithoutEs, groupBy, meanEditSimilarity, meanExactMatch } from './means.js';
import { plainKind } from './profile.js';
import { roundHalfEven, roundHalfEven2 } from './rounding.js';

/** The lines that are compared: stripped, not blank. */
function strippedLines(text: string): string[] {
  return splitLines(text)
    .map(strip)
    .filter((line) => line !== '');
}

/** What ends a line for `splitlines()`, at the end of a text. */
const TERMINATED = /^[^]*[\n-\r\x1c-\x1e\x85\u2028\u2029]/;

export const REPOCODER = plainKind({
  name: 'repocoder',
  version: 'repocoder@1',
  direction: 'higher-is-better',
  formula: 'levenshtein',
  rule: 'EM and ES ignore indentation and blank lines',
  noValue: 'the reference is blank: RepoCoder’s script divides by zero',
  extras: [],

  isScorable: ({ reference }) => strippedLines(reference).length > 0,

  compared: (completion, { reference }) =>
    strippedLines(completion).slice(0, strippedLines(reference).length).join('\n'),

  scoreCompared(compared, { reference }) {
    const wanted = strippedLines(reference).join('\n');
    const given = strippedLines(compared).join('\n');
    return { exactMatch: given === wanted ? 1 : 0, editSimilarity: editSimilarity(given, wanted) };
  },

  settling({ reference }) {
    const wanted = strippedLines(reference).length;
    return (completion) => {
      const [terminated] = TERMINATED.exec(completion) ?? [''];
      return splitLines(terminated).filter((line) => !isBlank(line)).length >= wanted;
    };
  },

  report(scored) {
    const emExact = meanExactMatch(scored) * 100;
    const es = meanEditSimilarity(scored);
    const esExact = es === null ? null : es * 100;
    return {
      total: scored.length,
      em: roundHalfEven2(emExact),
      es: esExact === null ? null : roundHalfEven2(esExact),
      emExact,
      esExact,
      withoutEs: countWithoutEs(scored),
      extras: {},
      groups: [...groupBy(scored, (task) => task.repository)].map(([name, group]) => {
        const similarity = meanEditSimilarity(group);
        return {
          name,
          total: group.length,
          em: asPrinted(meanExactMatch(group)),
          es: similarity === null ? null : asPrinted(similarity),
        };
      }),
      groupedBy: 'repository',
      published: null,
      note: 'em and es are means over all tasks; RepoCoder itself prints repositories only, as fractions',
    };
  },
});

/** What the script prints, a fraction of four decimals, in percent. */
function asPrinted(fraction: number): number {
  return roundHalfEven2(roundHalfEven(fraction, 4) * 100);
}
