/**
 * @file The metric profiles `repobench` and `repobench-difflib`: RepoBench's EM and ES of the next line.
 *
 * Source: Leolty/repobench `run.py`, `evaluation/metrics.py`, `eval.py` (630c8658). Its particulars,
 * kept on purpose:
 * - the prediction is its first line that is neither blank nor a comment, or else its first line;
 *   comments over several lines are followed by their first and last marker only, so one that opens
 *   and closes on the same line swallows what comes after it;
 * - EM ignores runs of white space; ES looks at unstripped text, indentation included;
 * - the means of each setting are rounded (5 decimals as fractions, then 2 in percent) before they are
 *   averaged, weighted by size.
 *
 * CodeBLEU, which `eval.py` asks for, is missing in the repository itself and here. RepoBench
 * has Python and Java only; the others are treated as the one with the same comment mark.
 */

import { isBlank, splitSpace, strip } from '../domain/text.js';
import { languageFacts, type Language } from '../domain/languages.js';
import { difflibRatio, indelRatio } from './fuzz-ratio.js';
import { groupBy, meanExactMatch, meanFuzzPercent } from './means.js';
import { plainKind, type EsFormula, type MetricProfileKind } from './profile.js';
import { roundHalfEven, roundHalfEven2 } from './rounding.js';

interface CommentStyle {
  readonly line: string;
  readonly open: readonly string[];
  readonly close: readonly string[];
}

const HASH: CommentStyle = { line: '#', open: ['"""', "'''"], close: ['"""', "'''"] };
const SLASHES: CommentStyle = { line: '//', open: ['/*'], close: ['*/'] };
const STYLES = { '#': HASH, '//': SLASHES } as const;

/**
 * The first of some lines that is neither blank nor inside or the beginning of a comment.
 *
 * @returns null if there is none.
 */
function firstCodeLine(lines: readonly string[], language: Language): string | null {
  const style = STYLES[languageFacts(language).comment];
  let inComment = false;
  for (const line of lines) {
    if (isBlank(line)) continue;
    const text = strip(line);
    if (inComment) {
      if (style.close.some((marker) => text.endsWith(marker))) inComment = false;
    } else if (style.open.some((marker) => text.startsWith(marker))) {
      inComment = true;
    } else if (!text.startsWith(style.line)) {
      return line;
    }
  }
  return null;
}

const linesOf = (completion: string): string[] => completion.replace(/^\n+/, '').split('\n');

export const REPOBENCH = repobenchKind('repobench', 'fuzz-indel', indelRatio);
export const REPOBENCH_DIFFLIB = repobenchKind('repobench-difflib', 'fuzz-difflib', difflibRatio);

/** @param ratio The formula of ES, as an integer percentage. */
function repobenchKind(
  name: string,
  formula: EsFormula,
  ratio: (a: string, b: string) => number,
): MetricProfileKind {
  return plainKind({
    name,
    version: `${name}@1`,
    direction: 'higher-is-better',
    formula,
    rule: 'the first line of code is compared; EM ignores runs of white space',
    noValue: null,
    extras: [],

    isScorable: () => true,

    compared(completion, { language }) {
      const lines = linesOf(completion);
      return firstCodeLine(lines, language) ?? lines[0]!;
    },

    scoreCompared: (compared, { reference }) => ({
      exactMatch: splitSpace(compared).join(' ') === splitSpace(reference).join(' ') ? 1 : 0,
      // The order matters to difflib: `eval.py` hands over the reference first.
      editSimilarity: ratio(reference, compared) / 100,
    }),

    settling:
      ({ language }) =>
      (completion) =>
        firstCodeLine(linesOf(completion).slice(0, -1), language) !== null,

    report(scored) {
      const groups = [...groupBy(scored, (task) => task.category ?? 'all')].map(([setting, group]) => ({
        name: setting,
        total: group.length,
        em: roundHalfEven2(roundHalfEven(meanExactMatch(group), 5) * 100),
        es: roundHalfEven2(roundHalfEven(meanFuzzPercent(group), 5)),
      }));
      const weighted = (read: (group: (typeof groups)[number]) => number): number =>
        roundHalfEven2(groups.reduce((sum, group) => sum + read(group) * group.total, 0) / scored.length);
      return {
        total: scored.length,
        em: weighted((group) => group.em),
        es: weighted((group) => group.es),
        emExact: meanExactMatch(scored) * 100,
        esExact: meanFuzzPercent(scored),
        withoutEs: 0,
        extras: {},
        groups,
        groupedBy: 'setting',
        published: null,
        note: 'em and es are averaged from the rounded values of the settings, as RepoBench does',
      };
    },
  });
}
