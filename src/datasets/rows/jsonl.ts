/**
 * @file Reads JSON lines one at a time; every complaint names file and line.
 *
 * Blank lines and byte order marks are fine; files glued together have one in the middle too. The file is streamed: a dataset of a gigabyte
 * needs the memory of its tasks, not of its text.
 */

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { DataError, messageOf } from '../../domain/errors.js';
import { withoutMark } from '../../domain/json.js';
import { MOST_LINE_BYTES } from '../../files/foreign-text-file.js';
import { checkShape, parseJson } from './check-shape.js';

/** One line that holds something. */
export interface JsonLine {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
  /** Offset in the file of the first byte that is not UTF-8; null where all of them are. */
  readonly brokenAt: number | null;
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
 * @param most Most bytes of a line.
 * @throws {DataError} If the file cannot be read, or if a line is longer.
 */
export async function* readLines(file: string, most = MOST_LINE_BYTES): AsyncGenerator<JsonLine> {
  let line = 0;
  let offset = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const next = (bytes: Buffer): JsonLine | null => {
    const start = offset;
    line++;
    offset += bytes.length + 1;
    const text = bytes.toString('utf8');
    if (text.trim() === '') return null;
    const broken = isUtf8(bytes) ? null : start + firstDifference(bytes, Buffer.from(text, 'utf8'));
    return { line, text: withoutMark(text), brokenAt: broken };
  };
  try {
    const pieces = createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
    for await (const piece of pieces) {
      let start = 0;
      for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
        const whole = piece.subarray(start, end);
        const found = next(rest.length === 0 ? whole : Buffer.concat([...rest, whole]));
        rest = [];
        restBytes = 0;
        start = end + 1;
        if (found !== null) yield found;
      }
      if (start === piece.length) continue;
      rest.push(piece.subarray(start));
      restBytes += piece.length - start;
      if (restBytes > most) {
        throw new DataError(`${file}:${line + 1}: the line is longer than ${most} bytes`, [
          'records stand one in a line; a file without line ends is something else',
        ]);
      }
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  const found = next(Buffer.concat(rest));
  if (found !== null) yield found;
}

/** Decoding replaces what is not UTF-8, so the text written out again differs there first. */
function firstDifference(bytes: Buffer, again: Buffer): number {
  let at = 0;
  while (bytes[at] === again[at]) at++;
  return at;
}

/**
 * Parses one line.
 *
 * @param advice What to do about a bad line; the last hint of every complaint.
 * @throws {DataError} If it is not UTF-8 or not JSON.
 */
export function parseText(file: string, { line, text, brokenAt }: JsonLine, advice: string): unknown {
  const where = `${file}:${line}`;
  if (brokenAt === null) return parseJson(where, text, advice);
  throw new DataError(`${where}: not UTF-8 at byte ${brokenAt} of the file`, [
    'such bytes would be read as other characters than those that were written',
    'convert the file, for example: iconv -f latin1 -t utf-8',
    advice,
  ]);
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
  line: JsonLine,
  schema: Schema,
  why: Readonly<Record<string, string>>,
  advice = 'mend the line',
): z.output<Schema> {
  return checkShape(`${file}:${line.line}`, parseText(file, line, advice), schema, why, advice);
}
