/**
 * @file The metric profile `lca`: EM and ES of Long Code Arena's project-level completion.
 *
 * Source: JetBrains-Research/lca-baselines `project_level_code_completion/eval/line_generators.py`
 * (5b1b5640). Its particulars, kept on purpose:
 * - the prediction is its first line once newlines at its ends are cut off;
 * - EM compares stripped lines, ES unstripped ones;
 * - its figures are means over files, not over lines, and the sum behind ES is not reset between the
 *   categories of a file, so the ES of a category holds all categories before it, in the order of the records.
 *   A file without lines of a category does not count for it. Both are in `published`; `em`, `es` and those of the
 *   categories are plain means over lines.
 */

import { LCA_CATEGORIES } from '../domain/lca-categories.js';
import { strip } from '../domain/text.js';
import { indelRatio } from './fuzz-ratio.js';
import { fuzzPercent, groupBy, meanExactMatch, meanFuzzPercent } from './means.js';
import { plainKind, type GroupReport, type ScoredTask } from './profile.js';
import { roundHalfEven2 } from './rounding.js';
import { mean } from '../statistics/statistics.js';

export const LCA = plainKind({
  name: 'lca',
  version: 'lca@2',
  direction: 'higher-is-better',
  formula: 'fuzz-indel',
  rule: 'the first line is compared; EM ignores white space at its ends',
  noValue: null,
  extras: [],

  isScorable: () => true,

  // Newlines at the end need no cut: only the first line is kept.
  compared: (completion) => completion.replace(/^\n+/, '').split('\n', 1)[0]!,

  scoreCompared: (compared, { reference }) => ({
    exactMatch: strip(compared) === strip(reference) ? 1 : 0,
    editSimilarity: indelRatio(compared, reference) / 100,
  }),

  settling: () => (completion) => completion.replace(/^\n+/, '').includes('\n'),

  report(scored) {
    const emExact = meanExactMatch(scored) * 100;
    const esExact = meanFuzzPercent(scored);
    const files = [...groupBy(scored, (task) => JSON.stringify([task.repository, task.path])).values()].map(
      fileReport,
    );
    const averaged = (read: (file: FileReport) => number | undefined): number | null =>
      mean(files.flatMap((file) => read(file) ?? []));
    const percent = (value: number | null): number | null => (value === null ? null : roundHalfEven2(value));
    const categories = groupBy(scored, (task) => task.category ?? 'all');
    return {
      total: scored.length,
      em: roundHalfEven2(emExact),
      es: roundHalfEven2(esExact),
      emExact,
      esExact,
      withoutEs: 0,
      extras: {},
      groups: [...categories].map(([name, lines]): GroupReport => ({
        name,
        total: lines.length,
        em: roundHalfEven2(meanExactMatch(lines) * 100),
        es: roundHalfEven2(meanFuzzPercent(lines)),
        published: {
          em: percent(averaged((file) => file.em.get(name))),
          es: percent(averaged((file) => file.es.get(name))),
        },
      })),
      groupedBy: 'category',
      published: {
        em: roundHalfEven2(averaged((file) => file.all.em)!),
        es: roundHalfEven2(averaged((file) => file.all.es)!),
      },
      note:
        'em and es are means over lines; published holds means over files as Long Code Arena prints them, ' +
        'with its ES that runs on from category to category',
    };
  },
});

/** The figures of one file, in percent, by category and together. */
interface FileReport {
  readonly em: ReadonlyMap<string, number>;
  readonly es: ReadonlyMap<string, number>;
  readonly all: { readonly em: number; readonly es: number };
}

function fileReport(scored: readonly ScoredTask[]): FileReport {
  const groups = groupBy(scored, (task) => task.category ?? 'all');
  const em = new Map<string, number>();
  const es = new Map<string, number>();
  const all = { em: 0, es: 0 };
  let similarity = 0;
  let count = 0;
  // Predictions come in any order, and the sum of ES follows that of the records.
  const known = LCA_CATEGORIES.filter((name) => groups.has(name));
  for (const name of new Set<string>([...known, ...groups.keys()])) {
    const lines = groups.get(name)!;
    for (const { score } of lines) similarity += fuzzPercent(score.editSimilarity);
    count += lines.length;
    em.set(name, meanExactMatch(lines) * 100);
    es.set(name, similarity / count);
    all.em += em.get(name)! * lines.length;
    all.es += es.get(name)! * lines.length;
  }
  return { em, es, all: { em: all.em / scored.length, es: all.es / scored.length } };
}
