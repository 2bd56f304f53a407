/**
 * @file Tells which format a file has, by the fields of its first row that can be read, and has the words for not
 * knowing.
 */

import { DataError } from '../../domain/errors.js';
import { valueAt } from '../rows/check-shape.js';
import { fieldsSeen, type Row, type RowFile } from '../rows/rows.js';
import { allFormats, formatNamed, type FormatName } from './all.js';
import type { RecordFormat } from './format.js';

/** How a file was recognised, or why it was not. */
export type Recognition =
  | { readonly kind: 'format'; readonly format: RecordFormat }
  /** It would be of this format if it had the one field. */
  | { readonly kind: 'nearly'; readonly format: RecordFormat; readonly missing: string }
  | { readonly kind: 'ambiguous'; readonly formats: readonly RecordFormat[] }
  | { readonly kind: 'unknown' };

/** What the fields of a file, or of one of its rows, say about its schema. */
export function recogniseRow(file: RowFile, row: Row | null): Recognition {
  return recognise(
    allFormats(),
    (field) => file.fields?.has(field) ?? (row !== null && hasField(row.value, field)),
  );
}

/** The schemas that are known, and the fields that each needs, a line a schema. */
export function schemaNeeds(): string[] {
  return allFormats().map(
    ({ name, needs }) => `${name} needs ${needs.map((list) => list.join(', ')).join('; or ')}`,
  );
}

/**
 * The format of a file.
 *
 * @param row    Its first readable row, where one is at hand.
 * @param forced What the user says it is.
 * @throws {DataError} If no known schema fits, or several do. Where one field is all that is missing, the
 *                     complaint is about that field.
 */
export function formatOf(
  path: string,
  file: RowFile,
  row: Row | null,
  forced: FormatName | undefined,
): RecordFormat {
  if (forced !== undefined) return formatNamed(forced);
  const found = recogniseRow(file, row);
  switch (found.kind) {
    case 'format':
    case 'nearly':
      // The missing field is reported with its row, when that is read.
      return found.format;
    case 'ambiguous':
      throw new DataError(
        `${row?.where ?? path}: fits ${found.formats.map(({ name }) => name).join(' and ')} equally well`,
        [`say which it is: --format ${found.formats.map(({ name }) => name).join(' or --format ')}`],
      );
    case 'unknown': {
      if (
        file.fields === null &&
        row !== null &&
        (typeof row.value !== 'object' || row.value === null || Array.isArray(row.value))
      ) {
        throw new DataError(`${row.where}: is not a record`, ['every row must hold one object']);
      }
      const seen = file.fields !== null ? [...file.fields] : row === null ? [] : fieldsSeen(row.value);
      throw new DataError(`${row?.where ?? path}: the schema is not known`, [
        ...(seen.length === 0 ? [] : [`it has ${seen.join(', ')}`]),
        ...schemaNeeds(),
        'bring the records into one of these forms, or name the form with --format',
      ]);
    }
  }
}

/**
 * Tells a schema by the fields a row has: of all formats whose fields are there, the one that needs most.
 *
 * @param has Whether the row has the field of a dotted path.
 */
function recognise(formats: readonly RecordFormat[], has: (path: string) => boolean): Recognition {
  const lists = formats.flatMap((format) =>
    format.needs.map((fields) => ({ format, fields, missing: fields.filter((path) => !has(path)) })),
  );
  const full = lists.filter(({ missing }) => missing.length === 0);
  if (full.length > 0) {
    const most = Math.max(...full.map(({ fields }) => fields.length));
    const best = [
      ...new Set(full.filter(({ fields }) => fields.length === most).map(({ format }) => format)),
    ];
    return best.length === 1 ? { kind: 'format', format: best[0]! } : { kind: 'ambiguous', formats: best };
  }
  const near = lists.find(({ missing }) => missing.length === 1);
  if (near === undefined) return { kind: 'unknown' };
  return { kind: 'nearly', format: near.format, missing: near.missing[0]! };
}

/** Whether a row has a field of a dotted path; an explicit null counts. */
function hasField(value: unknown, path: string): boolean {
  return valueAt(value, path.split('.')) !== undefined;
}
