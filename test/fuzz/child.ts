/**
 * @file The process that reads inputs, one after the other, and says how each ended. `pool.ts` starts it.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../src/domain/errors.js';
import { inputOf } from './input.js';
import { FAULTY, MOST_MESSAGE_CHARACTERS, type Order, type Outcome, type Report } from './outcome.js';
import type { FuzzTarget } from './target.js';
import { FAULTY_TARGETS } from './targets/faulty.js';

const root = mkdtempSync(join(tmpdir(), 'llava-eval-fuzz-'));
process.on('exit', () => {
  rmSync(root, { recursive: true, force: true });
});

/** The folder of each target: its companions, the input, and `out` for the reader. */
const folders = new Map<string, string>();

function folderOf(target: FuzzTarget): string {
  const known = folders.get(target.name);
  if (known !== undefined) return known;
  const folder = join(root, target.name, 'in');
  mkdirSync(join(folder, 'out'), { recursive: true });
  target.prepare?.(folder);
  folders.set(target.name, folder);
  return folder;
}

/** Errors that came out of events and promises that nobody awaited. */
let stray: unknown = null;
process.on('uncaughtException', (error) => {
  stray ??= error;
});
process.on('unhandledRejection', (error) => {
  stray ??= error ?? new Error('a promise was rejected with nothing');
});

const PROTOTYPE_KEYS = Reflect.ownKeys(Object.prototype).length;

function defect(error: unknown): Outcome {
  const text =
    error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ''}` : String(error);
  return { kind: 'defect', what: text.slice(0, 4000) };
}

function judged(error: unknown): Outcome {
  if (!(error instanceof UserError)) return defect(error);
  const { length } = error.render();
  return length > MOST_MESSAGE_CHARACTERS
    ? { kind: 'defect', what: `a message of ${length} characters: ${error.message.slice(0, 300)}` }
    : { kind: 'refused' };
}

/** Descriptors that are open now. They tell what a reader forgot to close; 0 where the system does not say. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

async function read(target: FuzzTarget, bytes: Buffer, isSecond = false): Promise<Outcome> {
  const folder = folderOf(target);
  const file = join(folder, target.file);
  writeFileSync(file, bytes);
  const filesBefore = openFiles();
  stray = null;
  let outcome: Outcome = { kind: 'read' };
  try {
    await target.read(file, folder);
  } catch (error) {
    outcome = judged(error);
  }
  // What an event has to say comes after the work that it belongs to.
  await new Promise((resolve) => setImmediate(resolve));
  if (stray !== null) return defect(stray);
  if (Reflect.ownKeys(Object.prototype).length !== PROTOTYPE_KEYS) {
    for (const key of Reflect.ownKeys(Object.prototype).slice(PROTOTYPE_KEYS)) {
      Reflect.deleteProperty(Object.prototype, key);
    }
    return { kind: 'defect', what: 'Object.prototype was changed' };
  }
  if (!(await hasLeft(filesBefore))) return outcome;
  // The first reading of a kind may load a part of the program, which opens pipes of its own.
  return isSecond ? { kind: 'defect', what: 'a file was left open' } : read(target, bytes, true);
}

/** Whether files are still open a while after the work; streams close theirs a little later. */
async function hasLeft(before: number): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    if (openFiles() <= before) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

/** Those that this process reads with. The readers are most of the program, and the faulty ones need none of it. */
const targets = process.argv[2] === FAULTY ? FAULTY_TARGETS : (await import('./targets/all.js')).TARGETS;

async function handle(order: Order): Promise<Report> {
  const target = targets.find(({ name }) => name === order.target);
  if (target === undefined) throw new RangeError(`there is no target ${order.target}`);
  const bytes =
    'base64' in order ? Buffer.from(order.base64, 'base64') : await inputOf(target, order.seed, order.index);
  const before = process.cpuUsage();
  const outcome = await read(target, bytes);
  const { user, system } = process.cpuUsage(before);
  return { outcome, seconds: (user + system) / 1e6, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

process.on('message', (order: Order) => {
  handle(order).then(
    (report) => process.send!(report),
    (error: unknown) => process.send!({ outcome: defect(error), seconds: 0, peakBytes: 0 } satisfies Report),
  );
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
