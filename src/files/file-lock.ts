/**
 * @file One process at a time writes a file, on one machine or on several that share a folder.
 *
 * The lock is a file made with "fail if it exists". Its holder touches it while it works. One that has not been touched
 * for a while belongs to a process that died, and is taken over. A lock that was touched long ago by the clock of this
 * machine counts at once. Any other is watched, because a clock may go backwards, and clocks of machines differ.
 */

import { open, rm, stat, utimes } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often the holder touches its lock. */
const TOUCH_MS = 5_000;
/** A lock untouched for this long is abandoned: many missed touches, so a busy disk is no death. */
const ABANDONED_MS = 60_000;
const LOOK_AGAIN_MS = 500;

/**
 * Runs the work while holding `<file>.lock`, waiting for another holder to finish first.
 *
 * @param onWait Told once if the lock is taken.
 * @param signal Ends the waiting, with its reason as the error.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { onWait, signal }: { readonly onWait?: () => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const lock = `${file}.lock`;
  let hasWaited = false;
  let seen = { touchedMs: NaN, since: 0 };
  while (!(await take(lock))) {
    signal?.throwIfAborted();
    const touchedMs = await touchedAt(lock);
    // Its holder has just finished.
    if (touchedMs === null) continue;
    if (seen.touchedMs !== touchedMs) seen = { touchedMs, since: performance.now() };
    if (Date.now() - touchedMs > ABANDONED_MS || performance.now() - seen.since > ABANDONED_MS) {
      await rm(lock, { force: true });
      continue;
    }
    if (!hasWaited) onWait?.();
    hasWaited = true;
    await sleep(LOOK_AGAIN_MS, undefined, signal === undefined ? {} : { signal });
  }
  const touching = setInterval(() => {
    const now = new Date();
    // If the lock cannot be touched the work itself will fail and say why.
    utimes(lock, now, now).catch(() => undefined);
  }, TOUCH_MS);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await rm(lock, { force: true });
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** When a lock was last touched, by the clock of whoever touched it; null if there is none. */
async function touchedAt(lock: string): Promise<number | null> {
  try {
    return (await stat(lock)).mtimeMs;
  } catch {
    return null;
  }
}
