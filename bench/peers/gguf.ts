/**
 * @file A checkpoint as a GGUF file for llama.cpp, with its tokenizer, so that no Python is needed.
 *
 * Qwen2 with tied embeddings and byte-level BPE only, which is what the embedded decoder is. Matrices keep
 * the row order of the checkpoint: llama.cpp rotates qwen2 by halves, as the checkpoint means it.
 *
 * Source: ggml/docs/gguf.md (version 3); the tensor names of llama.cpp's gguf-py for `qwen2`.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { Checkpoint } from '../../src/model/weights/checkpoint.js';
import { readDecoderConfig } from '../../src/model/architecture/config.js';
import { toHalf } from '../../src/onnx/half.js';

export type GgufType = 'F32' | 'F16';

/** Codes of ggml_type. */
const TYPE_CODES = { F32: 0, F16: 1 } as const;
/** Codes of gguf_metadata_value_type. */
const VALUE_CODES = { uint32: 4, float32: 6, string: 8, array: 9, int32: 5 } as const;
const ALIGNMENT = 32;
/** Kinds of tokens as llama.cpp counts them. */
const NORMAL = 1;
const CONTROL = 3;

const LAYER_TENSORS: Readonly<Record<string, string>> = {
  'input_layernorm.weight': 'attn_norm.weight',
  'self_attn.q_proj.weight': 'attn_q.weight',
  'self_attn.q_proj.bias': 'attn_q.bias',
  'self_attn.k_proj.weight': 'attn_k.weight',
  'self_attn.k_proj.bias': 'attn_k.bias',
  'self_attn.v_proj.weight': 'attn_v.weight',
  'self_attn.v_proj.bias': 'attn_v.bias',
  'self_attn.o_proj.weight': 'attn_output.weight',
  'post_attention_layernorm.weight': 'ffn_norm.weight',
  'mlp.gate_proj.weight': 'ffn_gate.weight',
  'mlp.up_proj.weight': 'ffn_up.weight',
  'mlp.down_proj.weight': 'ffn_down.weight',
};

type Value =
  | { readonly kind: 'uint32' | 'float32'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'int32s'; readonly value: readonly number[] };

const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.int(), content: z.string(), special: z.boolean() })),
  model: z.object({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), z.int()),
    merges: z.array(z.tuple([z.string(), z.string()])),
  }),
});

/** Writes the file; vectors stay in F32, as llama.cpp wants them. */
export function writeGguf(checkpointDir: string, type: GgufType, path: string): void {
  const checkpoint = Checkpoint.open(checkpointDir);
  try {
    const tensors = [...checkpoint.tensors].map(([name, { shape }]) => {
      const own: GgufType = shape.length === 1 ? 'F32' : type;
      const numbers = checkpoint.read(name);
      const data = own === 'F32' ? numbers : toHalf(numbers);
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      return { name: ggufName(name), shape, type: own, bytes };
    });
    const values = [...Object.entries(metadata(checkpointDir, type))];
    const infos: Buffer[] = [];
    const data: Buffer[] = [];
    let offset = 0;
    for (const tensor of tensors) {
      // Sizes count from the innermost dimension.
      const dims = tensor.shape.toReversed().map((dim) => u64(dim));
      infos.push(text(tensor.name), u32(dims.length), ...dims, u32(TYPE_CODES[tensor.type]), u64(offset));
      data.push(tensor.bytes, padding(tensor.bytes.length));
      offset += tensor.bytes.length + padding(tensor.bytes.length).length;
    }
    const head = Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(tensors.length),
      u64(values.length),
      ...values.flatMap(([key, value]) => [text(key), encoded(value)]),
      ...infos,
    ]);
    writeFileSync(path, Buffer.concat([head, padding(head.length), ...data]));
  } finally {
    checkpoint.close();
  }
}

function ggufName(name: string): string {
  if (name === 'model.embed_tokens.weight') return 'token_embd.weight';
  if (name === 'model.norm.weight') return 'output_norm.weight';
  const [, layer, rest] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
  const own = rest === undefined ? undefined : LAYER_TENSORS[rest];
  if (layer === undefined || own === undefined) throw new Error(`${name}: GGUF has no name for this tensor`);
  return `blk.${layer}.${own}`;
}

function metadata(dir: string, type: GgufType): Record<string, Value> {
  const architecture = readDecoderConfig(join(dir, 'config.json'));
  const { rope, tiedHead } = architecture;
  if (rope?.scaling.kind !== 'none' || !tiedHead) throw new Error(`${dir}: not a plain, tied decoder`);
  const tokenizer = tokenizerSchema.parse(JSON.parse(readFileSync(join(dir, 'tokenizer.json'), 'utf8')));
  const tokens = Array.from({ length: architecture.vocabularySize }, (_, id) => `[unused ${id}]`);
  const kinds = tokens.map(() => CONTROL);
  for (const [token, id] of Object.entries(tokenizer.model.vocab)) [tokens[id], kinds[id]] = [token, NORMAL];
  for (const { id, content } of tokenizer.added_tokens) [tokens[id], kinds[id]] = [content, CONTROL];
  const uint = (value: number): Value => ({ kind: 'uint32', value });
  const float = (value: number): Value => ({ kind: 'float32', value });
  const string = (value: string): Value => ({ kind: 'string', value });
  const endOfText = uint(tokens.indexOf('<|endoftext|>'));
  return {
    'general.architecture': string('qwen2'),
    'general.name': string('llavacode-nano'),
    'general.file_type': uint(TYPE_CODES[type]),
    'qwen2.block_count': uint(architecture.layers),
    'qwen2.context_length': uint(architecture.maxPositions),
    'qwen2.embedding_length': uint(architecture.width),
    'qwen2.feed_forward_length': uint(architecture.feedForwardWidth),
    'qwen2.attention.head_count': uint(architecture.heads),
    'qwen2.attention.head_count_kv': uint(architecture.kvHeads),
    'qwen2.attention.key_length': uint(architecture.headWidth),
    'qwen2.attention.value_length': uint(architecture.headWidth),
    'qwen2.attention.layer_norm_rms_epsilon': float(architecture.norm.eps),
    'qwen2.rope.freq_base': float(rope.theta),
    'tokenizer.ggml.model': string('gpt2'),
    'tokenizer.ggml.pre': string('qwen2'),
    'tokenizer.ggml.tokens': { kind: 'strings', value: tokens },
    'tokenizer.ggml.token_type': { kind: 'int32s', value: kinds },
    'tokenizer.ggml.merges': { kind: 'strings', value: tokenizer.model.merges.map((pair) => pair.join(' ')) },
    'tokenizer.ggml.bos_token_id': endOfText,
    'tokenizer.ggml.eos_token_id': endOfText,
  };
}

function encoded(value: Value): Buffer {
  switch (value.kind) {
    case 'uint32':
      return Buffer.concat([u32(VALUE_CODES.uint32), u32(value.value)]);
    case 'float32': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value.value);
      return Buffer.concat([u32(VALUE_CODES.float32), bytes]);
    }
    case 'string':
      return Buffer.concat([u32(VALUE_CODES.string), text(value.value)]);
    case 'strings':
      return array('string', value.value.map(text));
    case 'int32s':
      return array('int32', value.value.map(u32));
  }
}

function array(kind: 'string' | 'int32', items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(VALUE_CODES.array), u32(VALUE_CODES[kind]), u64(items.length), ...items]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padding(length: number): Buffer {
  return Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
}
