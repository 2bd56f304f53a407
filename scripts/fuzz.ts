/**
 * @file Fuzzes every reader of foreign input: `npm run fuzz -- --runs 10000`.
 *
 *   --runs N       inputs over all targets together (default 2000)
 *   --seed S       same seed, same inputs (default 1)
 *   --target NAME  one target, or several with commas (default: all)
 *   --minutes M    stop after so many minutes, and say how to go on
 *   --from N       begin with this input instead of the first, to go on with a run that was stopped
 *   --lanes N      child processes at a time (default 2)
 *   --replay FILE  read one kept input again
 *   --list         the names of the targets
 *
 * Each input ends in a result or in an error that the program has a message for, within 5 seconds and 1 GiB. What
 * ends otherwise is made smaller, kept in `fuzz-crashes/`, and named with the command that reads it again. The exit
 * code is 1 if there is a finding.
 */

import { parseArgs } from 'node:util';
import { fuzz, orderOf, type FuzzResult, type KeptFinding } from '../test/fuzz/fuzz.js';
import { readKeptInput } from '../test/fuzz/kept-input.js';
import { Lane } from '../test/fuzz/pool.js';
import { TARGETS } from '../test/fuzz/targets/all.js';

const FOLDER = 'fuzz-crashes';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    minutes: { type: 'string', default: '1440' },
    from: { type: 'string', default: '0' },
    lanes: { type: 'string', default: '2' },
    replay: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    print(`--${name} takes a whole number of at least ${least}, got "${text}"`);
    process.exit(2);
  }
  return value;
}

function show({ target, kind, what, index }: KeptFinding): void {
  print(`\n${target}, input ${index}: ${kind}: ${what.split('\n').slice(0, 12).join('\n  ')}`);
}

async function replay(path: string): Promise<void> {
  const { target, bytes } = readKeptInput(path);
  const lane = new Lane();
  const verdict = await lane.judge(orderOf(target, bytes));
  lane.stop();
  if (verdict.kind === 'finding') {
    print(`${verdict.finding.kind}: ${verdict.finding.what}`);
    process.exitCode = 1;
  } else {
    print(verdict.kind);
  }
}

async function run(): Promise<void> {
  const names = values.target?.split(',');
  const unknown = names?.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown !== undefined) {
    print(`there is no target "${unknown}"; --list shows them`);
    process.exit(2);
  }
  const runs = wholeNumber('runs', values.runs, 1);
  const from = wholeNumber('from', values.from, 0);
  const seed = wholeNumber('seed', values.seed, 0);
  const started = Date.now();
  const secondsSince = (): number => Math.round((Date.now() - started) / 1000);
  const { next, counts, findings } = await fuzz({
    targets: TARGETS.filter(({ name }) => names?.includes(name) ?? true),
    runs,
    from,
    seed,
    lanes: wholeNumber('lanes', values.lanes, 1),
    minutes: wholeNumber('minutes', values.minutes, 1),
    folder: FOLDER,
    onProgress(done) {
      if (done % 500 === 0) print(`${done} of ${runs - from} inputs, ${secondsSince()} s`);
    },
    onFinding: show,
  });
  printCounts(counts);
  print(
    `inputs ${from} to ${next - 1} with seed ${seed}: ${findings.length} ` +
      `finding${findings.length === 1 ? '' : 's'}, ${secondsSince()} s`,
  );
  if (next < runs) print(`stopped after ${values.minutes} minutes; add --from ${next} to go on`);
  for (const { path } of findings) print(`  npm run fuzz -- --replay ${path ?? ''}`);
  if (findings.length > 0) process.exitCode = 1;
}

/** One line a target: how many of its inputs were read, refused, and ended as none may. */
function printCounts(counts: FuzzResult['counts']): void {
  print('| target | inputs | read | refused | findings |\n|---|---|---|---|---|');
  const all = { read: 0, refused: 0, found: 0 };
  const row = (name: string, { read, refused, found }: typeof all): void => {
    print(`| ${name} | ${read + refused + found} | ${read} | ${refused} | ${found} |`);
  };
  for (const [name, count] of counts) {
    row(name, count);
    all.read += count.read;
    all.refused += count.refused;
    all.found += count.found;
  }
  row('all', all);
}

if (values.list) for (const { name } of TARGETS) print(name);
else if (values.replay !== undefined) await replay(values.replay);
else await run();
