/**
 * @file Files of rows, JSON lines or Parquet, seen alike: each row with its place, in order.
 */

import { DataError, messageOf } from '../domain/errors.js';
import type { Row } from './format.js';
import { readLines } from './jsonl.js';
import { openParquet } from './parquet.js';

/** A row, or the complaint about one that cannot be read at all. */
export type RowOrProblem = Row | { readonly where: string; readonly problem: DataError };

export interface RowFile {
  /** Dotted names of the fields of all rows; null where only the rows can tell. */
  readonly fields: ReadonlySet<string> | null;
  /** @param columns Those needed; JSON lines come whole. */
  rows(columns: readonly string[]): AsyncGenerator<RowOrProblem>;
  /** Reads other columns of a row, from 0; null for JSON lines, whose rows come whole. */
  readonly readColumns: ((row: number, columns: readonly string[]) => Promise<unknown>) | null;
}

export const PARQUET_NAME = /\.parquet$/i;
export const JSON_LINES_NAME = /\.(jsonl|ndjson|json)$/i;

/**
 * Opens a file by the ending of its name; anything but `.parquet` is taken for JSON lines.
 *
 * @throws {DataError} If it cannot be read.
 */
export async function openRows(path: string): Promise<RowFile> {
  return PARQUET_NAME.test(path) ? openParquetRows(path) : jsonRows(path);
}

async function openParquetRows(path: string): Promise<RowFile> {
  const file = await openParquet(path);
  return {
    fields: file.fields,
    async *rows(columns) {
      let index = 0;
      for await (const value of file.rows(columns)) yield { where: `${path}: row ${index++}`, value };
    },
    readColumns: (row, columns) => file.row(row, columns),
  };
}

function jsonRows(path: string): RowFile {
  return {
    fields: null,
    async *rows() {
      for await (const { line, text } of readLines(path)) yield parseRow(`${path}:${line}`, text);
    },
    readColumns: null,
  };
}

function parseRow(where: string, text: string): RowOrProblem {
  try {
    // trim() also drops a byte order mark.
    return { where, value: JSON.parse(text.trim()) as unknown };
  } catch (error) {
    const problem = new DataError(
      `${where}: not valid JSON: ${messageOf(error)}`,
      ['every line must hold one complete JSON object'],
      { cause: error },
    );
    return { where, problem };
  }
}

/** The fields of a value, dotted and two levels deep, for a message about what was seen. */
export function fieldsSeen(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.keys(inner).map((name) => `${key}.${name}`)
      : [key],
  );
}
