/**
 * @file The folder of a run: where its files lie, and how it is made.
 */

import { join } from 'node:path';
import { makeFolders, requireWritableFolder } from '../files/folder.js';

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

/** Makes the folder of a run and its parents. @throws {DataError} If that fails. */
export function makeFolder(path: string): Promise<void> {
  return makeFolders(path, ADVICE);
}
