import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId } from '../../src/domain/units.js';
import { readDecoderConfig } from '../../src/model/architecture/config.js';
import { describeDecoder } from '../../src/inspection/describe.js';
import { openSyntheticDecoder } from '../../src/model/ort/open.js';
import { cachedModelFile } from '../../src/model/ort/session.js';
import {
  SYNTHETIC_NAMES,
  syntheticArchitecture,
  syntheticIdentity,
  syntheticShape,
  SyntheticWeights,
} from '../../src/model/architecture/synthetic.js';
import { buildDecoderGraph } from '../../src/onnx/decoder-graph.js';
import { Graph } from '../../src/onnx/graph.js';

const NANO = fileURLToPath(new URL('../../models/llavacode-nano/decoder/config.json', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'synthetic-'));
after(() => {
  rmSync(folder, { recursive: true });
});

describe('synthetic shapes', () => {
  test('have the parameters of the published checkpoints, the embedding table counted once', () => {
    // Sums of the tensor sizes in the safetensors files on the hub.
    const published = {
      'smollm2-135m': 134_515_008,
      'qwen2.5-coder-0.5b': 494_032_768,
      'qwen2.5-coder-1.5b': 1_543_714_304,
      'qwen2.5-coder-7b': 7_615_616_512,
      'qwen2.5-coder-14b': 14_770_033_664,
    } as const;
    for (const [shape, parameters] of Object.entries(published)) {
      const architecture = syntheticArchitecture(syntheticShape(`synthetic:${shape}`));
      assert.equal(describeDecoder(architecture, 'fp32').parameters, parameters, shape);
    }
  });

  test('nano is the embedded decoder but for its positions', () => {
    const embedded = readDecoderConfig(NANO);
    const { maxPositions, ...shape } = syntheticArchitecture('nano');
    assert.deepEqual({ ...shape, maxPositions: embedded.maxPositions }, embedded);
    assert.ok(maxPositions >= 2550, 'the longest prompt of the paper and a line');
  });

  test('a name that is none is refused with those there are', () => {
    assert.throws(
      () => syntheticShape('synthetic:gpt'),
      (error: unknown) =>
        error instanceof ModelError && SYNTHETIC_NAMES.every((name) => error.render().includes(name)),
    );
  });

  test('the identity follows from the shape alone', () => {
    assert.equal(syntheticIdentity('nano'), syntheticIdentity('nano'));
    assert.equal(
      new Set(SYNTHETIC_NAMES.map((name) => syntheticIdentity(name))).size,
      SYNTHETIC_NAMES.length,
    );
    assert.notEqual(syntheticIdentity('nano'), syntheticIdentity('nano', 2));
  });
});

describe('random weights', () => {
  const weights = new SyntheticWeights();

  test('are the same whether read at once or a few rows at a time, and in another process', () => {
    // Longer than the pool of 1,048,583 numbers, so that reading wraps around it.
    const shape = [3000, 400];
    const whole = weights.tensor('model.layers.0.mlp.up_proj.weight', shape)();
    assert.equal(whole.length, 1_200_000);
    const again = new SyntheticWeights().tensor('model.layers.0.mlp.up_proj.weight', shape);
    for (const [from, to] of [
      [0, 1],
      [1, 900],
      [900, 3000],
    ] as const) {
      assert.deepEqual(again(from, to), whole.subarray(from * 400, to * 400));
    }
  });

  test('have mean 0 and standard deviation 0.02, and 1 where a norm multiplies', () => {
    const numbers = weights.tensor('a', [200_000])();
    const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
    const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length);
    // The standard error of the mean is 0.02 / sqrt(200,000) = 4.5e-5; of the deviation about 3e-5.
    assert.ok(Math.abs(mean) < 3e-4 && Math.abs(deviation - 0.02) < 3e-4, `${mean} ${deviation}`);
    assert.deepEqual([...weights.tensor('model.norm.weight', [3])()], [1, 1, 1]);
  });

  test('differ from tensor to tensor and from row to row', () => {
    const one = weights.tensor('one', [2, 64])();
    const two = weights.tensor('two', [2, 64])();
    assert.notDeepEqual(one, two);
    assert.notDeepEqual(one.subarray(0, 64), one.subarray(64));
  });
});

describe('a synthetic decoder', () => {
  const options = { device: 'cpu', dtype: 'fp32', threads: 1, cacheDir: folder } as const;
  const ids = Array.from({ length: 12 }, (_, i) => tokenId(i * 31));

  test('runs, and gives the same token with and without its cache handed out', async () => {
    const decoder = await openSyntheticDecoder('nano', options, 1);
    const { token, cache } = await decoder.prefill(decoder.embed(ids));
    const next = await decoder.decode(token, cache);
    next.cache.dispose();
    assert.equal(await decoder.firstTokenOnly(decoder.embed(ids)), token);
    await assert.rejects(decoder.firstTokenOnly(decoder.embed([])), /the prompt is empty/);
    await decoder.dispose();
  });

  test('writes every layer into the file: a layer more takes its own bytes', async () => {
    const sizeOf = async (layers: number): Promise<number> => {
      const graph = buildDecoderGraph(
        syntheticArchitecture('nano', layers),
        new SyntheticWeights(),
        'float32',
      );
      const path = await cachedModelFile(graph, syntheticIdentity('nano', layers), {
        cacheDir: folder,
        device: 'cpu',
      });
      return statSync(join(path, '..', 'weights.bin')).size;
    };
    // One layer: qkv 320 x (8 + 2 + 2) 64, output 512 x 320, gate, up and down 320 x 704 each, in 4 bytes, and little else.
    const layer = 4 * (320 * 768 + 512 * 320 + 3 * 320 * 704);
    const grown = (await sizeOf(3)) - (await sizeOf(2));
    assert.ok(grown >= layer && grown < layer * 1.02, `${grown} bytes for a layer of ${layer}`);
  });
});

test('a graph that the disk has no room for is refused before it is written', async () => {
  const graph = new Graph('huge');
  const input = graph.input('x', 'float32', [1]);
  const weight = graph.weight('w', 'float32', [2 ** 40], () => assert.fail('weights were read'));
  const [sum] = graph.node('Add', [input, weight], [{ type: 'float32', shape: [2 ** 40] }]);
  graph.output('y', sum);
  await assert.rejects(
    cachedModelFile(graph, 'identity', { cacheDir: folder, device: 'cpu' }),
    (error: unknown) =>
      error instanceof ModelError && /the built huge needs 4\.40 TB, .* are free there/.test(error.message),
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('huge')),
    [],
  );
});
