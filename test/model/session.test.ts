import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';

import { Tensor } from 'onnxruntime-node';

import { loadSession } from '../../src/model/ort/load.js';
import { cachedModelFile, createSession, floatOutput } from '../../src/model/ort/session.js';
import { Graph } from '../../src/onnx/graph.js';
import { matMul } from '../../src/onnx/operators.js';

const folder = mkdtempSync(join(tmpdir(), 'session-'));
after(() => {
  rmSync(folder, { recursive: true });
});

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
    const path = await cachedModelFile(productGraph(2), 'identity', folder);
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
    const first = await cachedModelFile(productGraph(3), 'a', cache);
    const written = statSync(first).mtimeMs;
    assert.equal(await cachedModelFile(productGraph(3), 'a', cache), first);
    assert.equal(statSync(first).mtimeMs, written);
    assert.deepEqual(readdirSync(cache), [basename(dirname(first))], 'no temporary folder is left');
  });

  test('another identity of the weights is another file', async () => {
    const cache = join(folder, 'identities');
    const [a, b] = [
      await cachedModelFile(productGraph(1), 'a', cache),
      await cachedModelFile(productGraph(2), 'b', cache),
    ];
    assert.notEqual(a, b);
    const weights = (path: string): Buffer => readFileSync(join(dirname(path), 'weights.bin'));
    assert.notDeepEqual(weights(a), weights(b));
  });

  test('two builders at once end with one whole folder', async () => {
    const cache = join(folder, 'race');
    const paths = await Promise.all([1, 2, 3].map(() => cachedModelFile(productGraph(4), 'a', cache)));
    assert.equal(new Set(paths).size, 1);
    assert.equal(readdirSync(cache).length, 1);
  });

  test('a cache folder that cannot be written is refused with its path', async () => {
    const file = join(folder, 'again', readdirSync(join(folder, 'again'))[0]!, 'model.onnx');
    await assert.rejects(cachedModelFile(productGraph(5), 'a', file), /cannot be stored/);
  });
});
