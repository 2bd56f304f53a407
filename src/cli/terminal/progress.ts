/**
 * @file Progress on stderr: a bar with an estimate on a terminal, a line every half minute elsewhere, such as in the log
 * of a CI system; the one home of cli-progress.
 */

import { SingleBar } from 'cli-progress';
import type { Clock } from '../../domain/clock.js';
import { formatBytes } from '../../domain/units.js';
import type { DownloadProgress } from '../../download/download.js';

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

/** Bars on a terminal, lines at intervals on anything else; notes on both. */
export function terminalProgress(stream: NodeJS.WriteStream, clock: Clock): Progress {
  return stream.isTTY ? barProgress(stream) : lineProgress(stream, clock);
}

/** Between two lines of one work. Short work has none. */
const LINE_EVERY_MS = 30_000;

/** Lines at intervals. @param stream Anything that takes text. */
export function lineProgress(stream: { write(text: string): unknown }, clock: Clock): Progress {
  /** The work at hand, and how far it was when its last line was written. */
  let work: {
    readonly title: string;
    readonly total: number;
    readonly unit: ProgressUnit;
    done: number;
    shown: number;
    shownAt: number;
  } | null = null;
  const stop = (): void => {
    work = null;
  };
  return {
    start(title, total, unit = 'steps') {
      work = total === 0 ? null : { title, total, unit, done: 0, shown: 0, shownAt: clock() };
    },
    advance(steps) {
      if (work === null) return;
      work.done += steps;
      const elapsed = clock() - work.shownAt;
      if (elapsed < LINE_EVERY_MS || work.done >= work.total) return;
      const { title, total, unit, done, shown } = work;
      const said = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value));
      // What was done since the last line tells the pace: a run that is continued begins with what it had.
      const left = done > shown ? duration(((total - done) * elapsed) / (done - shown) / 1000) : '…';
      const percent = Math.floor((100 * done) / total);
      stream.write(`${title}: ${said(done)} of ${said(total)}, ${percent} %, about ${left} left\n`);
      work.shown = done;
      work.shownAt = clock();
    },
    stop,
    note(line) {
      stream.write(`${line}\n`);
    },
  };
}

function barProgress(stream: NodeJS.WriteStream): Progress {
  let bar: SingleBar | null = null;
  const stop = (): void => {
    bar?.stop();
    bar = null;
  };
  return {
    start(title, total, unit = 'steps') {
      stop();
      if (total === 0) return;
      const label = title.length > 24 ? `…${title.slice(-23)}` : title.padEnd(10);
      bar = new SingleBar({
        stream,
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

/** One bar a file for a download that tells how much of which file has arrived. */
export function downloadBar(progress: Progress): (file: string, arrived: DownloadProgress) => void {
  let showing: { readonly file: string; shown: number } | null = null;
  return (file, { receivedBytes, totalBytes }) => {
    if (showing?.file !== file) {
      progress.start('fetching', totalBytes ?? 0);
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
