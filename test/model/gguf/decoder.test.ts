/**
 * @file Decoders out of GGUF files: the checkpoints they were made of, and transformers, give the same.
 */

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

import { ModelError } from '../../../src/domain/errors.js';
import type { TokenId } from '../../../src/domain/units.js';
import type { OrtDecoder } from '../../../src/model/ort/ort-decoder.js';
import { decoderFiles } from '../../../src/model/decoder-files.js';
import { readGgufArchitecture } from '../../../src/model/gguf/configuration.js';
import { GgufFile } from '../../../src/model/gguf/gguf-file.js';
import type { MetadataValue } from '../../../src/model/gguf/header.js';
import { HalvesApart } from '../../../src/model/gguf/tensor-names.js';
import { openDecoder } from '../../../src/model/ort/open.js';
import type { TensorStore } from '../../../src/model/weights/safetensors.js';
import { promptFormat, recognizeFamily } from '../../../src/prompt/fim.js';
import { checkpoints, expected, ggufPath } from './golden.js';

const CPU = { device: 'cpu', dtype: 'fp32', threads: 1 } as const;
const MAX_LOGIT_DIFFERENCE = 1e-4;

const dir = mkdtempSync(join(tmpdir(), 'llava-eval-gguf-'));
after(() => {
  rmSync(dir, { recursive: true });
});

/** Which file was made of which checkpoint; one of them is split. */
const MADE_OF: Readonly<Record<string, string>> = {
  'qwen2-tied-fp32.gguf': 'qwen2-tied-fp32',
  'qwen2-yarn-bf16.gguf': 'qwen2-yarn-bf16',
  'qwen3-tied-bf16.gguf': 'qwen3-tied-bf16',
  'llama-tied-bf16.gguf': 'llama-tied-bf16',
  'llama-biases-linear-bf16.gguf': 'llama-biases-linear-bf16',
  'llama3-sharded-bf16-00002-of-00003.gguf': 'llama3-sharded-bf16',
  'starcoder2-bf16.gguf': 'starcoder2-bf16',
};

async function generate(
  decoder: OrtDecoder,
  prompt: readonly TokenId[],
  count: number,
): Promise<{ logits: Float32Array; tokens: TokenId[] }> {
  let step = await decoder.prefill(decoder.embed(prompt));
  const logits = step.logits.slice();
  const tokens = [step.token];
  while (tokens.length < count) {
    step = await decoder.decode(step.token, step.cache);
    tokens.push(step.token);
  }
  step.cache.dispose();
  return { logits, tokens };
}

interface Case {
  readonly ids: readonly TokenId[];
  readonly logits: readonly number[];
  readonly greedy: readonly TokenId[];
}

async function agrees(path: string, cases: readonly Case[]): Promise<void> {
  const decoder = await openDecoder(path, CPU);
  try {
    for (const { ids, logits, greedy } of cases) {
      const ours = await generate(decoder, ids, greedy.length);
      assert.deepEqual(ours.tokens, greedy);
      const difference = Math.max(...logits.map((logit, i) => Math.abs(logit - ours.logits[i]!)));
      assert.ok(difference <= MAX_LOGIT_DIFFERENCE, `logits differ by ${difference}`);
    }
  } finally {
    await decoder.dispose();
  }
}

const refused = (pattern: RegExp) => (error: unknown) =>
  error instanceof ModelError && pattern.test(error.render());

describe('a decoder in a GGUF file', () => {
  for (const [file, name] of Object.entries(MADE_OF)) {
    test(`${file} gives the logits and tokens of its checkpoint in PyTorch`, async () => {
      await agrees(ggufPath(file), checkpoints.get(name)!);
    });
  }

  test('weights in seven types give the logits and tokens of transformers', async () => {
    await agrees(ggufPath('decoder.gguf'), expected.decoder.cases);
  });

  test('runs in every dtype of the CPU', async () => {
    for (const dtype of ['fp16', 'int8', 'int4', 'int8-dynamic'] as const) {
      const decoder = await openDecoder(ggufPath('decoder.gguf'), { ...CPU, dtype });
      assert.equal(decoder.dtype, dtype);
      await decoder.dispose();
    }
  });

  test('brings its tokenizer, prompt family and the ids that end a text', async () => {
    const files = decoderFiles(ggufPath('decoder.gguf'));
    const tokenizer = await files.loadTokenizer();
    const facts = files.readFacts(714);
    assert.equal(facts.modelType, 'qwen2');
    assert.deepEqual(
      facts.endIds,
      ['<|im_end|>', '<|endoftext|>'].map((token) => tokenizer.controlToken(token)),
    );
    assert.equal(recognizeFamily(tokenizer, facts), 'qwen2.5-coder');
    const { parts, stop } = promptFormat('qwen2.5-coder', tokenizer, facts);
    assert.deepEqual(parts[0], { kind: 'markers', ids: [tokenizer.controlToken('<|fim_prefix|>')] });
    assert.ok(stop.has(tokenizer.controlToken('<|file_sep|>')!));
  });

  test('takes the tokenizer of a folder where one is given', async () => {
    const text = JSON.stringify({
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: { a: 5 }, merges: [] },
    });
    writeFileSync(join(dir, 'tokenizer.json'), text);
    const tokenizer = await decoderFiles(ggufPath('types.gguf'), dir).loadTokenizer();
    assert.deepEqual(tokenizer.encode('a'), [5]);
  });

  test('has another identity when a byte of it changes', async () => {
    const copy = join(dir, 'copy.gguf');
    cpSync(ggufPath('qwen2-tied-fp32.gguf'), copy);
    const bytes = readFileSync(copy);
    bytes[bytes.length - 64]! ^= 1;
    writeFileSync(copy, bytes);
    const identities = [];
    for (const path of [ggufPath('qwen2-tied-fp32.gguf'), copy]) {
      const decoder = await openDecoder(path, CPU);
      identities.push(decoder.identity);
      await decoder.dispose();
    }
    assert.match(identities[0]!, /^[0-9a-f]{64}$/);
    assert.notEqual(identities[0], identities[1]);
  });

  test('a part of a split file that is missing is named', async () => {
    const first = 'llama3-sharded-bf16-00001-of-00003.gguf';
    cpSync(ggufPath(first), join(dir, first));
    await assert.rejects(
      openDecoder(join(dir, first), CPU),
      refused(/00002-of-00003\.gguf: cannot be opened/),
    );
  });

  test('a part under the name of a whole file is refused', async () => {
    const alone = join(dir, 'alone.gguf');
    cpSync(ggufPath('llama3-sharded-bf16-00001-of-00003.gguf'), alone);
    await assert.rejects(openDecoder(alone, CPU), refused(/part 1 of 3, but its name says part 1 of 1/));
  });
});

describe('rows of queries and keys', () => {
  test('stand in halves again, whichever rows are asked for', () => {
    // One head of width 4, one number a row: the file has the pairs (0, 2) and (1, 3) side by side.
    const inFile = [0, 2, 1, 3];
    const store: TensorStore = {
      path: 'test',
      tensors: new Map([['blk.0.attn_q.weight', { dtype: 'F32', shape: [4, 1], start: 0, end: 16 }]]),
      readableTypes: ['F32'],
      read: (_, from, to) => Float32Array.from(inFile.slice(from, to)),
    };
    const apart = new HalvesApart(store, 4);
    assert.deepEqual([...apart.read('blk.0.attn_q.weight')], [0, 1, 2, 3]);
    assert.deepEqual([...apart.read('blk.0.attn_q.weight', 1, 3)], [1, 2]);
  });
});

describe('the metadata of a decoder', () => {
  const file = GgufFile.open(ggufPath('llama-tied-bf16.gguf'));
  file.close();
  const withChanges = (changes: Readonly<Record<string, MetadataValue | undefined>>) => {
    const metadata = new Map(file.metadata);
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) metadata.delete(key);
      else metadata.set(key, value);
    }
    return readGgufArchitecture(
      { path: 'x.gguf', tensors: file.tensors, metadata },
      () => new Float32Array(0),
    );
  };

  test('is read as it is', () => {
    const { heads, kvHeads, headWidth, tiedHead, maxPositions } = withChanges({});
    assert.deepEqual([heads, kvHeads, headWidth, tiedHead, maxPositions], [3, 1, 16, true, 128]);
  });

  test('a sliding window limits the length of a sequence', () => {
    assert.equal(withChanges({ 'llama.attention.sliding_window': 40 }).maxPositions, 40);
  });

  for (const [why, changes, pattern] of [
    [
      'another architecture',
      { 'general.architecture': 'mamba' },
      /architecture is "mamba"[^]*qwen2, qwen3, llama/,
    ],
    ['none', { 'general.architecture': undefined }, /does not name its architecture/],
    [
      'a key of unknown meaning',
      { 'llama.expert_count': 8 },
      /a key of this llama[^]*llama.expert_count is 8/,
    ],
    ['more layers than tensors', { 'llama.block_count': 4e9 }, /block_count is 4000000000, but it holds/],
    ['a context beyond the limit', { 'llama.context_length': 2 ** 31 }, /context_length/],
    [
      'rotation of a part of a head',
      { 'llama.rope.dimension_count': 8 },
      /dimension_count is 8, but heads are 16/,
    ],
    ['values of another width', { 'llama.attention.value_length': 32 }, /keys are 16 wide and values 32/],
    ['heads that differ by layer', { 'llama.attention.head_count': [3, 3] }, /attention.head_count/],
    ['a rope it does not compute', { 'llama.rope.scaling.type': 'longrope' }, /rope.scaling.type/],
    ['attention in both directions', { 'llama.attention.causal': false }, /attention.causal/],
    [
      'more tokens than rows',
      { 'tokenizer.ggml.tokens': Array.from({ length: 73 }, String) },
      /has 73 tokens, but token_embd.weight has 72 rows/,
    ],
    [
      'no epsilon',
      { 'llama.attention.layer_norm_rms_epsilon': undefined },
      /no key llama.attention.layer_norm_rms/,
    ],
  ] as const satisfies readonly (readonly [string, Record<string, MetadataValue | undefined>, RegExp])[]) {
    test(`with ${why} is refused, and the message says why`, () => {
      assert.throws(() => withChanges(changes), refused(pattern));
    });
  }

  test('a tensor that nobody asks for is refused by name', async () => {
    // Without its key for the number of layers at two, the second layer of this file would be left out.
    const path = join(dir, 'short.gguf');
    const bytes = readFileSync(ggufPath('qwen3-tied-bf16.gguf'));
    const key = bytes.indexOf('qwen3.block_count') + 'qwen3.block_count'.length + 4;
    assert.equal(bytes.readUInt32LE(key), 2);
    bytes.writeUInt32LE(1, key);
    writeFileSync(path, bytes);
    await assert.rejects(
      openDecoder(path, CPU),
      refused(/tensors that this version has no use for[^]*blk\.1\./),
    );
  });
});
