/**
 * @file One process at a time writes a file, on one machine or on several that share a folder.
 *
 * The lock is a file made with "fail if it exists". Its holder touches it while it works; one that has not
 * been touched for a while belongs to a process that died, and is taken over.
 */

import { open, rm, stat, utimes } from 'node:fs/promises';
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
  while (!(await take(lock))) {
    signal?.throwIfAborted();
    if (await isAbandoned(lock)) {
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

async function isAbandoned(lock: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(lock)).mtimeMs > ABANDONED_MS;
  } catch {
    // Its holder has just finished.
    return false;
  }
}
