/**
 * @file Which schema a file has, told by its first row that can be read, and the words for not knowing.
 */

import { DataError } from '../../domain/errors.js';
import { hasField, recognise, type FormatName, type Recognition, type RecordFormat } from './format.js';
import type { Row } from '../rows/rows.js';
import { FORMATS, formatNamed } from './all.js';
import { fieldsSeen, type RowFile } from '../rows/rows.js';

/** What the fields of a file, or of one of its rows, say about its schema. */
export function recogniseRow(file: RowFile, row: Row | null): Recognition {
  return recognise(
    FORMATS,
    (field) => file.fields?.has(field) ?? (row !== null && hasField(row.value, field)),
  );
}

/** The schemas that are known, and the fields that each needs, a line a schema. */
export function schemaNeeds(): string[] {
  return FORMATS.map(
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
