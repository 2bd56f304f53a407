/**
 * @file Readers with the faults that fuzzing looks for. They show that it finds them; no run includes them.
 */

import { openSync, readFileSync } from 'node:fs';
import { DataError } from '../../../src/domain/errors.js';
import { bendBytes } from '../mutate/bytes.js';
import type { FuzzTarget } from '../target.js';

const FAULTS: Readonly<Record<string, (file: string) => unknown>> = {
  'faulty-none': () => undefined,
  'faulty-refuses': () => {
    throw new DataError('no');
  },
  'faulty-throws': () => {
    throw new TypeError('x is not a function');
  },
  'faulty-throws-later': () => {
    process.nextTick(() => {
      throw new TypeError('too late');
    });
  },
  'faulty-rejects': () => {
    void Promise.reject(new TypeError('nobody waits'));
  },
  'faulty-hangs': () => {
    for (;;);
  },
  'faulty-exits': () => {
    process.kill(process.pid, 'SIGKILL');
  },
  // More than the loader of this process may close in the meantime.
  'faulty-leaks': (file) => Array.from({ length: 20 }, () => openSync(file, 'r')),
  'faulty-pollutes': () => {
    Object.assign(Object.prototype, { polluted: true });
  },
  'faulty-long-message': () => {
    throw new DataError(
      'x',
      Array.from({ length: 50 }, () => 'y'.repeat(1000)),
    );
  },
  'faulty-grows': () => Buffer.alloc(1.2 * 2 ** 30, 1),
  'faulty-at-x': (file) => {
    if (readFileSync(file, 'utf8').includes('x')) throw new TypeError('there is an x');
  },
};

export const FAULTY_TARGETS: readonly FuzzTarget[] = Object.entries(FAULTS).map(([name, read]) => ({
  name,
  file: 'input.txt',
  seeds: () => [Buffer.from('a text with an x in it, of some length')],
  mutate: bendBytes,
  read,
}));
