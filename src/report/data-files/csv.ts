/**
 * @file The rows of a run as CSV (RFC 4180): a head, one row a record, UTF-8, lines that end with a line feed. Sole
 * importer of `csv-stringify`.
 *
 * A text is always in quotes and nothing else is. So nothing is an empty cell and an empty text a pair of quotes, and a
 * reader that looks can tell them apart. Cells that begin like a formula stay as they are: they are code, and changing
 * them would change the data.
 */

import { stringify } from 'csv-stringify/sync';
import type { TaskRecord } from '../../run/record.js';
import type { DataColumn, DataValue } from './data-columns.js';

/** Rows that are put together before they are written. */
const ROWS_AT_ONCE = 1000;

/** The file in parts. */
export async function* csvParts(
  columns: readonly DataColumn[],
  records: Iterable<TaskRecord> | AsyncIterable<TaskRecord>,
): AsyncGenerator<string, void> {
  yield `${columns.map(({ name }) => name).join(',')}\n`;
  let rows: DataValue[][] = [];
  for await (const record of records) {
    rows.push(columns.map(({ valueOf }) => valueOf(record)));
    if (rows.length < ROWS_AT_ONCE) continue;
    yield lines(rows);
    rows = [];
  }
  if (rows.length > 0) yield lines(rows);
}

function lines(rows: DataValue[][]): string {
  return stringify(rows, { quoted_string: true, cast: { boolean: String } });
}
