/**
 * @file Headers of GGUF files, of good ones and of hostile ones.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../../src/domain/errors.js';
import { fetchHeader, readHeader, type GgufHeader } from '../../../src/model/gguf/header.js';
import { splitFiles } from '../../../src/model/gguf/split-names.js';
import { tokenizerDefinition } from '../../../src/model/gguf/tokenizer.js';
import { openGgufWeights } from '../../../src/model/gguf/weights.js';
import { buildDecoderGraph } from '../../../src/onnx/decoder-graph.js';
import { createRng } from '../../../src/tensor/rng.js';
import { ggufPath } from './golden.js';

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

/** Magic, version, counts. */
const start = (tensors: number | bigint, entries: number | bigint): Buffer =>
  Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors), u64(entries)]);
const entry = (key: string, type: number, ...value: Buffer[]): Buffer =>
  Buffer.concat([text(key), u32(type), ...value]);
const tensor = (name: string, dims: readonly (number | bigint)[], type: number, offset: number): Buffer =>
  Buffer.concat([text(name), u32(dims.length), ...dims.map(u64), u32(type), u64(offset)]);

const read = (bytes: Buffer, fileBytes = bytes.length): GgufHeader =>
  readHeader('x.gguf', fileBytes, (from, length) => Uint8Array.from(bytes.subarray(from, from + length)));

/** The header, and room for tensors behind it. */
const withData = (bytes: number, ...parts: Buffer[]): Buffer =>
  Buffer.concat([...parts, Buffer.alloc(bytes)]);

describe('the header of a GGUF file', () => {
  test('gives metadata and row-major shapes, and places the data after it', () => {
    const header = Buffer.concat([
      start(2, 5),
      entry('a', 4, u32(7)),
      entry('b', 8, text('\ufeffé')),
      entry('c', 9, u32(8), u64(2), text('x'), text('')),
      entry('d', 9, u32(5), u64(2), u32(0xffffffff), u32(1)),
      entry('e', 7, Buffer.of(1)),
      tensor('m', [64, 3], 8, 0),
      tensor('v', [2], 0, 224),
    ]);
    const { metadata, tensors } = read(withData(300, header));
    assert.deepEqual(Object.fromEntries(metadata), { a: 7, b: '\ufeffé', c: ['x', ''], d: [-1, 1], e: true });
    // Aligned to 32. Three rows of two blocks of Q8_0, 34 bytes each: 204 bytes; two numbers of F32: 8.
    const data = Math.ceil(header.length / 32) * 32;
    assert.deepEqual(Object.fromEntries(tensors), {
      m: { dtype: 'Q8_0', shape: [3, 64], start: data, end: data + 204 },
      v: { dtype: 'F32', shape: [2], start: data + 224, end: data + 232 },
    });
  });

  test('is read in pieces, from the beginning, and no more than needed of a large file', () => {
    const bytes = readFileSync(ggufPath('decoder.gguf'));
    let total = 0;
    const size = 5_000_000_000;
    const header = readHeader('x.gguf', size, (from, length) => {
      total += length;
      return Uint8Array.from(Buffer.concat([bytes, Buffer.alloc(2 << 20)]).subarray(from, from + length));
    });
    assert.ok(header.tensors.size > 20);
    assert.ok(total <= 1 << 20, `${total} bytes were read`);
  });

  test('is the same where its bytes are fetched', async () => {
    const bytes = readFileSync(ggufPath('decoder.gguf'));
    const fetched = await fetchHeader('x.gguf', bytes.length, (from, length) =>
      Promise.resolve(Uint8Array.from(bytes.subarray(from, from + length))),
    );
    assert.deepEqual(fetched, read(bytes));
  });

  for (const [why, bytes, pattern] of [
    ['nothing', Buffer.alloc(0), /ends 4 bytes too early \(at byte 0\)/],
    ['another magic', Buffer.from('GGML\0\0\0\0'), /begins with "GGML"/],
    ['version 1', Buffer.concat([Buffer.from('GGUF'), u32(1)]), /version 1[^]*at byte 4/],
    ['big-endian numbers', Buffer.concat([Buffer.from('GGUF'), u32(3 << 24)]), /big-endian/],
    ['tensors without end', start(2n ** 64n - 1n, 0), /claims 18446744073709552000 tensors/],
    ['entries without end', start(0, 1_000_000), /claims 1000000 entries/],
    ['a string longer than any', Buffer.concat([start(0, 1), u64(2n ** 60n)]), /bytes of a string/],
    ['a string beyond its end', Buffer.concat([start(0, 1), u64(100)]), /ends 100 bytes too early/],
    ['a string that is not UTF-8', Buffer.concat([start(0, 1), u64(1), Buffer.of(0xff)]), /not UTF-8/],
    ['a value of no type', Buffer.concat([start(0, 1), entry('k', 99)]), /unknown type 99/],
    [
      'an array beyond its end',
      Buffer.concat([start(0, 1), entry('k', 9, u32(4), u64(1000))]),
      /needs 4000 bytes but 0/,
    ],
    [
      'an array of arrays',
      Buffer.concat([start(0, 1), entry('k', 9, u32(9), u64(1))]),
      /array of the type 9/,
    ],
    [
      'an array without end',
      Buffer.concat([start(0, 1), entry('k', 9, u32(4), u64(1e12))]),
      /claims 1000000000000 el/,
    ],
    ['a truth value of 2', Buffer.concat([start(0, 1), entry('k', 7, Buffer.of(2))]), /truth value is 2/],
    [
      'a key twice',
      Buffer.concat([start(0, 2), entry('k', 4, u32(1)), entry('k', 4, u32(1))]),
      /key "k" twice/,
    ],
    ['five dimensions', withData(64, start(1, 0), tensor('t', [1, 1, 1, 1, 1], 0, 0)), /5 dimensions/],
    ['a dimension of 0', withData(64, start(1, 0), tensor('t', [0], 0, 0)), /shape \[0\]/],
    [
      'a product beyond numbers',
      withData(64, start(1, 0), tensor('t', [2n ** 40n, 2n ** 40n], 0, 0)),
      /has the shape/,
    ],
    ['an unknown type', withData(64, start(1, 0), tensor('t', [1], 1000, 0)), /unknown type 1000/],
    [
      'a part of a block',
      withData(64, start(1, 0), tensor('t', [33], 8, 0)),
      /rows of 33 numbers; Q8_0 has 32/,
    ],
    [
      'a tensor beyond its end',
      withData(8, start(1, 0), tensor('t', [1000], 0, 0)),
      /ends at byte \d+ but the file/,
    ],
    [
      'tensors on each other',
      withData(99, start(2, 0), tensor('s', [9], 0, 0), tensor('t', [9], 0, 32)),
      /overlaps/,
    ],
    [
      'a tensor twice',
      withData(99, start(2, 0), tensor('t', [1], 0, 0), tensor('t', [1], 0, 32)),
      /tensor "t" twice/,
    ],
    ['a tensor in between', withData(99, start(1, 0), tensor('t', [1], 0, 4)), /not aligned to 32/],
    [
      'an odd alignment',
      Buffer.concat([start(0, 1), entry('general.alignment', 4, u32(33))]),
      /alignment is 33/,
    ],
  ] as const satisfies readonly (readonly [string, Buffer, RegExp])[]) {
    test(`with ${why} is refused, and the message says why and where`, () => {
      assert.throws(
        () => read(bytes),
        (error) =>
          error instanceof ModelError && pattern.test(error.message) && /at byte \d+/.test(error.message),
      );
    });
  }

  test('a hundred thousand strings that the file does not hold allocate nothing', () => {
    const bytes = Buffer.concat([start(0, 1), entry('k', 9, u32(8), u64(100_000))]);
    // The size of the file is claimed, too: 600 kB of strings would fit, 800 kB are needed.
    assert.throws(() => read(bytes, bytes.length + 600_000), /needs 800000 bytes but 600000 are left/);
  });
});

describe('mutated files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'llava-eval-gguf-'));
  after(() => {
    rmSync(dir, { recursive: true });
  });

  /** Everything that is done with a file before its weights are read. */
  const use = async (bytes: Buffer): Promise<void> => {
    const { metadata } = read(bytes);
    const path = join(dir, 'mutated.gguf');
    writeFileSync(path, bytes);
    const steps = [
      () => tokenizerDefinition(path, metadata),
      async () => {
        const opened = openGgufWeights(path);
        const { architecture, weights } = opened;
        try {
          weights.tensor('model.embed_tokens.weight', [architecture.vocabularySize, architecture.width]);
          buildDecoderGraph(architecture, weights, 'float32');
          await opened.identify();
        } finally {
          opened.close();
        }
      },
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
      }
    }
  };

  for (const name of ['decoder.gguf', 'spm.gguf', 'llama-tied-bf16.gguf', 'qwen3-tied-bf16.gguf']) {
    test(`${name}: 600 mutations end in a ModelError or in a header, within time and memory`, async () => {
      const whole = readFileSync(ggufPath(name));
      const random = createRng(5);
      const below = (limit: number): number => random.int(limit);
      const before = process.memoryUsage().rss;
      const started = performance.now();
      let failed = 0;
      for (let round = 0; round < 600; round++) {
        const bytes = Buffer.from(whole);
        // The first numbers are the counts; others are spread over the header.
        const reach = round % 3 === 0 ? 1000 : Math.min(bytes.length, 30_000);
        for (let change = 0; change <= below(4); change++) {
          const at = below(reach);
          const kind = below(4);
          if (kind === 0) bytes[at] = below(256);
          else if (kind === 1) bytes[at]! ^= 1 << below(8);
          else if (kind === 2) bytes.fill(0xff, at, Math.min(at + 1 + below(8), bytes.length));
          else bytes.writeUInt32LE(below(2 ** 32), Math.min(at, bytes.length - 4));
        }
        const cut = below(8) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes;
        try {
          await use(Buffer.from(cut));
        } catch (error) {
          assert.ok(error instanceof ModelError, `round ${round}: ${String(error)}`);
          failed++;
        }
      }
      assert.ok(failed > 100, `${failed} of 600 failed`);
      assert.ok(performance.now() - started < 120_000, 'it took more than two minutes');
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < 1e9, `${grown} bytes more are in use`);
    });
  }
});

describe('the names of split files', () => {
  test('lead from any part to all', () => {
    const parts = ['a-00001-of-00002.gguf', 'a-00002-of-00002.gguf'];
    assert.deepEqual(parts.map(splitFiles), [parts, parts]);
  });

  test('of a whole file are its own', () => {
    assert.deepEqual(splitFiles('a-of-b.gguf'), ['a-of-b.gguf']);
    assert.deepEqual(splitFiles('a-00001-of-99999.gguf'), ['a-00001-of-99999.gguf']);
  });
});
