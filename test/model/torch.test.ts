import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { openProjector } from '../../src/model/ort/open.js';
import { Opaque, PickleDict, PickleList, PickleTuple } from '../../src/model/weights/pickle-values.js';
import { readPickle } from '../../src/model/weights/pickle.js';
import { TorchFile } from '../../src/model/weights/torch-file.js';
import { createRng } from '../../src/tensor/rng.js';
import { some } from '../support/some.js';

/** Written by PyTorch itself: `test/golden/make-torch.py`. */
const GOLDEN = fileURLToPath(new URL('../golden/torch/', import.meta.url));

interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
const expected = JSON.parse(readFileSync(join(GOLDEN, 'expected.json'), 'utf8')) as Record<
  string,
  Record<string, Expected>
>;

const says = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ModelError, String(error));
  assert.match(error.render(), pattern);
  return true;
};

describe('a PyTorch checkpoint', () => {
  for (const [name, tensors] of some(Object.entries(expected))) {
    if (name === 'double.pth') continue;
    test(`holds the numbers that PyTorch wrote: ${name}`, async () => {
      const file = await TorchFile.open(join(GOLDEN, name));
      assert.deepEqual([...file.tensors.keys()].sort(), Object.keys(tensors).sort());
      for (const [key, { shape, values }] of some(Object.entries(tensors))) {
        assert.deepEqual(file.tensors.get(key)?.shape, shape, key);
        assert.deepEqual([...file.read(key)], values, key);
      }
      file.close();
      file.close();
    });
  }

  test('gives any rows of a tensor, whatever its strides', async () => {
    const file = await TorchFile.open(join(GOLDEN, 'views.pth'));
    for (const [key, { shape, values }] of some(Object.entries(expected['views.pth']!))) {
      if (shape.length === 0) continue;
      const width = values.length / Math.max(1, shape[0]!);
      for (let from = 0; from <= shape[0]!; from++) {
        for (let to = from; to <= shape[0]!; to++) {
          assert.deepEqual(
            [...file.read(key, from, to)],
            values.slice(from * width, to * width),
            `${key} ${from} ${to}`,
          );
        }
      }
    }
    file.close();
  });

  test('of a training framework is read past its callbacks, optimizer and classes of any kind', async () => {
    const file = await TorchFile.open(join(GOLDEN, 'lightning.ckpt'));
    assert.ok(file.tensors.has('model.multi_modal_projector.linear_1.weight'));
    assert.ok([...file.tensors.keys()].every((name) => name.startsWith('model.')));
    file.close();
  });

  test('in double precision can be listed and is refused by type when read', async () => {
    const file = await TorchFile.open(join(GOLDEN, 'double.pth'));
    assert.equal(file.tensors.get('linear_1.weight')?.dtype, 'F64');
    assert.throws(() => file.read('linear_1.weight'), says(/has type F64[^]*F32, F16 and BF16/));
    assert.throws(() => file.read('nothing'), says(/there is no tensor nothing/));
    file.close();
  });
});

describe('a projector', () => {
  const options = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;

  for (const file of ['fp32_projector.pth', 'lightning.ckpt']) {
    test(`is recognized by its shapes in ${file}`, async () => {
      const projector = await openProjector(join(GOLDEN, file), options);
      assert.deepEqual([projector.layers, projector.inputWidth, projector.outputWidth], [2, 3, 4]);
      await projector.dispose();
    });
  }

  test('in a state dict computes what its numbers say', async () => {
    const projector = await openProjector(join(GOLDEN, 'fp32_projector.pth'), options);
    const soft = await projector.project({ rows: 1, cols: 3, data: Float32Array.of(0, 0, 0) });
    // For a zero vector: h = erf-GELU(bias 1), normalised over its 4 numbers, then Linear 2.
    const w = (name: string): readonly number[] => expected['fp32_projector.pth']![name]!.values;
    const gelu = w('linear_1.bias').map((x) => (x / 2) * (1 + erf(x / Math.SQRT2)));
    const mean = gelu.reduce((sum, x) => sum + x, 0) / 4;
    const variance = gelu.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 4;
    const h = gelu.map(
      (x, i) => ((x - mean) / Math.sqrt(variance + 1e-5)) * w('ln_1.weight')[i]! + w('ln_1.bias')[i]!,
    );
    for (let o = 0; o < 4; o++) {
      const y = h.reduce((sum, x, i) => sum + x * w('linear_2.weight')[4 * o + i]!, w('linear_2.bias')[o]!);
      assert.ok(Math.abs(soft.data[o]! - y) < 1e-5, `${soft.data[o]} ${y}`);
    }
    await projector.dispose();
  });
});

/** By its series, exact to double precision for the small arguments here. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 40; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

describe('a file that is no checkpoint, or a hostile one,', () => {
  const CASES: readonly [file: string, RegExp][] = [
    [
      'hostile-os-system.pth',
      /names (?:posix|nt)\.system at byte \d+[^]*made to do harm[^]*nothing of it was run/,
    ],
    ['hostile-eval.pth', /names builtins\.eval at byte/],
    ['hostile-nested.ckpt', /names __builtin__\.exec at byte/],
    ['hostile-stack-global.pth', /names subprocess\.Popen at byte/],
    [
      'module.pth',
      /the checkpoint itself is made by __main__\.Projector \(byte \d+\)[^]*save the state dict alone/,
    ],
    ['object-in-state-dict.pth', /object is made by __main__\.Callback/],
    ['unknown-opcode.pth', /uses the opcode 0x82.*\(byte 2/],
    ['truncated-structure.pth', /ends within a value of 2147483647 bytes/],
    ['bomb-stride-zero.pth', /tensor w \[2000000000, 1\] does not fit its 16 bytes/],
    ['outside-storage.pth', /tensor w \[2, 2\] does not fit/],
    ['storage-larger-than-record.pth', /tensor w \[5\] does not fit its 16 bytes/],
    ['missing-record.pth', /its record data\/7 is missing/],
    ['compressed.pth', /is compressed or encrypted[^]*torch\.save/],
    ['big-endian.pth', /"big" byte order/],
    ['no-structure.pth', /it holds no data\.pkl/],
    ['legacy.pth', /wrote before version 1\.6[^]*weights_only=True/],
    ['expected.json', /is not a PyTorch checkpoint \(it begins with 7b22/],
    ['nowhere.pth', /nowhere\.pth: cannot be opened/],
  ];
  for (const [file, pattern] of CASES) {
    test(`is refused with its reason: ${file}`, async () => {
      await assert.rejects(TorchFile.open(join(GOLDEN, file)), says(pattern));
    });
  }

  test('never makes the reader fail in another way: every truncation, and 2,000 flipped bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'torch-'));
    after(() => {
      rmSync(folder, { recursive: true });
    });
    const path = join(folder, 'damaged.pth');
    const whole = readFileSync(join(GOLDEN, 'handmade.pth'));
    for (let length = 0; length < whole.length; length += 3) {
      writeFileSync(path, whole.subarray(0, length));
      await assert.rejects(TorchFile.open(path), ModelError, `${length} bytes`);
    }
    // The structure alone: any byte of a Lightning checkpoint's replaced by any other.
    const structure = structureOf('lightning.ckpt');
    const rng = createRng(11);
    for (let round = 0; round < 2000; round++) {
      const damaged = structure.slice();
      damaged[rng.int(damaged.length)] = rng.int(256);
      try {
        readPickle(damaged, 'damaged');
      } catch (error) {
        assert.ok(error instanceof ModelError, String(error));
      }
    }
  });
});

/** `data.pkl` of a golden file: stored between its own name and the next record's header. */
function structureOf(name: string): Uint8Array {
  const bytes = readFileSync(join(GOLDEN, name));
  const start = bytes.indexOf(Buffer.from([0x80, 2]));
  return bytes.subarray(start, bytes.indexOf(Buffer.from('PK'), start));
}

describe('the pickle reader', () => {
  const read = (...parts: (number | string)[]): ReturnType<typeof readPickle> =>
    readPickle(
      Uint8Array.from(
        parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : [part])),
      ),
      'test',
    );

  test('reads the plain values of protocols 2 to 5', () => {
    const value = read(
      0x80,
      4,
      ']',
      '(',
      'N',
      0x88,
      0x89,
      'K',
      7,
      'M',
      0,
      1,
      'J',
      0xff,
      0xff,
      0xff,
      0xff,
      'e.',
    );
    assert.ok(value instanceof PickleList);
    assert.deepEqual(value.items, [null, true, false, 7, 256, -1]);
    // 2^40 in six bytes, -1 in one, 2^63 in nine: beyond exact doubles it stays a bigint
    assert.equal(read(0x8a, 6, 0, 0, 0, 0, 0, 1, '.'), 2 ** 40);
    assert.equal(read(0x8a, 1, 0xff, '.'), -1);
    assert.equal(read(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, '.'), 2n ** 63n);
    assert.equal(read('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, '.'), 1.5);
    assert.equal(read(0x8c, 2, 'hi', '.'), 'hi');
    const tuple = read('K', 1, 'K', 2, 0x86, '.');
    assert.ok(tuple instanceof PickleTuple);
    assert.deepEqual(tuple.items, [1, 2]);
  });

  test('follows the memo, so that shared values are one value', () => {
    const value = read(']', 'q', 0, '(', ']', 'q', 1, 'h', 1, 'e.');
    assert.ok(value instanceof PickleList);
    assert.equal(value.items[0], value.items[1]);
  });

  test('calls nothing: a call of an unknown function is a marker with its name and place', () => {
    const value = read('}', 'K', 1, 'cmine\nmake\n', ')R', 's.');
    assert.ok(value instanceof PickleDict);
    const made = value.entries.get(1);
    assert.ok(made instanceof Opaque);
    assert.deepEqual([made.name, made.offset], ['mine.make', 3]);
  });

  test('refuses what would ask for memory or depth without end', () => {
    assert.throws(
      () => read(0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '.'),
      says(/ends within a value/),
    );
    assert.throws(() => read(...Array<number>(20_000).fill(0x28)), says(/nests deeper than any checkpoint/));
    assert.throws(
      () => read(0x8b, 0xff, 0, 0, 0, ...Array<number>(255).fill(1), '.'),
      says(/integer of 255 bytes/),
    );
    assert.throws(() => read('h', 9, '.'), says(/recalls value 9/));
    assert.throws(() => read('.'), says(/takes a value that is not there/));
    assert.throws(() => read('e.'), says(/closes a list that was never begun/));
    assert.throws(() => read(0x80, 0, '.'), says(/protocol 0/));
  });
});
