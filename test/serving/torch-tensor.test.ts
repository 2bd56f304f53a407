import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { describe, test } from 'node:test';

import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { zipRecords } from '../../src/archive/zip-records.js';
import { readPickle } from '../../src/model/weights/pickle.js';
import { StoredTensor } from '../../src/model/weights/pickle-values.js';
import { bfloat16Bits, fromBfloat16 } from '../../src/onnx/half.js';
import { torchTensor } from '../../src/serving/torch-tensor.js';
import { matrixOf } from '../../src/tensor/matrix.js';

const MATRIX = matrixOf(3, 2, Float32Array.of(1, -2.5, 3, 4, 0.1, 1e30));

/** The records of a zip file, by the reader of this program. */
async function recordsOf(file: Buffer): Promise<Map<string, Buffer>> {
  const folder = await mkdtemp(join(tmpdir(), 'llava-eval-torch-'));
  const path = join(folder, 'tensor.pt');
  await writeFile(path, file);
  const handle = await open(path);
  try {
    const records = new Map<string, Buffer>();
    for (const record of await zipRecords(handle.fd, 10)) {
      assert.ok(record.isPlain, record.name);
      const start = await record.start();
      records.set(record.name, file.subarray(start, start + record.bytes));
    }
    return records;
  } finally {
    await handle.close();
    await rm(folder, { recursive: true });
  }
}

describe('a matrix as torch.save writes it', () => {
  test('is a contiguous tensor for the reader of PyTorch files', async () => {
    const records = await recordsOf(torchTensor(MATRIX, 'float32'));
    assert.deepEqual(
      [...records.keys()],
      ['archive/data.pkl', 'archive/byteorder', 'archive/data/0', 'archive/version'],
    );
    const tensor = readPickle(records.get('archive/data.pkl')!, 'test');
    assert.ok(tensor instanceof StoredTensor);
    assert.deepEqual([tensor.shape, tensor.start], [[3, 2], 0]);
    assert.deepEqual([tensor.storage.dtype, tensor.storage.key, tensor.storage.length], ['F32', '0', 6]);
    const numbers = new Float32Array(new Uint8Array(records.get('archive/data/0')!).buffer);
    assert.deepEqual(numbers, MATRIX.data);
  });

  test('in bfloat16 has half the bytes, each number rounded to the nearest', async () => {
    const records = await recordsOf(torchTensor(MATRIX, 'bfloat16'));
    const tensor = readPickle(records.get('archive/data.pkl')!, 'test');
    assert.ok(tensor instanceof StoredTensor);
    assert.equal(tensor.storage.dtype, 'BF16');
    const bits = new Uint16Array(new Uint8Array(records.get('archive/data/0')!).buffer);
    assert.deepEqual([...fromBfloat16(bits)].slice(0, 4), [1, -2.5, 3, 4]);
    // 0.1 is 0x3dcccccd: the lower half is 0xcccd, above one half, so the upper one goes up to 0x3dcd.
    assert.equal(bits[4], 0x3dcd);
  });

  test('has the checksums that PyTorch compares', () => {
    const file = torchTensor(MATRIX, 'float32');
    const name = Buffer.from('archive/data/0');
    const local = file.indexOf(name) - 30;
    const content = file.subarray(local + 30 + name.length, local + 30 + name.length + 24);
    assert.equal(file.readUInt32LE(local + 14), crc32(content));
  });
});

describe('bfloat16', () => {
  test('rounds halves to even, keeps infinity and NaN', () => {
    const bits = (value: number): number => bfloat16Bits(Float32Array.of(value))[0]!;
    // 1 + 2^-8 lies in the middle of 1 (0x3f80) and 1 + 2^-7 (0x3f81): the even one is 0x3f80.
    assert.equal(bits(1 + 2 ** -8), 0x3f80);
    // 1 + 3 * 2^-8 lies in the middle of 0x3f81 and 0x3f82.
    assert.equal(bits(1 + 3 * 2 ** -8), 0x3f82);
    assert.equal(bits(Infinity), 0x7f80);
    assert.equal(bits(-Infinity), 0xff80);
    assert.ok(Number.isNaN(fromBfloat16(Uint16Array.of(bits(NaN)))[0]));
  });
});
