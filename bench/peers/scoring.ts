/**
 * @file Scoring against npm packages: predictions a second of the formulas by themselves, beside whole
 * metric profiles, which cut completions and compute more than one score.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { LLAVACODE_FIRST_LINE } from '../../src/metrics/llavacode.js';
import { METRIC_PROFILES } from '../../src/metrics/registry.js';
import { samplePredictions } from '../sample-predictions.js';
import { markdownTable } from '../page.js';
import { versionOf } from './install.js';
import { interleaved, median, orderOf, ratio, type Estimate } from '../paired.js';
import type { Bench, Section } from './section.js';
import { Side } from './side.js';
import { scoringAnswer, type Pair } from './sides/scoring-job.js';
import { times } from './table.js';

const PAIRS = 5000;

interface ScoringSide {
  readonly name: string;
  readonly script: 'ours-scoring' | 'npm-scoring';
  readonly measure: string;
}

/** Sides of one comparison; the first is the one that the others are compared with. */
interface Comparison {
  readonly title: string;
  readonly sides: readonly ScoringSide[];
}

const own = (measure: string, name = 'llava-eval'): ScoringSide => ({
  name,
  script: 'ours-scoring',
  measure,
});
const peer = (measure: string): ScoringSide => ({ name: measure, script: 'npm-scoring', measure });
const again = 'llava-eval, again (A/A)';

const COMPARISONS: readonly Comparison[] = [
  { title: 'fuzz.ratio (Indel)', sides: [own('fuzz ratio'), own('fuzz ratio', again), peer('fuzzball')] },
  {
    title: 'edit distance',
    sides: [
      own('edit distance'),
      own('edit distance', again),
      peer('fast-levenshtein'),
      peer('fastest-levenshtein'),
    ],
  },
  {
    title: 'whole profile',
    sides: [peer('fuzzball'), ...METRIC_PROFILES.map((profile) => own(profile, `llava-eval, ${profile}`))],
  },
];

interface ScoringRow {
  readonly comparison: string;
  readonly side: string;
  readonly perSecond: number;
  /** Its predictions a second over those of the first side. */
  readonly speed: Estimate;
  /** Pairs with the value of the first side; null between different scores. */
  readonly equal: number | null;
  readonly largestDifference: number | null;
}

export async function scoringSection(bench: Bench): Promise<Section> {
  const pairs: Pair[] = samplePredictions(PAIRS, 1).map(({ completion, lines, hole }) => {
    const reference = lines[hole]!.trim();
    const task = { prefix: '', reference, language: 'typescript' } as const;
    return { completion, cut: LLAVACODE_FIRST_LINE.open(null).compared(completion, task), reference };
  });
  const path = join(bench.folder, 'pairs.json');
  writeFileSync(path, JSON.stringify(pairs));
  const rows: ScoringRow[] = [];
  for (const comparison of COMPARISONS) rows.push(...(await measure(bench, comparison, path)));
  const versions = ['fuzzball', 'fast-levenshtein', 'fastest-levenshtein'].map((name) => versionOf(name));
  return { title: 'Scoring', versions, text: scoringTable(rows), raw: rows };
}

async function measure(
  { rounds }: Pick<Bench, 'rounds'>,
  { title, sides: described }: Comparison,
  pairs: string,
): Promise<ScoringRow[]> {
  const sides: Side[] = [];
  try {
    for (const { name, script, measure } of described) {
      sides.push(await Side.open(name, script, { pairs, measure }));
    }
    const answers = await interleaved(sides, orderOf(3), { rounds, warmUp: 3 }, (side) =>
      side.ask(null, scoringAnswer),
    );
    const base = answers[0]!;
    const isOneScore = title !== 'whole profile';
    return described.map(({ name }, i) => {
      const [times, values] = [answers[i]!.map(({ ms }) => ms), answers[i]![0]!.values];
      const differences = values.map((value, p) => Math.abs(value - base[0]!.values[p]!));
      return {
        comparison: title,
        side: name,
        perSecond: (1000 * values.length) / median(times),
        speed: ratio(
          base.map(({ ms }) => ms),
          times,
        ),
        equal: isOneScore ? differences.filter((difference) => difference === 0).length : null,
        largestDifference: isOneScore ? Math.max(...differences) : null,
      };
    });
  } finally {
    for (const side of sides) side.kill();
  }
}

function scoringTable(rows: readonly ScoringRow[]): string {
  return markdownTable([
    [
      'Computes',
      'Side',
      'Predictions a second',
      'its speed / the first',
      'Equal values',
      'Largest difference',
    ],
    ...rows.map((row) => [
      row.comparison,
      row.side,
      row.perSecond.toFixed(0),
      times(row.speed),
      row.equal === null ? '' : `${row.equal}/${PAIRS}`,
      row.largestDifference === null ? '' : String(row.largestDifference),
    ]),
  ]);
}
