/**
 * @file Reads JSON lines one at a time; every complaint names file and line.
 *
 * Blank lines and a leading byte order mark are fine. The file is streamed: a dataset of a gigabyte
 * needs the memory of its tasks, not of its text.
 */

import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { DataError, messageOf } from '../domain/errors.js';

/** One line that holds something. */
export interface JsonLine {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
}

/**
 * The non-blank lines of a file.
 *
 * @throws {DataError} If the file cannot be read.
 */
export async function* readLines(file: string): AsyncGenerator<JsonLine> {
  let line = 0;
  let rest = '';
  try {
    // Split by hand: node:readline also ends a line at U+2028, which JSON strings may contain.
    for await (const piece of createReadStream(file, { encoding: 'utf8' }) as AsyncIterable<string>) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop()!;
      for (const text of lines) {
        line++;
        if (text.trim() !== '') yield { line, text };
      }
    }
  } catch (error) {
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  if (rest.trim() !== '') yield { line: line + 1, text: rest };
}

/**
 * Parses one line and checks its shape.
 *
 * @param why    For a missing or wrong field, why the field is needed; keys are dotted field paths.
 * @param advice What to do about a bad line; the last hint of every complaint.
 * @throws {DataError} `file:line: …` naming the damage or the field.
 */
export function parseLine<Schema extends z.ZodType>(
  file: string,
  { line, text }: JsonLine,
  schema: Schema,
  why: Readonly<Record<string, string>>,
  advice = 'mend the line',
): z.output<Schema> {
  let value: unknown;
  try {
    // trim() also drops a byte order mark.
    value = JSON.parse(text.trim());
  } catch (error) {
    throw new DataError(
      `${file}:${line}: not valid JSON: ${messageOf(error)}`,
      ['every line must hold one complete JSON object', advice],
      { cause: error },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.join('.');
  const problem =
    field === ''
      ? `is not a record: ${issue.message}`
      : valueAt(value, issue.path) === undefined
        ? `field "${field}" is missing`
        : `field "${field}" is wrong: ${issue.message}`;
  const reason = why[field];
  throw new DataError(`${file}:${line}: ${problem}`, [...(reason === undefined ? [] : [reason]), advice]);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}
