/**
 * @file The folder of a run: where its files lie, and how it is made.
 */

import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, messageOf } from '../domain/errors.js';

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

/**
 * Makes sure that a folder could be made and written, without making it, so that a long run does not
 * find out at its end.
 *
 * @throws {DataError} If the nearest existing ancestor is no folder or is not writable.
 */
export async function assertWritable(path: string): Promise<void> {
  let at = resolve(path);
  for (;;) {
    try {
      if (!(await stat(at)).isDirectory()) {
        throw unwritable(path, `${at} is a file, not a folder`);
      }
      await access(at, constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      if (error instanceof DataError) throw error;
      const missing =
        error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
      if (!missing || at === dirname(at)) throw unwritable(path, messageOf(error), error);
      at = dirname(at);
    }
  }
}

/** Makes the folder and its parents. @throws {DataError} If that fails. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw unwritable(path, messageOf(error), error);
  }
}

function unwritable(path: string, reason: string, cause?: unknown): DataError {
  return new DataError(
    `${path}: results cannot be written there: ${reason}`,
    ['choose another folder with --out'],
    {
      cause,
    },
  );
}
