/**
 * @file Files of rows, JSON lines or Parquet, seen alike: each row with its place, in order.
 *
 * A row is any foreign value. What its fields mean is the business of `formats/`, and `records/` makes datasets of
 * whole files.
 */

import { DataError } from '../../domain/errors.js';
import { parseText, readLines, type JsonLine } from './jsonl.js';
import { openParquet } from './parquet.js';

/** One row of a file, and where it is. */
export interface Row {
  /** `file:line` for JSON lines, `file: row n` (from 0) for Parquet. */
  readonly where: string;
  readonly value: unknown;
}

/** A row, or the complaint about one that cannot be read at all. */
export type RowOrProblem = Row | { readonly where: string; readonly problem: DataError };

export interface RowFile {
  /** Dotted names of the fields of all rows; null where only the rows can tell. */
  readonly fields: ReadonlySet<string> | null;
  /**
   * @param columns Those needed; JSON lines come whole.
   * @param advice  What to do about a row that cannot be read.
   */
  rows(columns: readonly string[], advice: string): AsyncGenerator<RowOrProblem>;
  /** Reads other columns of a row, from 0; null for JSON lines, whose rows come whole. */
  readonly readColumns: ((row: number, columns: readonly string[]) => Promise<unknown>) | null;
}

export const PARQUET_NAME = /\.parquet$/i;

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
    async *rows(_columns, advice) {
      for await (const line of readLines(path)) yield parseRow(path, line, advice);
    },
    readColumns: null,
  };
}

function parseRow(path: string, line: JsonLine, advice: string): RowOrProblem {
  const where = `${path}:${line.line}`;
  try {
    return { where, value: parseText(path, line, advice) };
  } catch (error) {
    if (error instanceof DataError) return { where, problem: error };
    throw error;
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
