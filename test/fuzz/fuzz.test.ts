/**
 * @file Fuzzing itself: that it finds each fault it looks for, that a seed always gives the same inputs, that what was
 * found once stays mended, and a short run over every reader.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fuzz, orderOf } from './fuzz.js';
import { inputOf } from './input.js';
import { keepInput, keptInputs, readKeptInput } from './kept-input.js';
import { minimize } from './minimize.js';
import { putTogether, takeApart } from './mutate/gguf.js';
import { readStruct, writeStruct } from './mutate/thrift.js';
import { Lane } from './pool.js';
import { TARGETS } from './targets/all.js';
import { FAULTY_TARGETS } from './targets/faulty.js';

const GOLDEN = fileURLToPath(new URL('../golden', import.meta.url));
const REGRESSIONS = fileURLToPath(new URL('regressions', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'llava-eval-fuzz-test-'));
const lane = new Lane();
after(() => {
  lane.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('fuzzing finds a reader that', () => {
  const faults: Readonly<Record<string, RegExp>> = {
    'faulty-throws': /^defect: TypeError: x is not a function/,
    'faulty-throws-later': /^defect: TypeError: too late/,
    'faulty-rejects': /^defect: TypeError: nobody waits/,
    'faulty-leaks': /^defect: a file was left open/,
    'faulty-pollutes': /^defect: Object.prototype was changed/,
    'faulty-long-message': /^defect: a message of \d+ characters/,
    'faulty-grows': /^memory: \d+ MiB/,
    'faulty-exits': /^crash/,
  };
  for (const [target, expected] of Object.entries(faults)) {
    test(target, async () => {
      const verdict = await lane.judgeOnce({ target, seed: 1, index: 0 });
      assert.ok(verdict.kind === 'finding', verdict.kind);
      assert.match(`${verdict.finding.kind}: ${verdict.finding.what}`, expected);
    });
  }

  test('faulty-hangs', async () => {
    const impatient = new Lane(1, 0.5);
    const verdict = await impatient.judgeOnce({ target: 'faulty-hangs', seed: 1, index: 0 });
    impatient.stop();
    assert.ok(verdict.kind === 'finding', verdict.kind);
    assert.equal(verdict.finding.kind, 'timeout');
  });

  test('has no fault neither when it reads nor when it refuses', async () => {
    assert.equal((await lane.judge({ target: 'faulty-none', seed: 1, index: 0 })).kind, 'read');
    assert.equal((await lane.judge({ target: 'faulty-refuses', seed: 1, index: 0 })).kind, 'refused');
  });
});

describe('a finding', () => {
  test('is kept once, as the smallest input that shows it', async () => {
    const targets = FAULTY_TARGETS.filter(({ name }) => name === 'faulty-at-x');
    const result = await fuzz({ targets, runs: 4, seed: 1, lanes: 1, minutes: 5, folder });
    assert.equal(result.findings.length, 1);
    const kept = readKeptInput(result.findings[0]!.path!);
    assert.equal(kept.bytes.toString('utf8'), 'x');
    assert.equal((await lane.judge(orderOf(kept.target, kept.bytes))).kind, 'finding');
  });

  test('becomes smaller by halves first: "needle" in 4,096 bytes takes fewer than 60 tries', async () => {
    const input = Buffer.concat([Buffer.alloc(3000, '-'), Buffer.from('needle'), Buffer.alloc(1090, '-')]);
    let tries = 0;
    const smallest = await minimize(input, (smaller) => {
      tries++;
      return Promise.resolve(smaller.includes('needle'));
    });
    assert.equal(smallest.toString('utf8'), 'needle');
    assert.ok(tries < 60, `${tries} tries`);
  });

  test('is written as text where it is text, and as base64 otherwise', () => {
    for (const bytes of [Buffer.from('{"a": 1}\n'), Buffer.from([0, 255, 10]), Buffer.from('\u2028')]) {
      assert.deepEqual(
        readKeptInput(keepInput(folder, { target: 'records', what: 'x', bytes })).bytes,
        bytes,
      );
    }
  });
});

describe('an input', () => {
  test('is the same for the same seed, target and number, and another for another seed', async () => {
    for (const target of TARGETS) {
      const number = (await target.seeds()).length + 3;
      const first = await inputOf(target, 1, number);
      assert.ok(first.equals(await inputOf(target, 1, number)), target.name);
      const others = await Promise.all([2, 3, 4].map((seed) => inputOf(target, seed, number)));
      assert.ok(
        others.some((other) => !other.equals(first)),
        target.name,
      );
    }
  });
});

describe('a mutator takes apart and puts together without a change', () => {
  test('GGUF', () => {
    const golden = join(GOLDEN, 'gguf');
    const files = readdirSync(golden).filter((name) => name.endsWith('.gguf'));
    assert.ok(files.length > 5);
    for (const name of files) {
      const file = readFileSync(join(golden, name));
      assert.ok(putTogether(takeApart(file)).equals(file), name);
    }
  });

  test('descriptions of Parquet', () => {
    for (const name of ['lca-new.parquet', 'null-field.parquet', 'unknown.parquet']) {
      const file = readFileSync(join(GOLDEN, 'parquet', name));
      const end = file.length - 8; // the length and the magic
      const start = end - file.readUInt32LE(end);
      const read = readStruct(file, start);
      assert.equal(read.end, end, name);
      assert.ok(writeStruct(read.struct).equals(file.subarray(start, end)), name);
    }
  });
});

describe('what was found once stays mended:', () => {
  for (const path of keptInputs(REGRESSIONS)) {
    const { target, what, bytes } = readKeptInput(path);
    test(`${basename(path, '.json')} (${what})`, async () => {
      const verdict = await lane.judge(orderOf(target, bytes));
      assert.notEqual(verdict.kind, 'finding', JSON.stringify(verdict));
    });
  }
});

describe('every reader of foreign input', () => {
  test('takes its first seed', async () => {
    for (const { name } of TARGETS) {
      if (/^torch|^pickle/.test(name)) continue; // Their golden files are hostile themselves.
      const verdict = await lane.judge({ target: name, seed: 1, index: 0 });
      assert.equal(verdict.kind, 'read', `${name}: ${JSON.stringify(verdict)}`);
    }
  });

  test('ends in a result or in a message on 300 bent inputs', async () => {
    const result = await fuzz({ targets: TARGETS, runs: 300, seed: 20, lanes: 2, minutes: 10, folder: null });
    assert.deepEqual(result.findings, []);
    const counts = [...result.counts.values()];
    const [read, refused] = (['read', 'refused'] as const).map((end) =>
      counts.reduce((sum, count) => sum + count[end], 0),
    ) as [number, number];
    assert.equal(read + refused, 300);
    // Both ends occur: inputs that are all refused, or all read, would test nothing.
    assert.ok(read > 50 && refused > 50, `${read} read, ${refused} refused`);
  });

  test('goes on where a run was stopped', async () => {
    const targets = FAULTY_TARGETS.filter(({ name }) => name === 'faulty-none');
    const plan = { targets, runs: 5, seed: 1, lanes: 1, folder: null };
    const stopped = await fuzz({ ...plan, minutes: 0 });
    assert.equal(stopped.next, 0);
    const rest = await fuzz({ ...plan, from: 3, minutes: 5 });
    assert.deepEqual(rest.counts.get('faulty-none'), { read: 2, refused: 0, found: 0 });
    assert.equal(rest.next, 5);
  });
});
