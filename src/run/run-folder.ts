/**
 * @file The folder of a run: where its files lie, and how it is made.
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { makeFolders, requireWritableFolder } from '../files/folder.js';
import { readForeignTextSync } from '../files/foreign-text-file.js';

export interface RunFolder {
  readonly path: string;
  readonly runJson: string;
  readonly journal: string;
  /** There while a process works on the run. */
  readonly lock: string;
  /** What the tasks were; may be absent. */
  readonly tasks: string;
  readonly summary: string;
  readonly report: string;
  readonly page: string;
  readonly junit: string;
  /** A row a task and configuration, for other programs; only where they were asked for. */
  readonly csv: string;
  readonly parquet: string;
  /** What a run with `--latency-only` measured, instead of journal and summary. */
  readonly latency: string;
  /** Of SVG files, which `report` shows. */
  readonly charts: string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    runJson: join(path, 'run.json'),
    journal: join(path, 'journal.jsonl'),
    lock: join(path, 'run.lock'),
    tasks: join(path, 'tasks.jsonl'),
    summary: join(path, 'summary.json'),
    report: join(path, 'report.md'),
    page: join(path, 'report.html'),
    junit: join(path, 'junit.xml'),
    csv: join(path, 'records.csv'),
    parquet: join(path, 'records.parquet'),
    latency: join(path, 'latency.json'),
    charts: join(path, 'charts'),
  };
}

/** `results/2026-01-31T12-00-00-npm-ts-lines`, relative to the working folder. */
export function defaultFolder(startedAt: Date, subject: string): string {
  const stamp = startedAt.toISOString().slice(0, 19).replaceAll(':', '-');
  const name = subject.replace(/^.*[\\/]/, '').replace(/[^\w.-]+/g, '-') || 'run';
  return join('results', `${stamp}-${name}`);
}

/** Commands that make a run folder have this flag. */
const ADVICE = ['choose another folder with --out'];

/**
 * Makes sure that a run folder could be made and written, without making it.
 *
 * @throws {DataError} If it could not.
 */
export function assertWritable(path: string): Promise<void> {
  return requireWritableFolder(path, ADVICE);
}

/**
 * Makes sure that a new run writes over nothing that it did not make. The caller knows that the folder holds no run.
 *
 * @throws {DataError} Naming the files that stand where those of a run would.
 */
export function requireNothingForeign(folder: RunFolder): void {
  const { path, lock, runJson, ...files } = folder;
  const foreign = [...Object.values<string>(files), ...(isOfRun(runJson) ? [] : [runJson])].filter(
    (file) => file !== lock && existsSync(file),
  );
  if (foreign.length === 0) return;
  const names = foreign.map((file) => basename(file)).sort();
  throw new DataError(`${path}: holds ${names.join(', ')}, and no run: a run here would write over that`, [
    'choose another folder with --out, or move those files away',
  ]);
}

/** Whether `run.json` was written by this program, which may have been ended before it wrote more. */
function isOfRun(path: string): boolean {
  try {
    const content: unknown = parseJson(readForeignTextSync(path));
    if (typeof content !== 'object' || content === null || !('schema' in content)) return false;
    return typeof content.schema === 'string' && content.schema.startsWith('llava-eval/');
  } catch {
    return false;
  }
}

/** Makes the folder of a run and its parents. @throws {DataError} If that fails. */
export function makeFolder(path: string): Promise<void> {
  return makeFolders(path, ADVICE);
}
