/**
 * @file Ready-made ONNX exports as decoders: the rewritten graphs compute what the exports compute.
 *
 * The exports under test/golden/exports were made by optimum and ONNX Runtime's quantization tools
 * (make-exports.py). Each is run here twice: as it is, with token ids, by a bare session; and through
 * `openDecoder`, with embeddings.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

import { InferenceSession, Tensor } from '../../src/model/ort/runtime.js';

import { ModelError } from '../../src/domain/errors.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { Dtype } from '../../src/inference/device.js';
import { findExport, modelFolder } from '../../src/model/folder/export-files.js';
import { openDecoder } from '../../src/model/ort/open.js';
import { logProbability } from '../../src/inference/logits.js';
import type { OrtDecoder } from '../../src/model/ort/ort-decoder.js';
import {
  encodeExportedModel,
  newNode,
  newValue,
  readExportedModel,
  type ExportedModel,
} from '../../src/onnx/exported-model.js';
import { ExportError, readDecoderIo } from '../../src/onnx/exported-decoder-io.js';
import { rewriteDecoder } from '../../src/onnx/rewrite-decoder.js';
import { matrixOf } from '../../src/tensor/matrix.js';

const GOLDEN = fileURLToPath(new URL('../golden/exports', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'export-'));
const cacheDir = join(folder, 'cache');
const options = (dtype: Dtype) => ({ device: 'cpu', dtype, threads: 1, cacheDir }) as const;
const ids = (...numbers: readonly number[]): TokenId[] => numbers.map(tokenId);
const PROMPT = ids(3, 14, 15, 9, 26, 53, 58, 9, 7, 9);

before(() => {
  for (const entry of readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' })) {
    const from = join(GOLDEN, entry);
    if (!statSync(from).isFile()) continue;
    const to = join(folder, entry.replace(/\.gz$/, ''));
    mkdirSync(dirname(to), { recursive: true });
    const bytes = readFileSync(from);
    writeFileSync(to, entry.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
});
after(() => {
  rmSync(folder, { recursive: true });
});

/** Logits of the last position by the export as it is, fed as its own inputs want it. */
async function originalLogits(path: string, prompt: readonly TokenId[]): Promise<Float32Array> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
  try {
    const T = prompt.length;
    const row = (of: (i: number) => bigint): Tensor =>
      new Tensor(
        'int64',
        BigInt64Array.from({ length: T }, (_, i) => of(i)),
        [1, T],
      );
    const half = readExportedModel(readFileSync(path)).inputs.some(({ dataType }) => dataType === 10);
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      if (name === 'input_ids') feeds[name] = row((i) => BigInt(prompt[i]!));
      else if (name === 'attention_mask') feeds[name] = row(() => 1n);
      else if (name === 'position_ids') feeds[name] = row((i) => BigInt(i));
      else {
        feeds[name] = half
          ? new Tensor('float16', new Uint16Array(0), [1, 1, 0, 16])
          : new Tensor('float32', new Float32Array(0), [1, 1, 0, 16]);
      }
    }
    const logits = (await session.run(feeds)).logits!;
    const numbers =
      logits.data instanceof Float32Array ? logits.data : Float32Array.from(logits.data as Iterable<number>);
    return numbers.slice(-64);
  } finally {
    await session.release();
  }
}

const largest = (numbers: Iterable<number>): number => Math.max(...Array.from(numbers, Math.abs));
const difference = (a: Float32Array, b: Float32Array): number => largest(a.map((x, i) => x - b[i]!));

async function using<T>(
  reference: string,
  dtype: Dtype,
  run: (decoder: OrtDecoder) => Promise<T>,
): Promise<T> {
  const decoder = await openDecoder(reference, options(dtype));
  try {
    return await run(decoder);
  } finally {
    await decoder.dispose();
  }
}

describe('an export with token ids', () => {
  const cases = [
    {
      name: 'of optimum, in transformers.js layout',
      reference: 'qwen2',
      file: 'qwen2/onnx/model.onnx',
      within: 1e-5,
    },
    { name: 'with 4-bit matrices', reference: 'qwen2/onnx/model_q4.onnx', within: 1e-5 },
    {
      name: 'of another opset, weights in a second file',
      reference: 'llama',
      file: 'llama/model.onnx',
      within: 1e-5,
    },
    // One scale for the last position instead of one over all: 8 bits of the largest hidden number apart.
    { name: 'with dynamic int8', reference: 'qwen2/onnx/model_quantized.onnx', within: 0.05 },
  ];
  for (const { name, reference, file = reference, within } of cases) {
    test(`${name} gives the logits of the untouched export`, async () => {
      const expected = await originalLogits(join(folder, file), PROMPT);
      await using(join(folder, reference), 'fp32', async (decoder) => {
        assert.deepEqual([decoder.width, decoder.vocabularySize, decoder.maxPositions], [32, 64, 128]);
        const step = await decoder.prefill(decoder.embed(PROMPT));
        assert.equal(step.logits.length, 64, 'the last position only');
        const relative = difference(step.logits, expected) / largest(expected);
        assert.ok(relative <= within, `largest relative difference ${relative}`);
        step.cache.dispose();
      });
    });
  }

  test('with dynamic int8 gives them exactly where the prompt is one token', async () => {
    const file = join(folder, 'qwen2/onnx/model_quantized.onnx');
    const expected = await originalLogits(file, PROMPT.slice(0, 1));
    await using(file, 'fp32', async (decoder) => {
      const { logits, cache } = await decoder.prefill(decoder.embed(PROMPT.slice(0, 1)));
      assert.ok(difference(logits, expected) <= 1e-5);
      cache.dispose();
    });
  });

  test('in half precision is found by its dtype and gives the logits of the fp32 export to 2 percent', async () => {
    const expected = await originalLogits(join(folder, 'qwen2/onnx/model.onnx'), PROMPT);
    await using(join(folder, 'qwen2'), 'fp16', async (decoder) => {
      const { logits, cache } = await decoder.prefill(decoder.embed(PROMPT));
      assert.ok(difference(logits, expected) / largest(expected) <= 0.02);
      cache.dispose();
    });
  });

  test('decodes step by step to what one pass over all tokens gives', async () => {
    await using(join(folder, 'qwen2'), 'fp32', async (decoder) => {
      const whole = await decoder.prefill(decoder.embed(PROMPT));
      let step = await decoder.prefill(decoder.embed(PROMPT.slice(0, 4)));
      for (const token of PROMPT.slice(4)) step = await decoder.decode(token, step.cache);
      assert.ok(difference(step.logits, whole.logits) <= 1e-4);
      assert.equal(step.cache.length, PROMPT.length);
      step.cache.dispose();
      whole.cache.dispose();
    });
  });

  test('scores a text behind a prompt as its steps would, and leaves the prompt as it was', async () => {
    await using(join(folder, 'qwen2'), 'fp32', async (decoder) => {
      // Longer than what is scored in one run.
      const text = Array.from({ length: 40 }, (_, i) => ids(PROMPT[i % PROMPT.length]!)[0]!);
      const start = await decoder.prefill(decoder.embed(PROMPT));
      let logits: Float32Array = start.logits.slice();
      const scores = await decoder.logProbabilities({ ids: text, end: null }, start);
      let step = start;
      for (const [i, token] of text.entries()) {
        assert.ok(Math.abs(scores[i]! - logProbability(logits, [token])) <= 1e-4, `position ${i}`);
        step = await decoder.decode(token, step.cache);
        logits = step.logits;
      }
      step.cache.dispose();
    });
  });

  test('takes a soft token like any other row', async () => {
    await using(join(folder, 'qwen2'), 'fp32', async (decoder) => {
      const text = decoder.embed(PROMPT);
      const soft = decoder.embed(PROMPT);
      soft.data.subarray(2 * 32, 3 * 32).set(decoder.embed(ids(50)).data);
      const swapped = ids(...PROMPT.map((id, i) => (i === 2 ? 50 : id)));
      const [a, b, c] = [
        await decoder.prefill(soft),
        await decoder.prefill(decoder.embed(swapped)),
        await decoder.prefill(text),
      ];
      assert.deepEqual(a.logits, b.logits);
      assert.notDeepEqual(a.logits, c.logits);
      for (const { cache } of [a, b, c]) cache.dispose();
    });
  });

  test('is not touched', async () => {
    const file = join(folder, 'llama/model.onnx');
    const hashes = () =>
      [file, `${file}_data`].map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    const earlier = hashes();
    await using(join(folder, 'llama'), 'fp32', (decoder) => Promise.resolve(decoder.identity));
    assert.deepEqual(hashes(), earlier);
  });
});

describe('an export with embeddings', () => {
  test('runs as it is, with the lookup beside it', async () => {
    const expected = await originalLogits(join(folder, 'qwen2/onnx/model.onnx'), PROMPT);
    await using(join(folder, 'embeds'), 'fp32', async (decoder) => {
      const step = await decoder.prefill(decoder.embed(PROMPT));
      assert.ok(difference(step.logits, expected) <= 1e-5);
      assert.equal(step.logits.length, 64);
      step.cache.dispose();
    });
  });

  test('without its lookup is refused', async () => {
    const lone = join(folder, 'lone');
    cpSync(join(folder, 'embeds'), lone, { recursive: true });
    rmSync(join(lone, 'onnx/embed_tokens.onnx'));
    await assert.rejects(openDecoder(lone, options('fp32')), /takes embeddings, but no embed_tokens\.onnx/);
  });
});

describe('the files of an export', () => {
  test('config and tokenizer lie beside the graph or one folder above', () => {
    assert.equal(findExport(join(folder, 'qwen2/onnx/model_q4.onnx'), 'fp32').folder, join(folder, 'qwen2'));
    assert.equal(findExport(join(folder, 'llama'), 'fp32').folder, join(folder, 'llama'));
    assert.equal(modelFolder(join(folder, 'qwen2/onnx/model_q4.onnx')), join(folder, 'qwen2'));
    assert.equal(modelFolder(join(folder, 'qwen2')), join(folder, 'qwen2'));
  });

  test('a dtype that was not exported is refused with the list of files', () => {
    assert.throws(
      () => findExport(join(folder, 'llama'), 'fp16'),
      (error) =>
        error instanceof ModelError && /no ONNX export in fp16\n {2}it has: model\.onnx/.test(error.render()),
    );
  });

  test('missing weights and a damaged graph are refused by name', async () => {
    const bare = join(folder, 'bare');
    cpSync(join(folder, 'llama'), bare, { recursive: true });
    rmSync(join(bare, 'model.onnx_data'));
    await assert.rejects(
      openDecoder(bare, options('fp32')),
      /model\.onnx_data: is missing; it holds weights/,
    );
    const bytes = readFileSync(join(folder, 'qwen2/onnx/model.onnx'));
    writeFileSync(join(bare, 'model.onnx'), bytes.subarray(0, bytes.length / 2));
    await assert.rejects(openDecoder(bare, options('fp32')), /not an ONNX file, or damaged/);
  });
});

describe('rewriting', () => {
  const read = (path: string): ExportedModel =>
    readExportedModel(new Uint8Array(readFileSync(join(folder, path))));
  const refused = (model: ExportedModel, pattern: RegExp): void => {
    assert.throws(
      () => rewriteDecoder(model),
      (error) => error instanceof ExportError && pattern.test(error.message),
    );
  };

  test('a model that is read and written again is the same model', () => {
    for (const path of ['qwen2/onnx/model.onnx', 'llama/model.onnx']) {
      const model = read(path);
      const again = readExportedModel(encodeExportedModel(model));
      assert.deepEqual(again, model);
    }
  });

  test('the head sees the positions asked for alone, and nothing unused stays', () => {
    const model = read('qwen2/onnx/model.onnx');
    const { decoder, lookup, io } = rewriteDecoder(model);
    assert.equal(io.scoresAskedOnly, true);
    const rewritten = readExportedModel(decoder);
    const made = new Set(rewritten.nodes.flatMap(({ outputs }) => outputs));
    const known = new Set([
      ...made,
      ...[...rewritten.inputs, ...rewritten.initializers].map(({ name }) => name),
      '',
    ]);
    assert.deepEqual(
      rewritten.nodes.flatMap(({ inputs }) => inputs).filter((name) => !known.has(name)),
      [],
    );
    assert.ok(!rewritten.initializers.some(({ name }) => name === 'model.embed_tokens.weight'));
    assert.deepEqual(
      readExportedModel(lookup).nodes.map(({ operator }) => operator),
      ['Gather', 'Cast'],
    );
  });

  test('a head that is not understood stays as it is', () => {
    const model = read('qwen2/onnx/model.onnx');
    const nodes = model.nodes.map((node) =>
      node.outputs.includes('logits') ? { ...node, outputs: ['head'] } : node,
    );
    const { io } = rewriteDecoder({
      ...model,
      nodes: [...nodes, newNode('Relu', 'relu', ['head'], ['logits'])],
    });
    assert.equal(io.scoresAskedOnly, false);
  });

  test('what cannot be entered by embeddings is refused by the part that prevents it', () => {
    const model = read('qwen2/onnx/model.onnx');
    refused(
      { ...model, nodes: [...model.nodes, newNode('Neg', 'negate', ['input_ids'], ['x'])] },
      /node negate \(Neg\)/,
    );
    refused(
      { ...model, inputs: [...model.inputs, newValue('encoder_hidden', 1, [1])] },
      /unknown meaning: encoder_hidden/,
    );
    refused(
      { ...model, inputs: [...model.inputs, newValue('use_cache_branch', 9, [1])] },
      /use_cache_branch/,
    );
    refused(
      { ...model, inputs: model.inputs.filter(({ name }) => !name.startsWith('past')) },
      /without a cache/,
    );
    refused({ ...model, outputs: [] }, /no output "logits"/);
    const [first, ...others] = model.nodes;
    refused({ ...model, nodes: [{ ...first!, hasSubgraph: true }, ...others] }, /holds a graph of its own/);
  });

  test('positions are fed by the names the graph has', () => {
    assert.deepEqual(readDecoderIo(read('qwen2/onnx/model.onnx')).positions, [
      'attention_mask',
      'position_ids',
    ]);
  });
});

test('an empty prompt and a row of another width are refused like everywhere', async () => {
  await using(join(folder, 'qwen2'), 'fp32', async (decoder) => {
    await assert.rejects(decoder.prefill(matrixOf(0, 32, new Float32Array(0))), /the prompt is empty/);
    await assert.rejects(
      decoder.prefill(matrixOf(1, 8, new Float32Array(8))),
      /8 wide but the decoder is 32/,
    );
  });
});
