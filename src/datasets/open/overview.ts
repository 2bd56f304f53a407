/**
 * @file What a dataset looks like in numbers: counts by language, category and repository, lengths, line
 * ends and shipped chunks. Pure.
 */

import type { CompletionTask } from '../../domain/task.js';
import { isBlank } from '../../domain/text.js';
import type { Dataset, RepositorySource } from '../dataset.js';

/** Counts of the tasks that use a name from another file, that do not, and that do not say. */
export interface CrossFileCounts {
  readonly yes: number;
  readonly no: number;
  readonly unstated: number;
}

/** Of a number of characters (UTF-16 units) over all tasks. */
export interface Lengths {
  readonly median: number;
  readonly longest: number;
}

export interface Overview {
  readonly id: string;
  readonly format: string | null;
  readonly contentHash: string;
  readonly tasks: number;
  readonly skipped: number;
  readonly deviations: readonly string[];
  readonly languages: Readonly<Record<string, number>>;
  readonly categories: Readonly<Record<string, number>>;
  readonly levels: Readonly<Record<string, number>>;
  readonly crossFile: CrossFileCounts;
  readonly lengths: { readonly prefix: Lengths; readonly reference: Lengths; readonly suffix: Lengths };
  readonly newlines: {
    /** The prefix ends inside the line of the hole, and holds nothing of it but its indentation. */
    readonly indentationInPrefix: number;
    /** The prefix ends inside the line of the hole, behind code: the hole is the rest of a line. */
    readonly codeInPrefix: number;
    /** The prefix ends with a newline, so the reference begins with the indentation. */
    readonly indentationInReference: number;
    readonly referenceEndsWithNewline: number;
    readonly carriageReturns: number;
    readonly emptySuffix: number;
  };
  /** null where no task ships chunks. */
  readonly shipped: {
    readonly tasks: number;
    readonly withoutChunks: number;
    readonly chunks: Lengths;
  } | null;
  readonly repositories: readonly (RepositorySource & {
    readonly tasks: number;
    readonly crossFile: CrossFileCounts;
  })[];
}

/** Looks at every task of a dataset once. */
export function overviewOf(dataset: Dataset): Overview {
  const { tasks } = dataset;
  const shipping = tasks.flatMap(({ shipped }) => (shipped === undefined ? [] : [shipped.length]));
  const byRepository = new Map<string, CompletionTask[]>();
  for (const task of tasks) {
    const known = byRepository.get(task.repository);
    if (known === undefined) byRepository.set(task.repository, [task]);
    else known.push(task);
  }
  const countOf = (isMeant: (task: CompletionTask) => boolean): number => tasks.filter(isMeant).length;
  return {
    id: dataset.id,
    format: dataset.format,
    contentHash: dataset.contentHash,
    tasks: tasks.length,
    skipped: dataset.skipped,
    deviations: dataset.deviations,
    languages: tally(tasks.map(({ language }) => language)),
    categories: tally(tasks.flatMap(({ category }) => category ?? [])),
    levels: tally(tasks.flatMap(({ level }) => level ?? [])),
    crossFile: crossFileCounts(tasks),
    lengths: {
      prefix: lengthsOf(tasks.map(({ prefix }) => prefix.length)),
      reference: lengthsOf(tasks.map(({ reference }) => reference.length)),
      suffix: lengthsOf(tasks.map(({ suffix }) => suffix.length)),
    },
    newlines: {
      indentationInPrefix: countOf(
        ({ prefix }) => startOfLine(prefix) !== '' && isBlank(startOfLine(prefix)),
      ),
      codeInPrefix: countOf(({ prefix }) => !isBlank(startOfLine(prefix))),
      indentationInReference: countOf(({ prefix }) => prefix === '' || prefix.endsWith('\n')),
      referenceEndsWithNewline: countOf(({ reference }) => reference.endsWith('\n')),
      carriageReturns: countOf((task) => [task.prefix, task.reference, task.suffix].some(hasReturn)),
      emptySuffix: countOf(({ suffix }) => suffix === ''),
    },
    shipped:
      shipping.length === 0
        ? null
        : {
            tasks: shipping.length,
            withoutChunks: shipping.filter((count) => count === 0).length,
            chunks: lengthsOf(shipping),
          },
    repositories: dataset.sources.map((source) => {
      const own = byRepository.get(source.repository) ?? [];
      return { ...source, tasks: own.length, crossFile: crossFileCounts(own) };
    }),
  };
}

/** What of the hole's line stands before the hole. */
function startOfLine(prefix: string): string {
  return prefix.slice(prefix.lastIndexOf('\n') + 1);
}

function hasReturn(text: string): boolean {
  return text.includes('\r');
}

function crossFileCounts(tasks: readonly CompletionTask[]): CrossFileCounts {
  const count = (value: boolean | null): number => tasks.filter((task) => task.crossFile === value).length;
  return { yes: count(true), no: count(false), unstated: count(null) };
}

/** How often each value occurs, in order of first occurrence. */
function tally(values: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** The lower median, so that it is a length that occurs. */
function lengthsOf(values: readonly number[]): Lengths {
  const ascending = [...values].sort((a, b) => a - b);
  return { median: ascending[(ascending.length - 1) >> 1] ?? 0, longest: ascending.at(-1) ?? 0 };
}
