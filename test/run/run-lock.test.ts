import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { JournalError } from '../../src/domain/errors.js';
import { RunLock, type RunLockOptions } from '../../src/run/run-lock.js';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder, its lock file, and locks on it that watch for 20 ms. */
function lockable(): { folder: string; file: string; lock: (options?: RunLockOptions) => RunLock } {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-lock-'));
  folders.push(folder);
  const file = join(folder, 'run.lock');
  return { folder, file, lock: (options) => new RunLock(folder, file, { watchMs: 20, ...options }) };
}

const isHeld = (error: unknown): boolean =>
  error instanceof JournalError && /process \d+ on .* is working on this run/.test(error.message);

/** A number that no process has: that of one that has ended. */
const deadProcess = (): number => spawnSync(process.execPath, ['-e', '']).pid;

/** Rewrites who holds the lock. */
function forge(file: string, change: object): void {
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...change }));
}

describe('the lock of a run folder', () => {
  test('is there while it is held and gone afterwards; taking and releasing twice is harmless', async () => {
    const { folder, file, lock } = lockable();
    const one = lock();
    await one.take();
    await one.take();
    assert.ok(existsSync(file));
    await one.release();
    await one.release();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('refuses a second process at once while the first one runs', async () => {
    const { lock } = lockable();
    const one = lock();
    await one.take();
    await assert.rejects(lock({ onWait: () => assert.fail('there is nothing to watch') }).take(), isHeld);
    await one.release();
    const next = lock();
    await next.take();
    await next.release();
  });

  test('of a process of this machine that died is taken over at once', async () => {
    const { folder, file, lock } = lockable();
    await lock().take();
    forge(file, { process: deadProcess() });
    const next = lock({ watchMs: 60_000, onWait: () => assert.fail('there is nothing to watch') });
    await next.take();
    await next.release();
    // The number of the dead process is used again: this process has it, but started at another time.
    await lock().take();
    forge(file, { started: '1' });
    await next.take();
    await next.release();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('of a process elsewhere is watched, and taken over only if nobody touches it', async () => {
    const { file, lock } = lockable();
    await lock().take();
    forge(file, { host: 'node7', place: 'elsewhere', process: 12 });
    const lines: string[] = [];
    const touching = setInterval(() => {
      utimesSync(file, new Date(), new Date());
    }, 5);
    await assert.rejects(
      lock({ watchMs: 2000, onWait: (line) => lines.push(line) }).take(),
      /process 12 on node7.* is working on this run/,
    );
    clearInterval(touching);
    assert.match(lines.join(), /process 12 on node7.*watching for 2 s/);
    const next = lock();
    await next.take();
    await next.release();
  });

  test('whose file is torn is watched too, not taken for free', async () => {
    const { file, lock } = lockable();
    writeFileSync(file, '{"tok');
    let waits = 0;
    const next = lock({ onWait: () => waits++ });
    await next.take();
    assert.equal(waits, 1);
    await next.release();
  });

  test('counts as held if the watching is interrupted', async () => {
    const { file, lock } = lockable();
    writeFileSync(file, '{}');
    await assert.rejects(
      lock({ watchMs: 60_000, signal: AbortSignal.abort() }).take(),
      /another process is working/,
    );
  });
});
