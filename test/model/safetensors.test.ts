import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../src/domain/errors.js';
import { CheckpointWeights, findPrefix, SafetensorsFile } from '../../src/model/weights/safetensors.js';
import { safetensorsParts } from '../../src/model/weights/safetensors-writer.js';
import { encodeSafetensors } from '../support/safetensors-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
after(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
function fileOf(bytes: Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}.safetensors`);
  writeFileSync(path, bytes);
  return path;
}

/** A file with the given header object and this many bytes of data. */
function fileWith(header: unknown, dataBytes: number): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return fileOf(Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
}

const entry = (shape: readonly number[], begin: number, end: number, dtype = 'F32'): unknown => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

function refusal(path: string): string {
  try {
    SafetensorsFile.open(path).close();
  } catch (error) {
    assert.ok(error instanceof ModelError);
    assert.ok(error.message.startsWith(path), 'the message names the file');
    return error.message;
  }
  return assert.fail('the file was accepted');
}

describe('safetensors', () => {
  test('what the writer wrote the reader reads', () => {
    const path = fileOf(
      encodeSafetensors(
        [
          { name: 'a', shape: [2, 2], data: Float32Array.of(1, -2, 3.5, 0) },
          { name: 'empty', shape: [0, 4], data: new Float32Array(0) },
          { name: 'b', shape: [1], data: Float32Array.of(7) },
        ],
        { made_by: 'test' },
      ),
    );
    const file = SafetensorsFile.open(path);
    assert.deepEqual([...file.read('a')], [1, -2, 3.5, 0]);
    assert.deepEqual([...file.read('b')], [7]);
    assert.deepEqual(file.tensors.get('a')?.shape, [2, 2]);
    assert.equal(file.tensors.has('__metadata__'), false);
    assert.throws(() => file.read('c'), /there is no tensor c/);
    file.close();
    file.close();
  });

  test('F16 and BF16 are read as the same numbers in Float32', () => {
    const header = JSON.stringify({ h: entry([2], 0, 4, 'F16'), b: entry([2], 4, 8, 'BF16') });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const data = Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x3f80, 0xc000).buffer);
    const file = SafetensorsFile.open(fileOf(Buffer.concat([length, Buffer.from(header), data])));
    assert.deepEqual([...file.read('h')], [1, -2]);
    assert.deepEqual([...file.read('b')], [1, -2]);
    file.close();
  });

  test('the writer refuses data that does not fill its shape and names that occur twice', () => {
    const tensor = { name: 'a', shape: [2], data: Float32Array.of(1) };
    assert.throws(() => encodeSafetensors([tensor]), /tensor a of shape \[2\] needs 2 numbers, got 1/);
    const good = { ...tensor, shape: [1] };
    assert.throws(() => encodeSafetensors([good, good]), /occurs twice/);
  });

  test('the program writes half precision, rounded to the nearest, and refuses what that cannot hold', () => {
    // 1 + 2^-11 lies half way between 1 and 1 + 2^-10, and 1 is the even one; 65519 is nearer to 65504 than to 2^16.
    const data = Float32Array.of(1 + 2 ** -11, -0.5, 65519, 2 ** -24);
    const parts = [...safetensorsParts([{ name: 'h', shape: [2, 2], data }], {}, 'F16')];
    assert.equal(parts[1]!.length, 8);
    const file = SafetensorsFile.open(fileOf(Buffer.concat(parts)));
    assert.deepEqual([...file.read('h')], [1, -0.5, 65504, 2 ** -24]);
    file.close();
    const large = { name: 'h', shape: [1], data: Float32Array.of(-65520) };
    assert.throws(() => [...safetensorsParts([large], {}, 'F16')], /h has -65520, but half precision ends/);
  });

  test('a file that is missing or shorter than a header length is refused', () => {
    assert.match(refusal(join(folder, 'none')), /cannot be opened/);
    assert.match(refusal(fileOf(new Uint8Array(3))), /it has 3 bytes/);
  });

  test('a header longer than the file, or than any header, is refused before it is read', () => {
    const claim = (length: bigint): string => {
      const bytes = Buffer.alloc(16);
      bytes.writeBigUInt64LE(length);
      return refusal(fileOf(bytes));
    };
    assert.match(claim(9n), /claims 9 bytes but the file has 16/);
    assert.match(claim(2n ** 40n), /header claims 1099511627776 bytes/);
  });

  test('a header that is not a JSON object of tensors is refused', () => {
    assert.match(refusal(fileWith('{"a":', 0)), /not JSON/);
    assert.match(refusal(fileWith('[1]', 0)), /not a JSON object|tensor 0/);
    assert.match(refusal(fileWith({ a: { dtype: 'F32' } }, 0)), /tensor a: /);
    assert.match(refusal(fileWith({ a: entry([-1], 0, 4) }, 4)), /tensor a: /);
    assert.match(refusal(fileWith({ a: entry([1], 0, 4, 'F5') }, 4)), /unknown type F5/);
  });

  test('a header that other writers pad, fill with metadata or with buffers is read', () => {
    const one = { a: entry([2], 0, 8) };
    const open = (header: unknown, bytes: number): SafetensorsFile =>
      SafetensorsFile.open(fileWith(header, bytes));
    // Blanks at the end, up to a multiple of eight bytes, as the reference writer puts them.
    const json = JSON.stringify(one);
    const padded = open(json + ' '.repeat(8 - (json.length % 8)), 8);
    assert.deepEqual([...padded.read('a')], [0, 0]);
    padded.close();
    // A header of 99,996 bytes.
    const empty = JSON.stringify({ ...one, __metadata__: { format: 'pt', pad: '' } }).length;
    const long = { ...one, __metadata__: { format: 'pt', pad: 'x'.repeat(99_996 - empty) } };
    assert.equal(JSON.stringify(long).length, 99_996);
    open(long, 8).close();
    // Buffers that checkpoints carry along: frequencies, a mask, positions, nothing.
    const buffers = {
      ...one,
      'rotary.inv_freq': entry([4], 8, 24),
      'attn.bias': entry([1, 2, 2], 24, 28, 'BOOL'),
      position_ids: entry([1, 2], 28, 44, 'I64'),
      empty: entry([0], 44, 44),
    };
    const carried = open(buffers, 44);
    assert.deepEqual([...carried.tensors.keys()], Object.keys(buffers));
    carried.close();
    // What is not JSON is no padding.
    assert.match(refusal(fileWith(`${json}\0\0\0`, 8)), /not JSON/);
  });

  test('a truncated file is refused', () => {
    assert.match(refusal(fileWith({ a: entry([4], 0, 16) }, 12)), /tensors end at byte \d+ but the file has/);
  });

  test('offsets that overlap, leave a gap, run backwards or do not fit the shape are refused', () => {
    const two = (second: unknown, bytes: number): string =>
      refusal(fileWith({ a: entry([2], 0, 8), b: second }, bytes));
    assert.match(two(entry([2], 4, 12), 12), /tensor b overlaps/);
    assert.match(two(entry([2], 12, 20), 20), /tensor b leaves a gap/);
    assert.match(two(entry([2], 16, 8), 16), /needs 8 bytes but has -8/);
    assert.match(two(entry([3], 8, 16), 16), /tensor b, F32 \[3\], needs 12 bytes but has 8/);
  });

  test('a shape whose size overflows is refused', () => {
    const huge = entry([2 ** 40, 2 ** 40], 0, 8);
    assert.match(refusal(fileWith({ a: huge }, 8)), /tensor a, F32 .* needs .* bytes but has 8/);
  });
});

describe('weights of a checkpoint', () => {
  const path = fileWith(
    { a: entry([2, 3], 0, 24), half: entry([2], 24, 28, 'F16'), counts: entry([2], 28, 44, 'I64') },
    44,
  );

  test('all missing tensors and wrong shapes are named in one message', () => {
    const file = SafetensorsFile.open(path);
    const weights = new CheckpointWeights(file);
    weights.tensor('a', [3, 2]);
    weights.tensor('b', [4]);
    weights.tensor('half', [2]);
    weights.tensor('counts', [2]);
    assert.throws(
      () => {
        weights.assertComplete('config.json');
      },
      (error: unknown) => {
        assert.ok(error instanceof ModelError);
        assert.match(error.message, /3 tensors cannot be used/);
        const text = error.render();
        assert.match(text, /a is \[2, 3\], expected \[3, 2\]/);
        assert.match(text, /b \[4\] is missing/);
        assert.match(text, /counts has type I64; only F32, F16, BF16 can be read/);
        assert.match(text, /the shapes follow from config\.json/);
        return true;
      },
    );
    file.close();
  });

  test('complete weights pass and are read by name behind their prefix', () => {
    const prefixed = SafetensorsFile.open(
      fileOf(encodeSafetensors([{ name: 'roberta.w', shape: [1], data: Float32Array.of(3) }])),
    );
    const prefix = findPrefix(prefixed, 'w', ['', 'roberta.']);
    assert.equal(prefix, 'roberta.');
    const weights = new CheckpointWeights(prefixed, prefix);
    const read = weights.tensor('w', [1]);
    weights.assertComplete('config.json');
    assert.deepEqual([...read()], [3]);
    prefixed.close();
  });
});
