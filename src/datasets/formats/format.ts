/**
 * @file What a record format is: it says what the fields of a row mean, and turns one row into tasks.
 *
 * Rows come from `rows/`, which reads files and knows no field. `records/` opens whole files of rows in any format
 * and makes a dataset of them. After a format nothing knows any more where a task came from. One file in this folder
 * holds the formats of one source, and `all.ts` lists them; `recognition.ts` tells which one a file has.
 */

import type { z } from 'zod';
import type { CompletionTask, Repository } from '../../domain/task.js';
import type { SourceRule } from '../repository/source-folder.js';
import { checkShape } from '../rows/check-shape.js';
import type { Row } from '../rows/rows.js';

/** What a row does not say itself. */
export interface RowContext {
  /** The setting that the file's name states, such as `cross_file_first`; else the name's stem. */
  readonly split: string;
  /** The row's number within its split, from 0. */
  readonly index: number;
  /** How often it was asked for a name before, in all files of the dataset: numbers rows that have no number. */
  readonly countOf: (name: string) => number;
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
  /** What flags and configuration files call it; its key in `all.ts`, too. */
  readonly name: string;
  /** For people, in one line. */
  readonly title: string;
  /** Fields by which it is recognised, dotted; any one of the lists. */
  readonly needs: readonly (readonly string[])[];
  /** Which files of its repositories retrieval looks at. */
  readonly sourceRule: SourceRule;
  /** Top-level columns that loading needs, where the file is one of columns. */
  columns(withShipped: boolean): readonly string[];
  /** @throws {DataError} Naming the place and the field. */
  read(row: Row, context: RowContext): readonly FoundTask[];
}

/** Makes a format of a schema and of what its rows mean. */
export function defineFormat<Schema extends z.ZodType>(definition: {
  readonly name: string;
  readonly title: string;
  readonly needs: readonly (readonly string[])[];
  /** `published` where nothing is said: published harnesses read every file of a language. */
  readonly sourceRule?: SourceRule;
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
    sourceRule: definition.sourceRule ?? 'published',
    columns: definition.columns ?? (() => ownColumns),
    read: (row, context) =>
      tasks(checkShape(row.where, row.value, schema, reasons, context.advice), context, row.where),
  };
}
