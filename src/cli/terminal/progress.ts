/**
 * @file Progress on stderr: a bar with an estimate on a terminal, and now and then a line otherwise, so that the log of a
 * CI job shows that it goes on; the one home of cli-progress.
 */

import { SingleBar } from 'cli-progress';
import type { Clock } from '../../domain/clock.js';
import { printable } from '../../domain/foreign-text.js';
import { formatBytes } from '../../domain/units.js';
import type { DownloadProgress } from '../../download/download.js';
import { rawStream } from './foreign-text.js';

/** What a bar counts. */
export type ProgressUnit = 'steps' | 'bytes';

export interface Progress {
  /** Shows a new bar of `total` steps under a title; a total of 0 shows nothing. */
  start(title: string, total: number, unit?: ProgressUnit): void;
  advance(steps: number): void;
  /** Removes the bar. Idempotent. */
  stop(): void;
  /** A line for people, above the bar. */
  note(line: string): void;
}

/** No bar and no notes. */
export const SILENT: Progress = {
  start() {
    // nothing is shown
  },
  advance() {
    // nothing is shown
  },
  stop() {
    // nothing is shown
  },
  note() {
    // nothing is shown
  },
};

/** Between two lines where there is no terminal. */
const LINE_EVERY_MS = 30_000;

/** What progress is written to: the error stream of a process, or any other. */
type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Bars on a terminal; on anything else the notes, and every half minute a line on how far the work is.
 *
 * @param clock In milliseconds, monotonic.
 */
export function progressOn(stream: ProgressStream, clock: Clock): Progress {
  return stream.isTTY === true ? barProgress(stream) : lineProgress(stream, clock);
}

function barProgress(stream: ProgressStream): Progress {
  let bar: SingleBar | null = null;
  const stop = (): void => {
    bar?.stop();
    bar = null;
  };
  return {
    start(title, total, unit = 'steps') {
      stop();
      if (total === 0) return;
      const shown = printable(title);
      const label = shown.length > 24 ? `…${shown.slice(-23)}` : shown.padEnd(10);
      bar = new SingleBar({
        stream: rawStream(stream),
        format: `${label} {bar} {percentage} %  {value}/{total}  {eta_formatted} left`,
        formatValue: (value, _, type) =>
          unit === 'bytes' && (type === 'value' || type === 'total') ? formatBytes(value) : String(value),
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: unit === 'bytes' ? 12 : 24,
        hideCursor: true,
        clearOnComplete: true,
        etaBuffer: 50,
        formatTime: duration,
      });
      bar.start(total, 0);
    },
    advance(steps) {
      bar?.increment(steps);
    },
    stop,
    note(line) {
      stop();
      stream.write(`${line}\n`);
    },
  };
}

function lineProgress(stream: ProgressStream, clock: Clock): Progress {
  interface Work {
    readonly title: string;
    readonly total: number;
    readonly unit: ProgressUnit;
    readonly startedAt: number;
    readonly saidAt: number;
    readonly done: number;
  }
  let work: Work | null = null;
  return {
    start(title, total, unit = 'steps') {
      const now = clock();
      work = total === 0 ? null : { title, total, unit, startedAt: now, saidAt: now, done: 0 };
    },
    advance(steps) {
      if (work === null) return;
      work = { ...work, done: work.done + steps };
      const now = clock();
      if (now - work.saidAt < LINE_EVERY_MS) return;
      work = { ...work, saidAt: now };
      const { title, total, unit, startedAt, done } = work;
      const text = unit === 'bytes' ? formatBytes : String;
      const left = done === 0 ? NaN : (((now - startedAt) / done) * (total - done)) / 1000;
      const percent = Math.floor((done / total) * 100);
      stream.write(`${title}: ${text(done)} of ${text(total)}, ${percent} %, about ${duration(left)} left\n`);
    },
    stop() {
      work = null;
    },
    note(line) {
      stream.write(`${line}\n`);
    },
  };
}

/** One bar a file for a download that tells how much of which file has arrived. */
export function downloadBar(progress: Progress): (file: string, arrived: DownloadProgress) => void {
  let showing: { readonly file: string; shown: number } | null = null;
  return (file, { receivedBytes, totalBytes }) => {
    if (showing?.file !== file) {
      progress.start('fetching', totalBytes ?? 0, 'bytes');
      showing = { file, shown: 0 };
    }
    progress.advance(receivedBytes - showing.shown);
    showing.shown = receivedBytes;
  };
}

/** Until there is something to estimate from, the package hands over text instead of a number. */
function duration(seconds: unknown): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return '…';
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${Math.round(seconds)} s` : `${minutes} min ${Math.round(seconds % 60)} s`;
}
