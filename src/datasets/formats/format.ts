/**
 * @file What a published schema is to the rest of the program, and how one is told from another.
 *
 * A format turns one foreign row into tasks; after that nothing knows where a task came from. The formats
 * live in `formats/`, one file a source.
 */

import type { z } from 'zod';
import type { CompletionTask, Repository } from '../../domain/task.js';
import { checkShape, valueAt } from '../rows/check-shape.js';
import type { Row } from '../rows/rows.js';

/** The schemas that are known, most general first. */
export const FORMAT_NAMES = [
  'llava-eval',
  'cceval',
  'repoformer',
  'repoeval',
  'repobench',
  'lca',
  'llavacode-training',
] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** What a row does not say itself. */
export interface RowContext {
  /** The setting that the file's name states, such as `cross_file_first`; else the name's stem. */
  readonly split: string;
  /** The row's number within its split, from 0. */
  readonly index: number;
  /** Whether anyone will look at the chunks that the row ships. */
  readonly withShipped: boolean;
  /** What to do about a row that cannot be used; the last hint of every complaint. */
  readonly advice: string;
  /** Told where a row can be used although it is not as its benchmark describes it. */
  readonly deviate: (what: string) => void;
  /** Reads other columns of the same row, where the file is one of columns. */
  readonly readColumns: ((columns: readonly string[]) => Promise<unknown>) | null;
}

/** A task, and what its row says about its repository. */
export interface FoundTask {
  readonly task: CompletionTask;
  /** The repository's folder, relative to the file. */
  readonly repositoryDir?: string;
  /** The repository itself, where the row holds it. */
  readonly repository?: () => Promise<Repository>;
}

export interface RecordFormat {
  readonly name: FormatName;
  /** For people, in one line. */
  readonly title: string;
  /** Fields by which it is recognised, dotted; any one of the lists. */
  readonly needs: readonly (readonly string[])[];
  /** Top-level columns that loading needs, where the file is one of columns. */
  columns(withShipped: boolean): readonly string[];
  /** @throws {DataError} Naming the place and the field. */
  read(row: Row, context: RowContext): readonly FoundTask[];
}

/** Makes a format of a schema and of what its rows mean. */
export function defineFormat<Schema extends z.ZodType>(definition: {
  readonly name: FormatName;
  readonly title: string;
  readonly needs: readonly (readonly string[])[];
  readonly columns?: (withShipped: boolean) => readonly string[];
  readonly schema: Schema;
  /** Why a row needs each field, by dotted path. */
  readonly reasons: Readonly<Record<string, string>>;
  readonly tasks: (record: z.output<Schema>, context: RowContext, where: string) => readonly FoundTask[];
}): RecordFormat {
  const { name, title, needs, schema, reasons, tasks } = definition;
  const ownColumns = [...new Set(needs.flat().map((field) => field.split('.')[0]!))];
  return {
    name,
    title,
    needs,
    columns: definition.columns ?? (() => ownColumns),
    read: (row, context) =>
      tasks(checkShape(row.where, row.value, schema, reasons, context.advice), context, row.where),
  };
}

/** Whether a row has a field of a dotted path; an explicit null counts. */
export function hasField(value: unknown, path: string): boolean {
  return valueAt(value, path.split('.')) !== undefined;
}

/** How a file was recognised, or why it was not. */
export type Recognition =
  | { readonly kind: 'format'; readonly format: RecordFormat }
  /** It would be of this format if it had the one field. */
  | { readonly kind: 'nearly'; readonly format: RecordFormat; readonly missing: string }
  | { readonly kind: 'ambiguous'; readonly formats: readonly RecordFormat[] }
  | { readonly kind: 'unknown' };

/**
 * Tells a schema by the fields a row has: of all formats whose fields are there, the one that needs most.
 *
 * @param has Whether the row has the field of a dotted path.
 */
export function recognise(formats: readonly RecordFormat[], has: (path: string) => boolean): Recognition {
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
