/**
 * @file Kills a run of the embedded model at random moments, goes on with it, and looks whether anything was lost.
 *
 *     npm run check:killed                                 50 kills, in a new temporary folder
 *     npm run check:killed -- --kills 20 --seed 7
 *
 * A run starts, gets SIGKILL after a random part of the time that a whole run takes, and is started again with the same
 * command and `--resume`, until it comes to its end. Then its records, tasks and summary are compared with those of a run
 * that nobody killed, apart from times. Then the next run starts, until as many kills have hit a process at work.
 * A journal that holds a record twice cannot be read, so it would fail here. Ends with 0 only if every run is the same.
 * Not part of the test suite. It takes some minutes on two cores.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRng } from '../src/tensor/rng.js';
import { areSame, finish, recordsIn, run, setting } from './fault-runs.js';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    limit: { type: 'string', default: '10' },
  },
});
const kills = Number(values.kills);
const rng = createRng(Number(values.seed));
const work = mkdtempSync(join(tmpdir(), 'llava-eval-killed-'));
const command = setting(Number(values.limit));

const whole = join(work, 'whole');
// The first run reads files that later ones find in the memory of the system, so the second one is timed.
await finish([...command, '--out', join(work, 'warm')]);
const started = performance.now();
await finish([...command, '--out', whole]);
const wholeMs = performance.now() - started;
process.stdout.write(
  `a whole run: ${recordsIn(whole)} records in ${(wholeMs / 1000).toFixed(1)} s; ${kills} kills, seed ${values.seed}\n`,
);

let hits = 0;
let runs = 0;
let differing = 0;
/** How many records the journal had at each kill. */
const moments: number[] = [];
while (hits < kills) {
  const out = join(work, `run-${++runs}`);
  for (;;) {
    const delayMs = hits < kills ? rng.next() * wholeMs : Infinity;
    const { code, signal, stderr } = await run([...command, '--out', out, '--resume'], (child) => {
      if (delayMs === Infinity) return;
      void sleep(delayMs).then(() => child.kill('SIGKILL'));
    });
    if (signal === 'SIGKILL') {
      hits++;
      moments.push(recordsIn(out));
      continue;
    }
    if (code !== 0) throw new Error(`${out}: could not go on after a kill, exit code ${code}:\n${stderr}`);
    break;
  }
  if (!areSame(whole, out)) differing++;
  else rmSync(out, { recursive: true });
}
const counted = (wanted: (records: number) => boolean): number =>
  moments.filter((records) => wanted(records)).length;
const all = recordsIn(whole);
process.stdout.write(
  `${hits} kills over ${runs} runs: ${counted((n) => n === 0)} before the first record, ` +
    `${counted((n) => n > 0 && n < all)} between records, ${counted((n) => n === all)} after the last one; ` +
    `${runs - differing} of ${runs} runs are the same as the whole one\n`,
);
if (differing === 0) rmSync(work, { recursive: true });
process.exitCode = differing === 0 ? 0 : 1;
