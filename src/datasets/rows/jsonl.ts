/**
 * @file Reads JSON lines one at a time; every complaint names file and line.
 *
 * Blank lines and byte order marks are fine; files glued together have one in the middle too. The file is streamed: a dataset of a gigabyte
 * needs the memory of its tasks, not of its text.
 */

import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { DataError, messageOf } from '../../domain/errors.js';
import { withoutMark } from '../../domain/json.js';
import { checkShape, parseJson } from './check-shape.js';

/** One line that holds something. */
export interface JsonLine {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
}

/** Bytes read at a time: large enough that lines broken between two reads are rare. */
const READ_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/**
 * The non-blank lines of a file.
 *
 * Lines are cut as bytes and decoded one by one: in UTF-8 the byte of "\n" is nothing else, and strings
 * of their own are cheaper to parse and to forget than slices of a large one. node:readline will not
 * do: it also ends a line at U+2028, which JSON strings may contain.
 *
 * @throws {DataError} If the file cannot be read.
 */
export async function* readLines(file: string): AsyncGenerator<JsonLine> {
  let line = 0;
  let rest: Buffer[] = [];
  const next = (bytes: Buffer): JsonLine | null => {
    line++;
    const text = bytes.toString('utf8');
    return text.trim() === '' ? null : { line, text: withoutMark(text) };
  };
  try {
    const pieces = createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
    for await (const piece of pieces) {
      let start = 0;
      for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
        const whole = piece.subarray(start, end);
        const found = next(rest.length === 0 ? whole : Buffer.concat([...rest, whole]));
        rest = [];
        start = end + 1;
        if (found !== null) yield found;
      }
      if (start < piece.length) rest.push(piece.subarray(start));
    }
  } catch (error) {
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  const found = next(Buffer.concat(rest));
  if (found !== null) yield found;
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
  const where = `${file}:${line}`;
  return checkShape(where, parseJson(where, text, advice), schema, why, advice);
}
