/**
 * @file The rows of a run as Parquet, with typed columns that may be null. Sole importer of `hyparquet-writer`.
 *
 * One row group is in memory at a time. Compressed with Snappy, which every reader knows.
 */

import type { TaskRecord } from '../../run/record.js';
import type { DataColumn, DataValue } from './data-columns.js';

const ROWS_OF_A_GROUP = 10_000;

const TYPES = { text: 'STRING', integer: 'INT32', number: 'DOUBLE', boolean: 'BOOLEAN' } as const;

/** The file in parts, a row group each, and its description at the end. */
export async function* parquetParts(
  columns: readonly DataColumn[],
  records: Iterable<TaskRecord> | AsyncIterable<TaskRecord>,
): AsyncGenerator<Uint8Array, void> {
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const described = columns.map(({ name, type }) => ({ name, type: TYPES[type], nullable: true }));
  const bytes = new ByteWriter();
  /** What was written since; its place in the file stays counted in `offset`. */
  const taken = (): Uint8Array => {
    const part = bytes.getBytes().slice();
    bytes.index = 0;
    return part;
  };
  const file = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: described.map((column) => ({ ...column, data: [] })) }),
    createdBy: 'llava-eval (hyparquet-writer)',
  });
  for await (const group of groups(records)) {
    // The schema above has the types, and a writer refuses to be told them twice.
    const columnData = columns.map(({ name, valueOf }) => ({
      name,
      data: group.map((record): DataValue => valueOf(record)),
    }));
    await file.write({ columnData, rowGroupSize: group.length });
    yield taken();
  }
  await file.finish();
  yield taken();
}

async function* groups(
  records: Iterable<TaskRecord> | AsyncIterable<TaskRecord>,
): AsyncGenerator<TaskRecord[], void> {
  let group: TaskRecord[] = [];
  for await (const record of records) {
    group.push(record);
    if (group.length < ROWS_OF_A_GROUP) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}
