/**
 * @file Checks foreign values against a schema; every complaint names place and field.
 */

import type { z } from 'zod';
import { DataError, messageOf } from '../../domain/errors.js';
import { parseJson as parse } from '../../domain/json.js';

/**
 * Parses JSON.
 *
 * @throws {DataError} `where: not valid JSON: …`.
 */
export function parseJson(where: string, text: string, advice: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new DataError(
      `${where}: not valid JSON: ${messageOf(error)}`,
      ['every line must hold one complete JSON object', advice],
      { cause: error },
    );
  }
}

/**
 * Checks the shape of a foreign value.
 *
 * @param where  Where it is, for the message.
 * @param why    For a missing or wrong field, why the field is needed; keys are dotted field paths.
 * @param advice What to do about it; the last hint of every complaint.
 * @throws {DataError} `where: …` naming the field.
 */
export function checkShape<Schema extends z.ZodType>(
  where: string,
  value: unknown,
  schema: Schema,
  why: Readonly<Record<string, string>>,
  advice: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepestIssue(result.error.issues[0]!);
  const field = issue.path.join('.');
  const problem =
    field === ''
      ? `is not a record: ${issue.message}`
      : valueAt(value, issue.path) === undefined
        ? `field "${field}" is missing`
        : `field "${field}" is wrong: ${issue.message}`;
  const reason = why[field];
  throw new DataError(`${where}: ${problem}`, [...(reason === undefined ? [] : [reason]), advice]);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** In a union of forms, the complaint of the form that fits furthest. */
function deepestIssue(issue: z.core.$ZodIssue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors
    .flatMap((issues) => issues.map(deepestIssue))
    .sort((a, b) => b.path.length - a.path.length)[0];
  if (inner === undefined || inner.path.length === 0) return issue;
  return { path: [...issue.path, ...inner.path], message: inner.message };
}

/** What lies at a path inside a value; undefined where the path ends early. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}
