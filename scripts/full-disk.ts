/**
 * @file Fills the disk in the middle of a run of the embedded model, makes room and goes on.
 *
 *     sudo npm run check:full-disk          on Linux; it mounts a file system of 1 MB in a temporary folder
 *
 * Looks whether the run ends with exit code 3 and a message that names the file, whether its journal can be read, whether
 * `--resume` completes it, and whether its records, tasks and summary are those of a run that had room, apart from times.
 * Ends with 0 only then. Not part of the test suite. It takes about a minute on two cores.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJournal } from '../src/run/journal.js';
import { scanTaskEvidence } from '../src/run/task-evidence.js';
import { areSame, finish, recordsIn, run, setting } from './fault-runs.js';

const LIMIT = 20;
const work = mkdtempSync(join(tmpdir(), 'llava-eval-full-disk-'));
const disk = join(work, 'disk');
const [out, whole, filler] = [join(disk, 'run'), join(work, 'whole'), join(disk, 'filler')];

/** Takes every byte that is left. */
function fill(): void {
  for (const size of [65_536, 1024, 1]) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // The disk has no room for so many bytes.
    }
  }
}

mkdirSync(disk);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
try {
  await finish([...setting(LIMIT), '--out', whole]);
  const all = recordsIn(whole);

  const full = run([...setting(LIMIT), '--out', out]);
  while (recordsIn(out) < all / 4) await sleep(20);
  fill();
  const { code, stderr } = await full;
  process.stdout.write(`the disk was full: exit code ${code}\n${stderr.replace(/^/gm, '  ')}`);
  assert.equal(code, 3);
  assert.match(stderr, /(?:journal|tasks)\.jsonl: cannot be written: ENOSPC/);

  const { records } = await readJournal(join(out, 'journal.jsonl'));
  const tasks = await scanTaskEvidence(join(out, 'tasks.jsonl'));
  process.stdout.write(`the journal is whole: ${records.size} of ${all} records, ${tasks!.ids.size} tasks\n`);
  assert.ok(records.size > 0 && records.size < all);

  // As full as it was: nothing is lost by trying.
  const again = await run([...setting(LIMIT), '--out', out, '--resume']);
  assert.equal(again.code, 3, again.stderr);

  rmSync(filler);
  execFileSync('mount', ['-o', 'remount,size=64m', disk]);
  await finish([...setting(LIMIT), '--out', out, '--resume']);
  assert.ok(areSame(whole, out));
  process.stdout.write('with room again, --resume completed the run: the same as one that always had room\n');
} finally {
  execFileSync('umount', [disk]);
  rmSync(work, { recursive: true });
}
