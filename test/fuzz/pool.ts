/**
 * @file Child processes that read inputs under limits of time and memory. A child is used again until it dies or
 * has grown.
 */

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAULTY, MOST_MEMORY_BYTES, MOST_SECONDS, type Finding, type Order, type Report } from './outcome.js';

/** `scripts/test.mjs` compiles the child beforehand, and then it needs no loader. */
const COMPILED = process.env['LLAVA_EVAL_COMPILED_TESTS'];
const CHILD =
  COMPILED === undefined
    ? { file: fileURLToPath(new URL('child.ts', import.meta.url)), loader: ['--import', 'tsx'] }
    : { file: join(COMPILED, 'test/fuzz/child.js'), loader: [] };

/** A child that has grown to this is replaced, so that the next input is not blamed for it. */
const GROWN_BYTES = 0.6 * MOST_MEMORY_BYTES;
/** Wall-clock time is no measure on a busy machine: it only ends a child, and processor time judges. */
const PATIENCE = 6;
/** Loading the readers takes a second or two, and much longer on a busy machine. */
const START_SECONDS = 600;

/** How often a process that did not get its processor time is waited for anew. */
const MOST_PATIENCES = 20;
/** Linux counts processor time in hundredths of a second. */
const TICKS = 100;

/** Processor time that a process has had; Infinity where the system does not say, or there is no such process. */
function processorSeconds(id: number | undefined): number {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'latin1');
    // The name of the program stands in brackets and may hold anything; user and system time are the 12th and 13th after.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return Infinity;
  }
}

class Reader {
  readonly process: ChildProcess;
  readonly isFaulty: boolean;
  #errors = '';

  /** @param isFaulty Whether it reads with the targets that are faulty on purpose, or with the real ones. */
  constructor(isFaulty: boolean) {
    this.isFaulty = isFaulty;
    this.process = fork(CHILD.file, isFaulty ? [FAULTY] : [], {
      execArgv: [...CHILD.loader, `--max-old-space-size=${MOST_MEMORY_BYTES / 2 ** 20}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.process.stderr!.on('data', (piece: Buffer) => {
      this.#errors = (this.#errors + piece.toString('utf8')).slice(-4000);
    });
  }

  /** What the process last wrote about itself. */
  get errors(): string {
    return this.#errors.trim();
  }

  async start(): Promise<void> {
    await Promise.race([
      once(this.process, 'message', { signal: AbortSignal.timeout(START_SECONDS * 1000) }),
      once(this.process, 'exit').then(() => {
        throw new Error(`the child process does not start: ${this.errors}`);
      }),
    ]);
  }

  /**
   * The report on an input, or how the process ended instead.
   *
   * @param mostSeconds Processor time; a process that had less when the patience ends gets more of it.
   */
  ask(order: Order, patienceSeconds: number, mostSeconds: number): Promise<Report | 'timeout' | 'crash'> {
    const before = processorSeconds(this.process.pid);
    let patiences = 0;
    return new Promise((resolve) => {
      const end = (result: Report | 'timeout' | 'crash'): void => {
        clearInterval(timer);
        this.process.removeAllListeners('message').removeAllListeners('exit');
        resolve(result);
      };
      const timer = setInterval(() => {
        const used = processorSeconds(this.process.pid) - before;
        if (used < mostSeconds && ++patiences < MOST_PATIENCES) return;
        end('timeout');
        this.process.kill('SIGKILL');
      }, patienceSeconds * 1000);
      this.process.once('message', (report) => {
        end(report as Report);
      });
      this.process.once('exit', () => {
        end('crash');
      });
      this.process.send(order, (error) => {
        if (error !== null) end('crash');
      });
    });
  }

  stop(): void {
    this.process.removeAllListeners('exit');
    if (this.process.connected) this.process.disconnect();
    else this.process.kill('SIGKILL');
  }
}

/** How one input ended, and whether it was read or refused in order. */
export type Verdict =
  | { readonly kind: 'read' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'finding'; readonly finding: Finding };

/** One child process at a time, started when it is needed. Several lanes make a pool. */
export class Lane {
  readonly #patienceSeconds: number;
  readonly #mostSeconds: number;
  #reader: Reader | null = null;

  /**
   * @param patienceSeconds Wall-clock time after which a reading is ended.
   * @param mostSeconds     Processor time that it must have had by then, where the system says.
   */
  constructor(patienceSeconds = MOST_SECONDS * PATIENCE, mostSeconds = MOST_SECONDS) {
    this.#patienceSeconds = patienceSeconds;
    this.#mostSeconds = mostSeconds;
  }

  /** Reads an input, twice in a new process where the first reading says that it took too much. */
  async judge(order: Order): Promise<Verdict> {
    const first = await this.judgeOnce(order);
    if (first.kind !== 'finding' || first.finding.kind === 'defect') return first;
    this.stop();
    return this.judgeOnce(order);
  }

  stop(): void {
    this.#reader?.stop();
    this.#reader = null;
  }

  async judgeOnce(order: Order): Promise<Verdict> {
    const isFaulty = order.target.startsWith(FAULTY);
    if (this.#reader?.isFaulty !== isFaulty) this.stop();
    const reader = this.#reader ?? new Reader(isFaulty);
    if (this.#reader === null) {
      await reader.start();
      this.#reader = reader;
    }
    const report = await reader.ask(order, this.#patienceSeconds, this.#mostSeconds);
    const found = (kind: Finding['kind'], what: string): Verdict => ({
      kind: 'finding',
      finding: { target: order.target, kind, what },
    });
    if (report === 'timeout') {
      this.#reader = null;
      return found('timeout', `no end after ${this.#patienceSeconds} seconds`);
    }
    if (report === 'crash') {
      this.#reader = null;
      return found('crash', reader.errors);
    }
    const { outcome, seconds, peakBytes } = report;
    if (peakBytes > GROWN_BYTES) this.stop();
    if (outcome.kind === 'defect') return found('defect', outcome.what);
    if (seconds > MOST_SECONDS) return found('timeout', `${seconds.toFixed(1)} seconds`);
    if (peakBytes > MOST_MEMORY_BYTES) return found('memory', `${Math.round(peakBytes / 2 ** 20)} MiB`);
    return outcome;
  }
}
