import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';

import { Tensor } from '../../src/model/ort/runtime.js';

import { loadSession } from '../../src/model/ort/load.js';
import { cachedModelFile, createSession, floatOutput } from '../../src/model/ort/session.js';
import { Graph } from '../../src/onnx/graph.js';
import { matMul } from '../../src/onnx/operators.js';

const folder = mkdtempSync(join(tmpdir(), 'session-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const at = (cacheDir: string) => ({ cacheDir, device: 'cpu' }) as const;

/** y = x w with w [32, 32], large enough for the second file; w[r][c] = factor * r. */
function productGraph(factor: number): Graph {
  const g = new Graph('product');
  const w = g.weight('w', 'float32', [32, 32], () =>
    Float32Array.from({ length: 1024 }, (_, i) => factor * Math.floor(i / 32)),
  );
  g.output('y', matMul(g, g.input('x', 'float32', ['N', 32]), w));
  return g;
}

/** One row of 32 ones; times w of {@link productGraph} every column is factor * (0 + 1 + ... + 31). */
const feeds = { x: new Tensor('float32', new Float32Array(32).fill(1), [1, 32]) };
const COLUMN_SUM = 496;

describe('large models', () => {
  test('weights in a second file give the numbers of weights in memory', async () => {
    const path = await cachedModelFile(productGraph(2), 'identity', at(folder));
    const split = await loadSession(path, { device: 'cpu', threads: 1 });
    const whole = await createSession(productGraph(2), 'identity', {
      device: 'cpu',
      dtype: 'fp32',
      threads: 1,
    });
    const expected = Array.from({ length: 32 }, () => 2 * COLUMN_SUM);
    assert.deepEqual([...floatOutput(await split.run(feeds), 'y')], expected);
    assert.deepEqual([...floatOutput(await whole.run(feeds), 'y')], expected);
    await Promise.all([split.release(), whole.release()]);
  });

  test('a built graph is found again by its content and never written twice', async () => {
    const cache = join(folder, 'again');
    const first = await cachedModelFile(productGraph(3), 'a', at(cache));
    const written = statSync(first).mtimeMs;
    assert.equal(await cachedModelFile(productGraph(3), 'a', at(cache)), first);
    assert.equal(statSync(first).mtimeMs, written);
    assert.deepEqual(readdirSync(cache), [basename(dirname(first))], 'no temporary folder is left');
  });

  test('another identity of the weights is another file', async () => {
    const cache = join(folder, 'identities');
    const [a, b] = [
      await cachedModelFile(productGraph(1), 'a', at(cache)),
      await cachedModelFile(productGraph(2), 'b', at(cache)),
    ];
    assert.notEqual(a, b);
    const weights = (path: string): Buffer => readFileSync(join(dirname(path), 'weights.bin'));
    assert.notDeepEqual(weights(a), weights(b));
  });

  test('two builders at once end with one whole folder', async () => {
    const cache = join(folder, 'race');
    const paths = await Promise.all([1, 2, 3].map(() => cachedModelFile(productGraph(4), 'a', at(cache))));
    assert.equal(new Set(paths).size, 1);
    assert.equal(readdirSync(cache).length, 1);
  });

  test('a cache folder that cannot be written is refused with its path', async () => {
    const file = join(folder, 'again', readdirSync(join(folder, 'again'))[0]!, 'model.onnx');
    await assert.rejects(cachedModelFile(productGraph(5), 'a', at(file)), /cannot be stored/);
  });

  const damages: Readonly<Record<string, (graph: string) => void>> = {
    'a truncated weights.bin': (graph) => {
      truncateSync(join(graph, 'weights.bin'), 100);
    },
    'a changed weights.bin': (graph) => {
      const path = join(graph, 'weights.bin');
      const bytes = readFileSync(path);
      bytes[7]! ^= 1;
      writeFileSync(path, bytes);
    },
    'a missing weights.bin': (graph) => {
      rmSync(join(graph, 'weights.bin'));
    },
    'a damaged model.onnx': (graph) => {
      writeFileSync(join(graph, 'model.onnx'), 'not a model');
    },
    'a missing graph.json': (graph) => {
      rmSync(join(graph, 'graph.json'));
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what} is found, told in one line and made anew`, async () => {
      const cache = join(folder, what);
      const notes: string[] = [];
      const options = { ...at(cache), onNote: (line: string) => notes.push(line) };
      const path = await cachedModelFile(productGraph(3), 'a', options);
      const whole = readFileSync(join(dirname(path), 'weights.bin'));
      damage(dirname(path));
      assert.equal(await cachedModelFile(productGraph(3), 'a', options), path);
      assert.equal(notes.length, 1, notes.join('; '));
      assert.match(notes[0]!, /not used and removed: .*; the graph is made anew$/);
      assert.deepEqual(readFileSync(join(dirname(path), 'weights.bin')), whole);
      const session = await loadSession(path, { device: 'cpu', threads: 1 });
      assert.equal(floatOutput(await session.run(feeds), 'y')[0], 3 * COLUMN_SUM);
      await session.release();
    });
  }

  test('what killed builds left behind goes after an hour, and a build that goes on stays', async () => {
    const cache = join(folder, 'killed');
    const longAgo = new Date(Date.now() - 2 * 60 * 60_000);
    for (const [name, at] of [
      ['old.tmp', longAgo],
      ['new.tmp', new Date()],
    ] as const) {
      mkdirSync(join(cache, name), { recursive: true });
      writeFileSync(join(cache, name, 'weights.bin'), 'x');
      for (const path of [join(cache, name, 'weights.bin'), join(cache, name)]) utimesSync(path, at, at);
    }
    await cachedModelFile(productGraph(6), 'a', at(cache));
    assert.deepEqual(
      readdirSync(cache).filter((name) => name.endsWith('.tmp')),
      ['new.tmp'],
    );
  });

  test('graphs that were not used for longest go first when all together are too large', async () => {
    const cache = join(folder, 'full');
    // A graph has 4,096 bytes of weights and some hundred of everything else: two have room, three have not.
    const options = { ...at(cache), mostBytes: 11_000 };
    const [first, second] = [
      await cachedModelFile(productGraph(1), 'a', options),
      await cachedModelFile(productGraph(2), 'b', options),
    ];
    for (const [path, minutes] of [
      [first, 10],
      [second, 20],
    ] as const) {
      const at = new Date(Date.now() - minutes * 60_000);
      utimesSync(join(dirname(path), 'graph.json'), at, at);
    }
    await cachedModelFile(productGraph(1), 'a', options); // Used again: now the second is the older one.
    const third = await cachedModelFile(productGraph(3), 'c', options);
    assert.deepEqual(readdirSync(cache).sort(), [first, third].map((path) => basename(dirname(path))).sort());
  });

  test('a device that does not work is found before anything is written', async () => {
    const cache = join(folder, 'device');
    const missing = process.platform === 'darwin' ? 'cuda' : 'coreml';
    await assert.rejects(
      cachedModelFile(productGraph(7), 'a', { cacheDir: cache, device: missing }),
      new RegExp(`device ${missing} cannot be used here`),
    );
    assert.throws(() => readdirSync(cache), /ENOENT/);
  });
});
