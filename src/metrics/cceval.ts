/**
 * @file The metric profiles `cceval` and `cceval-difflib`: CrossCodeEval's EM, ES and identifier match.
 *
 * Source: amazon-science/cceval `scripts/eval_metric.py`, `eval_utils.py` (25f9cab7). Its particulars,
 * kept on purpose:
 * - the prediction is cut to one statement: after the first `;`, `}` or `{` (not at all if that is its
 *   first character), in Python where a parser finds the end of the statement; the reference is not cut;
 * - comments are deleted from both, `#` to the end of the line first and then `//`, in every language
 *   and inside strings too: `get("http://a")` equals `get("http://b")`;
 * - EM compares stripped non-blank lines, and the prediction is not cut to the reference's count;
 * - identifiers are ASCII-initial words outside quotes that are no keywords; lists for EM, sets for
 *   precision, recall and F1, which are 0 where undefined: two texts without identifiers have an
 *   identifier EM of 1 and an F1 of 0.
 *
 * JavaScript, which CrossCodeEval does not have, is treated as TypeScript.
 */

import { strip, wordsOf } from '../domain/text.js';
import type { Language } from '../domain/task.js';
import { difflibRatio, indelRatio } from './fuzz-ratio.js';
import { keywordsOf } from './keywords.js';
import { meanExactMatch, meanExtra, meanFuzzPercent } from './means.js';
import type {
  EsFormula,
  ExtraScore,
  MetricProfile,
  MetricProfileKind,
  ProfileDescription,
} from './profile.js';
import { firstPythonStatement, watchPythonStatement, type PythonParser } from './python-statement.js';
import { roundHalfEven2 } from './rounding.js';

/** The names are those of journals, summaries and details. */
const EXTRAS = [
  { name: 'idEm', title: 'identifier EM' },
  { name: 'idPrecision', title: 'identifier precision' },
  { name: 'idRecall', title: 'identifier recall' },
  { name: 'idF1', title: 'identifier F1' },
] as const satisfies readonly ExtraScore[];

type ExtraName = (typeof EXTRAS)[number]['name'];

/** The formula of ES, as an integer percentage. */
type Ratio = (a: string, b: string) => number;

export const CCEVAL = ccevalKind('cceval', 'fuzz-indel', indelRatio);
export const CCEVAL_DIFFLIB = ccevalKind('cceval-difflib', 'fuzz-difflib', difflibRatio);

function ccevalKind(name: string, formula: EsFormula, ratio: Ratio): MetricProfileKind {
  const description: ProfileDescription = {
    name,
    // The grammar decides where Python statements end: another version of it is another profile.
    version: `${name}@1`,
    direction: 'higher-is-better',
    formula,
    rule: 'EM compares the lines of the first statement, indentation and comments left out',
    noValue: null,
    extras: EXTRAS,
  };
  return {
    ...description,
    readsPrefix: true,
    needsPythonParser: ({ language }) => language === 'python',
    open: (parser) => ccevalProfile(description, ratio, parser),
  };
}

function ccevalProfile(
  description: ProfileDescription,
  ratio: Ratio,
  parser: PythonParser | null,
): MetricProfile {
  const pythonParser = (): PythonParser => {
    if (parser === null) throw new RangeError('the profile was opened without a parser for Python');
    return parser;
  };
  return {
    ...description,

    isScorable: () => true,

    compared: (completion, { prefix, language }) =>
      language === 'python'
        ? firstPythonStatement(prefix, completion, pythonParser())
        : firstBracketStatement(completion),

    scoreCompared(compared, { reference, language }) {
      const given = withoutComments(compared);
      const wanted = withoutComments(reference);
      return {
        exactMatch: contentOf(given) === contentOf(wanted) ? 1 : 0,
        editSimilarity: ratio(strip(given), strip(wanted)) / 100,
        extras: identifierScores(identifiers(given, language), identifiers(wanted, language)),
      };
    },

    settling: ({ prefix, language }) =>
      language === 'python' ? watchPythonStatement(prefix, pythonParser()) : hasBracketStatement,

    report(scored) {
      const emExact = meanExactMatch(scored) * 100;
      const esExact = meanFuzzPercent(scored);
      return {
        total: scored.length,
        em: roundHalfEven2(emExact),
        es: roundHalfEven2(esExact),
        emExact,
        esExact,
        withoutEs: 0,
        extras: Object.fromEntries(
          EXTRAS.map((extra) => [extra.name, roundHalfEven2(meanExtra(scored, extra.name) * 100)]),
        ),
        groups: [],
        groupedBy: null,
        published: null,
        note: null,
      };
    },
  };
}

/** Up to and with the first `;`, `}` or `{`; everything if there is none or if it comes first. */
function firstBracketStatement(completion: string): string {
  const end = completion.search(/[;{}]/);
  return end > 0 ? completion.slice(0, end + 1) : completion;
}

/** Whether `firstBracketStatement` stays the same whatever follows. */
function hasBracketStatement(completion: string): boolean {
  return completion.search(/[;{}]/) > 0;
}

/** Python's `.` stops at "\n" alone, JavaScript's at "\r", U+2028 and U+2029 as well. */
function withoutComments(code: string): string {
  return code.replace(/#[^\n]*/g, '').replace(/\/\/[^\n]*/g, '');
}

/** The stripped non-blank lines, as one text. */
function contentOf(code: string): string {
  return code
    .split('\n')
    .map(strip)
    .filter((line) => line !== '')
    .join('\n');
}

/** Quoted strings, double quotes first; they may run over lines. */
const QUOTED = /"(?:[^"\\]*(?:\\[^\n][^"\\]*)*)"|'(?:[^'\\]*(?:\\[^\n][^'\\]*)*)'/g;

/**
 * Words that begin with an ASCII letter or underscore, outside quotes, that are no keywords.
 *
 * @example identifiers('return f(x, "y")', 'python') // => ['f', 'x']
 */
export function identifiers(code: string, language: Language): string[] {
  const keywords = keywordsOf(language);
  return wordsOf(code.replace(QUOTED, '')).filter((word) => /^[A-Za-z_]/.test(word) && !keywords.has(word));
}

function identifierScores(
  given: readonly string[],
  wanted: readonly string[],
): Readonly<Record<ExtraName, number>> {
  const [a, b] = [new Set(given), new Set(wanted)];
  const shared = [...a].filter((word) => b.has(word)).length;
  const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    idEm: given.length === wanted.length && given.every((word, i) => word === wanted[i]) ? 1 : 0,
    idPrecision: ratio(shared, a.size),
    idRecall: ratio(shared, b.size),
    idF1: ratio(2 * shared, a.size + b.size),
  };
}
