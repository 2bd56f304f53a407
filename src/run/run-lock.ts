/**
 * @file One process at a time works in a run folder, on one machine or on several that share the folder.
 *
 * The lock is the file `run.lock` in the folder. Its holder touches it while it works. A lock that stays untouched
 * belongs to a process that died, for example one that a scheduler killed; the next process takes it over. Whether a
 * lock is touched is watched and not read from its time, because clocks of machines differ.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DataError, JournalError, messageOf } from '../domain/errors.js';

/** Seldom, since timed work goes on meanwhile: one call of the file system each. */
const TOUCH_MS = 10_000;
/** Several touches: a holder whose disk is slow must not lose its lock. */
const WATCH_MS = 45_000;
const LOOK_MS = 500;

const holderSchema = z.object({
  /** Tells one holding from every other. */
  token: z.string(),
  host: z.string(),
  process: z.int(),
  /** Where the process number means something: the start of the machine, and the container. */
  place: z.string(),
  /** When the process started, as the system counts it, since numbers are used again; null where that is unknown. */
  started: z.string().nullable(),
  since: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/** What the lock file says, and when it was touched. */
interface Seen {
  readonly text: string;
  readonly touchedMs: number;
  /** Null if the file is torn. */
  readonly holder: Holder | null;
}

export interface RunLockOptions {
  /** Told once if a lock has to be watched. */
  readonly onWait?: (line: string) => void;
  /** Ends the watching; the lock then counts as held. */
  readonly signal?: AbortSignal;
  readonly watchMs?: number;
  readonly touchMs?: number;
}

/** The lock of one run folder. */
export class RunLock {
  readonly #path: string;
  readonly #file: string;
  readonly #options: RunLockOptions;
  #touching: NodeJS.Timeout | null = null;

  constructor(path: string, file: string, options: RunLockOptions = {}) {
    this.#path = path;
    this.#file = file;
    this.#options = options;
  }

  /**
   * Takes the lock; does nothing if this object holds it.
   *
   * @throws {JournalError} If another process works in the folder.
   * @throws {DataError}    If the folder cannot be written.
   */
  async take(): Promise<void> {
    if (this.#touching !== null) return;
    while (!(await create(this.#file))) {
      const seen = await look(this.#file);
      if (seen === null) continue;
      if (!(await this.#isAbandoned(seen))) throw this.#held(seen);
      if (!(await removeIfSame(this.#file, seen))) throw this.#held(seen);
    }
    this.#touching = setInterval(() => {
      const now = new Date();
      // If the lock cannot be touched the work itself will fail and say why.
      utimes(this.#file, now, now).catch(() => undefined);
    }, this.#options.touchMs ?? TOUCH_MS);
    this.#touching.unref();
  }

  /** Gives the lock back; does nothing if it is not held. */
  async release(): Promise<void> {
    if (this.#touching === null) return;
    clearInterval(this.#touching);
    this.#touching = null;
    await rm(this.#file, { force: true });
  }

  /** Whether its holder is gone: known at once on the same machine, else after watching. */
  async #isAbandoned(seen: Seen): Promise<boolean> {
    const { signal, onWait, watchMs = WATCH_MS } = this.#options;
    const life = seen.holder === null ? 'unknown' : lifeOf(seen.holder);
    if (life !== 'unknown') return life === 'dead';
    onWait?.(
      `${this.#path}: ${nameOf(seen)} has not given its lock back; watching for ${Math.ceil(watchMs / 1000)} s whether it still works`,
    );
    for (let watchedMs = 0; watchedMs < watchMs; watchedMs += LOOK_MS) {
      await sleep(Math.min(LOOK_MS, watchMs));
      if (signal?.aborted === true) return false;
      const now = await look(this.#file);
      // Given back meanwhile: there is nothing to take over, and `take` tries again.
      if (now === null) return true;
      if (now.text !== seen.text || now.touchedMs !== seen.touchedMs) return false;
    }
    return true;
  }

  #held(seen: Seen): JournalError {
    return new JournalError(`${this.#path}: ${nameOf(seen)} is working on this run`, [
      'two processes must not write one journal; wait for that one or stop it, then start this command again',
    ]);
  }
}

function nameOf({ holder }: Seen): string {
  return holder === null
    ? 'another process'
    : `process ${holder.process} on ${holder.host}, started ${holder.since},`;
}

/** @returns Whether the lock is ours. */
async function create(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    try {
      const holder: Holder = {
        token: randomUUID(),
        host: hostname(),
        process: process.pid,
        place: place(),
        started: startOf(process.pid),
        since: new Date().toISOString(),
      };
      await handle.writeFile(`${JSON.stringify(holder)}\n`, 'utf8');
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new DataError(
      `${file}: cannot be written: ${messageOf(error)}`,
      ['choose another folder with --out'],
      { cause: error },
    );
  }
}

/** Null if there is no lock. */
async function look(file: string): Promise<Seen | null> {
  try {
    const text = await readFile(file, 'utf8');
    const { mtimeMs } = await stat(file);
    return { text, touchedMs: mtimeMs, holder: holderOf(text) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function holderOf(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Removes an abandoned lock, but not the one of a process that has taken it over meanwhile: of several that rename
 * one file only one succeeds, and it looks at what it has renamed.
 */
async function removeIfSame(file: string, seen: Seen): Promise<boolean> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
    throw error;
  }
  const isSame = (await readFile(aside, 'utf8')) === seen.text;
  if (isSame) await rm(aside, { force: true });
  else await rename(aside, file);
  return isSame;
}

/** Process numbers repeat after a restart and in every container; Linux names both. */
function place(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${hostname()} ${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Whether the process that holds a lock still runs. */
function lifeOf(holder: Holder): 'alive' | 'dead' | 'unknown' {
  if (holder.place !== place()) return 'unknown';
  try {
    process.kill(holder.process, 0);
  } catch (error) {
    // The process of another user cannot be signalled, but it is there.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return 'dead';
  }
  if (holder.started === null) return 'unknown';
  return holder.started === startOf(holder.process) ? 'alive' : 'dead';
}

/** When a process started: on Linux in ticks since the machine did, elsewhere null. */
function startOf(processId: number): string | null {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
    // The second field is the name in brackets, which may hold spaces; the 22nd is the start.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
