/**
 * @file Rows of several run folders in one table, paired by task.
 */

import { markdownTable } from '../bench/page.js';
import type { Difference } from '../src/statistics/paired.js';
import type { Recovery } from '../src/statistics/recovery.js';
import { fixed, interval, signed } from '../src/report/format.js';
import { tabulate, type OutcomeColumn, type OutcomeTable } from '../src/report/numbers/outcomes.js';
import { compareColumns, recovery, type Comparison } from '../src/report/numbers/verdicts.js';
import { configurations } from '../src/run/configurations.js';
import type { FinishedRun } from '../src/run/finished-run.js';
import type { Configuration } from '../src/run/record.js';
import { mean } from '../src/statistics/statistics.js';
import type { Geometry } from '../src/probe/geometry.js';

export interface AblationRow {
  readonly name: string;
  readonly run: FinishedRun;
  /** The one row of the run that is meant. */
  readonly configuration: (configuration: Configuration) => boolean;
  /** Soft tokens a chunk; 0 where there are none. */
  readonly tokens: number;
  /** Of the soft tokens; null where the row has none of its own. */
  readonly geometry: Geometry | null;
}

/**
 * The rows as a Markdown table: the first is the base, the second what gains, the third the reference.
 *
 * @param seed Of the bootstrap over more than eleven repositories.
 * @throws {RangeError} If the runs have no task in common, or a run lacks the row.
 */
export function ablationTable(rows: readonly AblationRow[], seed: number): string {
  const { table, columns } = joined(rows);
  const [base, full, reference] = columns;
  if (base === undefined || full === undefined || reference === undefined) {
    throw new RangeError(`expected a base, what gains and a reference, got ${rows.length} rows`);
  }
  const against = (other: OutcomeColumn): ReadonlyMap<OutcomeColumn, Comparison> => {
    const compared = columns.filter((column) => column !== other && (other === base || column !== base));
    const found = compareColumns(
      compared.map((column) => [column, other] as const),
      table,
      null,
      seed,
    );
    return new Map(compared.map((column, i) => [column, found[i]!]));
  };
  const versusBase = against(base);
  const versusReference = against(reference);
  const gain = versusBase.get(full)!;
  const cells = rows.map(({ name, tokens, geometry }, i) => {
    const column = columns[i]!;
    const back = column === base || column === full ? null : recovery(column, full, base, table, gain);
    const [ofBase, ofReference] = [versusBase.get(column), versusReference.get(column)];
    return [
      name,
      tokens === 0 ? '' : String(tokens),
      percent(column.exactMatch),
      percent(column.editSimilarity),
      difference(ofBase?.exactMatch),
      difference(ofBase?.editSimilarity),
      difference(ofReference?.exactMatch),
      difference(ofReference?.editSimilarity),
      back === null ? '' : share(back.exactMatch),
      back === null ? '' : share(back.editSimilarity),
      geometry === null ? '' : fixed(geometry.meanCosine, 3),
      geometry === null ? '' : fixed(geometry.effectiveRank, 1),
    ];
  });
  return markdownTable([
    [
      ...['', 'soft tokens a chunk', 'EM %', 'ES %', 'EM − no-context', 'ES − no-context'],
      ...['EM − reference', 'ES − reference', 'EM won back', 'ES won back', 'mean cosine', 'effective rank'],
    ],
    ...cells,
  ]);
}

/** One column a row, over the tasks that all of the runs have, in one order. */
function joined(rows: readonly AblationRow[]): {
  readonly table: OutcomeTable;
  readonly columns: readonly OutcomeColumn[];
} {
  const runs = [...new Set(rows.map(({ run }) => run))];
  const common = (runs[0]?.records.taskIds ?? []).filter((id) =>
    runs.every(({ records }) => records.rowOf(id) !== undefined),
  );
  if (common.length === 0) throw new RangeError('the runs have no task in common');
  const tables = new Map(
    runs.map(({ run, records }) => {
      return [run, tabulate(configurations(run.spec), records, records.rowsOf(common))] as const;
    }),
  );
  const columns = rows.map(({ name, run, configuration }) => {
    const column = tables.get(run.run)!.columns.find((one) => configuration(one.configuration));
    if (column === undefined) throw new RangeError(`${run.path}: has no row for ${name}`);
    return column;
  });
  return { table: tables.get(runs[0]!.run)!, columns };
}

function percent(values: Float64Array): string {
  const value = mean(values.filter((one) => !Number.isNaN(one)));
  return fixed(value === null ? null : value * 100, 2);
}

function difference(of: Difference | undefined): string {
  if (of === undefined) return '';
  const text = `${signed(of.delta, 2)} ${interval(of.ci95, 2)}`.trimEnd();
  return of.verdict === 'tied' ? text : `**${text}**`;
}

function share(of: Recovery | null): string {
  return of === null ? fixed(null, 0) : `${fixed(of.percent, 0)} % ${interval(of.ci95, 0)}`;
}
