/**
 * @file How often runs of a few tasks show what a run of many shows, by metric.
 *
 *   npx tsx scripts/likelihood-power.ts RUN [TASKS] [RUNS] [PIPELINES]
 *
 * RUN is a finished run folder. From its records, RUNS samples of TASKS tasks are drawn, evenly over the repositories and
 * each by a seed of its own, and each is judged as a run of its own would be: the same comparisons, intervals and
 * corrections. The table counts the samples in which a difference is shown, better or worse, for each comparison with the
 * decoder alone and for each control. Nothing is computed anew: the answers are those of the run.
 */

import { configurations } from '../src/run/configurations.js';
import { configurationLabel } from '../src/run/record.js';
import { readFinishedRun } from '../src/run/finished-run.js';
import { tabulate } from '../src/report/numbers/outcomes.js';
import { comparedColumns, compareColumns, type Comparison } from '../src/report/numbers/verdicts.js';
import type { Verdict } from '../src/statistics/paired.js';
import { createRng } from '../src/tensor/rng.js';

const [path, tasks = '80', runs = '20', pipelines = ''] = process.argv.slice(2);
if (path === undefined) {
  throw new Error('usage: npx tsx scripts/likelihood-power.ts RUN [TASKS] [RUNS] [PIPELINES]');
}
const { run, records } = await readFinishedRun(path);
const wanted = pipelines === '' ? run.spec.pipelines : pipelines.split(',');
const rows = configurations(run.spec).filter(({ pipeline }) => wanted.includes(pipeline));

/** Ids of a sample: as many of each repository, give or take one. */
function sample(seed: number): string[] {
  const rng = createRng(seed);
  const groups = new Map<string, string[]>();
  for (const row of records.rows()) {
    const repository = records.repository(row);
    groups.set(repository, [...(groups.get(repository) ?? []), records.taskIds[row]!]);
  }
  const shuffled = [...groups.values()].map((ids) => rng.shuffle(ids));
  const picked: string[] = [];
  for (let i = 0; picked.length < Number(tasks) && shuffled.some((ids) => ids.length > i); i++) {
    picked.push(...shuffled.flatMap((ids) => ids[i] ?? []).slice(0, Number(tasks) - picked.length));
  }
  return picked;
}

const METRICS: Readonly<Record<string, (one: Comparison) => Verdict>> = {
  likelihood: ({ likelihood }) => likelihood?.perToken.verdict ?? 'tied',
  EM: ({ exactMatch }) => exactMatch.verdict,
  ES: ({ editSimilarity }) => editSimilarity.verdict,
};
const shown = new Map<string, Record<string, number>>();
for (let seed = 1; seed <= Number(runs); seed++) {
  const table = tabulate(rows, records, records.rowsOf(sample(seed)));
  for (const one of compareColumns(comparedColumns(table.columns), table, null, seed)) {
    const name = `${configurationLabel(one.of, run.spec.topK)} − ${one.base.pipeline}`;
    const counts = shown.get(name) ?? {};
    shown.set(name, counts);
    for (const [metric, verdict] of Object.entries(METRICS)) {
      counts[metric] = (counts[metric] ?? 0) + (verdict(one) === 'tied' ? 0 : 1);
    }
  }
}
process.stdout.write(`shown in so many of ${runs} samples of ${tasks} tasks\n`);
for (const [name, counts] of shown) {
  const cells = Object.entries(counts).map(([metric, count]) => `${metric} ${count}`);
  process.stdout.write(`  ${name.padEnd(44)}${cells.join('   ')}\n`);
}
