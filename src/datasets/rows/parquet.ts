/**
 * @file Parquet files, one row group at a time; with `parquet-pages.ts` the sole importer of `hyparquet`.
 *
 * A file of gigabytes needs the memory of its largest row group, and of that only the columns asked for.
 */

import { open, stat } from 'node:fs/promises';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { DataError, messageOf } from '../../domain/errors.js';
import { columnChunks, PageGuard } from './parquet-pages.js';

export interface ParquetFile {
  readonly path: string;
  readonly rowCount: number;
  /** Names of the columns, those inside structures dotted. */
  readonly fields: ReadonlySet<string>;
  /** The rows with the given top-level columns; columns that the file lacks are left out. */
  rows(columns: readonly string[]): AsyncGenerator;
  /** One row, from 0. Rows of one row group asked for one after the other are decoded once. */
  row(index: number, columns: readonly string[]): Promise<unknown>;
}

/** Where a row group lies in its file. */
interface Group {
  /** Rows [start, end) of the file. */
  readonly start: number;
  readonly end: number;
  readonly group: FileMetaData['row_groups'][number];
}

/**
 * Opens a file and reads its description.
 *
 * @throws {DataError} If it cannot be read or is no Parquet.
 */
export async function openParquet(path: string): Promise<ParquetFile> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const unreadable = (what: string, error: unknown): DataError =>
    new DataError(
      `${path}: ${what}cannot be read as Parquet: ${messageOf(error)}`,
      ['it may have been cut off on its way; fetch it again'],
      { cause: error },
    );
  let file: AsyncBuffer;
  let metadata: FileMetaData;
  try {
    file = await asyncBuffer(path);
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    throw unreadable('', error);
  }
  const groups = groupsOf(metadata);
  const fields = fieldsOf(metadata);
  const readGroup = async ({ start, end, group }: Group, wanted: readonly string[]): Promise<unknown[]> => {
    const columns = wanted.filter((name) => fields.has(name));
    try {
      const guard = new PageGuard(compressors);
      for (const chunk of columnChunks(metadata, group, columns)) {
        guard.check(new Uint8Array(await file.slice(chunk.start, chunk.end)), chunk, end - start);
      }
      const rows = await parquetReadObjects({
        file,
        metadata,
        columns,
        compressors: guard.compressors,
        rowStart: start,
        rowEnd: end,
      });
      return rows.map(plain);
    } catch (error) {
      throw unreadable(`rows ${start} to ${end - 1} `, error);
    }
  };
  let kept: { readonly key: string; readonly rows: Promise<unknown[]> } | null = null;
  return {
    path,
    rowCount: Number(metadata.num_rows),
    fields,
    async *rows(columns) {
      for (const group of groups) yield* await readGroup(group, columns);
    },
    async row(index, columns) {
      const group = groups.find(({ start, end }) => start <= index && index < end);
      if (group === undefined) throw new RangeError(`${path} has no row ${index}`);
      const key = JSON.stringify([group.start, columns]);
      if (kept?.key !== key) kept = { key, rows: readGroup(group, columns) };
      return (await kept.rows)[index - group.start];
    },
  };
}

/** Opens the file anew for each piece: there are few, and no handle is left open between them. */
async function asyncBuffer(path: string): Promise<AsyncBuffer> {
  const byteLength = (await stat(path)).size;
  return {
    byteLength,
    async slice(start, end = byteLength) {
      // The numbers come from the file itself: no memory is taken by them before they are checked.
      if (!(start >= 0 && start <= end && end <= byteLength)) {
        throw new RangeError(`it names bytes ${start} to ${end}, but has ${byteLength}`);
      }
      const handle = await open(path, 'r');
      try {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
          if (bytesRead === 0) throw new RangeError('the file ends early');
          filled += bytesRead;
        }
        return bytes.buffer;
      } finally {
        await handle.close();
      }
    },
  };
}

function groupsOf(metadata: FileMetaData): Group[] {
  const groups: Group[] = [];
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    if (end > start) groups.push({ start, end, group });
    start = end;
  }
  return groups;
}

/** Dotted names of all columns and structures, in the schema's depth-first order of elements. */
function fieldsOf(metadata: FileMetaData): ReadonlySet<string> {
  const fields = new Set<string>();
  let at = 1;
  const visit = (prefix: string): void => {
    const element = metadata.schema[at++]!;
    const name = prefix === '' ? element.name : `${prefix}.${element.name}`;
    fields.add(name);
    for (let child = 0; child < (element.num_children ?? 0); child++) visit(name);
  };
  const roots = metadata.schema[0]?.num_children ?? 0;
  for (let root = 0; root < roots; root++) visit('');
  return fields;
}

/** The value as JSON would have it: 64-bit integers as numbers, dates as text. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    // Parquet has no absent fields, only null ones.
    Object.entries(value).flatMap(([key, inner]) =>
      inner === null || inner === undefined ? [] : [[key, plain(inner)]],
    ),
  );
}
