/**
 * @file The architecture of a decoder out of the metadata of a GGUF file.
 *
 * Flow: metadata -> the fields of a Hugging Face configuration -> **architecture** -> graph.
 * As with `config.json`, a key of the architecture is read, or known to leave a forward pass as it is, or
 * refused by name. What GGUF says by the tensors a file holds is taken from there: the vocabulary's size,
 * a head of its own, and biases.
 *
 * Source: the keys that llama.cpp's `convert_hf_to_gguf.py` writes, and how llama.cpp reads them.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import { parseDecoderConfig } from '../architecture/config.js';
import { count, epsilon } from '../architecture/config-fields.js';
import type { TensorStore } from '../weights/safetensors.js';
import type { MetadataValue } from './header.js';

/** The architectures that run, and what makes each differ. */
const ARCHITECTURES = {
  qwen2: { norm: 'layer_norm_rms_epsilon', window: null },
  qwen3: { norm: 'layer_norm_rms_epsilon', window: null },
  llama: { norm: 'layer_norm_rms_epsilon', window: null },
  // Every StarCoder2 was trained with this window, and its GGUF does not say so.
  starcoder2: { norm: 'layer_norm_epsilon', window: 4096 },
} as const;

type ArchitectureName = keyof typeof ARCHITECTURES;

export const GGUF_ARCHITECTURES = Object.keys(ARCHITECTURES);

/**
 * Longest context accepted: two tables of rotations take 512 bytes a position at usual head widths, and
 * the context may be any number in a file.
 */
const MAX_CONTEXT = 1 << 20;

/** Rotations of Llama 3 as divisors of the frequencies; a tensor and no metadata. */
export const ROPE_DIVISORS = 'rope_freqs.weight';

const factor = z.number().positive();
/** Of these keys, 0 says that there is none. */
const orNone = (of: z.ZodType<number>): z.ZodType<number | undefined> =>
  z.union([z.literal(0).transform(() => undefined), of]).optional();

/** Keys behind the architecture's name. */
const fields = {
  block_count: count,
  context_length: count.max(MAX_CONTEXT),
  embedding_length: count,
  feed_forward_length: count,
  'attention.head_count': count,
  'attention.head_count_kv': count.optional(),
  'attention.key_length': count.optional(),
  'attention.value_length': count.optional(),
  'attention.layer_norm_epsilon': epsilon.optional(),
  'attention.layer_norm_rms_epsilon': epsilon.optional(),
  'attention.sliding_window': orNone(count),
  'attention.causal': z.literal(true).optional(),
  'rope.dimension_count': count.optional(),
  'rope.freq_base': factor.optional(),
  /** Older spelling of linear scaling. */
  'rope.scale_linear': factor.optional(),
  'rope.scaling.type': z.enum(['none', 'linear', 'yarn']).optional(),
  'rope.scaling.factor': orNone(factor),
  'rope.scaling.original_context_length': count.optional(),
  'rope.scaling.attn_factor': z.literal(1).optional(),
  'rope.scaling.yarn_beta_fast': factor.optional(),
  'rope.scaling.yarn_beta_slow': factor.optional(),
  'rope.scaling.yarn_ext_factor': z.literal(1).optional(),
  'rope.scaling.yarn_attn_factor': z.literal(1).optional(),
};
const schema = z.object(fields);
type Fields = z.infer<typeof schema>;

/** Keys that say how a model came to be, not what it computes, or what its tensors say. */
const WITHOUT_EFFECT = new Set(['rope.scaling.finetuned', 'tensor_data_layout', 'vocab_size']);

/** A part of the model that metadata and tensors describe. */
type Source = Pick<TensorStore, 'path' | 'tensors'> & {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
};

/**
 * The architecture of an open file.
 *
 * @param divisors The numbers of {@link ROPE_DIVISORS}, if the file has that tensor.
 * @throws {ModelError} If the file holds another kind of model, or one that the graphs do not compute.
 */
export function readGgufArchitecture(source: Source, divisors: () => Float32Array): DecoderArchitecture {
  const { path, metadata, tensors } = source;
  const name = architectureName(path, metadata);
  const found = ownFields(path, metadata, name);
  const { block_count: layers } = found;
  // Every layer has tensors: so the number of layers cannot be larger, whatever the file claims.
  if (layers > tensors.size) {
    throw new ModelError(`${path}: ${name}.block_count is ${layers}, but it holds ${tensors.size} tensors`);
  }
  const architecture = parseDecoderConfig(configOf(source, name, found), path);
  const rotated = found['rope.dimension_count'] ?? architecture.headWidth;
  if (rotated !== architecture.headWidth) {
    throw new ModelError(
      `${path}: ${name}.rope.dimension_count is ${rotated}, but heads are ${architecture.headWidth} wide`,
      ['this version rotates whole heads only'],
    );
  }
  const window = found['attention.sliding_window'] ?? ARCHITECTURES[name].window;
  return {
    ...architecture,
    // Up to the window's length a window changes nothing.
    maxPositions: Math.min(architecture.maxPositions, window ?? architecture.maxPositions),
    biases: biasesOf(name, architecture, tensors),
    rope: tensors.has(ROPE_DIVISORS) ? divided(source, name, architecture, divisors) : architecture.rope,
  };
}

/** @throws {ModelError} If the file holds something else than one of the models that run. */
function architectureName(path: string, metadata: Source['metadata']): ArchitectureName {
  const name = metadata.get('general.architecture');
  if (typeof name === 'string' && Object.hasOwn(ARCHITECTURES, name)) return name as ArchitectureName;
  throw new ModelError(
    `${path}: ${name === undefined ? 'does not name its architecture' : `its architecture is ${JSON.stringify(name).slice(0, 80)}`}`,
    [`this version runs GGUF files of ${GGUF_ARCHITECTURES.join(', ')}`],
  );
}

/** The keys of the architecture, checked. */
function ownFields(path: string, metadata: Source['metadata'], name: ArchitectureName): Fields {
  const prefix = `${name}.`;
  const own = Object.fromEntries(
    [...metadata].flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
    ),
  );
  const unknown = Object.entries(own).filter(
    ([key, value]) =>
      !Object.hasOwn(fields, key) &&
      !WITHOUT_EFFECT.has(key) &&
      value !== false &&
      value !== 0 &&
      value !== '',
  );
  if (unknown.length > 0) {
    throw new ModelError(
      `${path}: ${unknown.length === 1 ? 'a key' : `${unknown.length} keys`} of this ${name} model may change numbers in a way this version does not know`,
      [
        ...unknown.map(([key, value]) => `${prefix}${key} is ${JSON.stringify(value).slice(0, 60)}`),
        `read: ${Object.keys(fields).join(', ')}`,
      ],
    );
  }
  const result = schema.safeParse(own);
  if (result.success) return result.data;
  throw new ModelError(`${path}: not a ${name} model this version can run`, [
    ...z.prettifyError(result.error).split('\n'),
    `the keys begin with ${prefix}`,
  ]);
}

/** The same as Hugging Face spells it. */
function configOf(
  { path, metadata, tensors }: Source,
  name: ArchitectureName,
  found: Fields,
): Record<string, unknown> {
  const table = tensors.get('token_embd.weight');
  if (table === undefined) throw new ModelError(`${path}: there is no tensor token_embd.weight`);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  if (Array.isArray(tokens) && tokens.length > table.shape[0]!) {
    throw new ModelError(
      `${path}: has ${tokens.length} tokens, but token_embd.weight has ${table.shape[0]} rows`,
    );
  }
  const heads = found['attention.head_count'];
  const headWidth = found['attention.key_length'] ?? found.embedding_length / heads;
  const values = found['attention.value_length'] ?? headWidth;
  if (values !== headWidth) {
    throw new ModelError(
      `${path}: keys are ${headWidth} wide and values ${values}; the graphs need one width`,
    );
  }
  const { norm } = ARCHITECTURES[name];
  const eps = found[`attention.${norm}`];
  if (eps === undefined) throw new ModelError(`${path}: there is no key ${name}.attention.${norm}`);
  return {
    model_type: name,
    hidden_size: found.embedding_length,
    intermediate_size: found.feed_forward_length,
    num_hidden_layers: found.block_count,
    num_attention_heads: heads,
    num_key_value_heads: found['attention.head_count_kv'] ?? heads,
    head_dim: headWidth,
    vocab_size: table.shape[0],
    max_position_embeddings: found.context_length,
    rope_theta: found['rope.freq_base'],
    rope_scaling: scalingOf(found),
    tie_word_embeddings: !tensors.has('output.weight'),
    ...(norm === 'layer_norm_epsilon' ? { norm_epsilon: eps } : { rms_norm_eps: eps }),
  };
}

function scalingOf(found: Fields): Record<string, unknown> | null {
  const old = found['rope.scale_linear'];
  const type = found['rope.scaling.type'] ?? (old === undefined || old === 1 ? 'none' : 'linear');
  switch (type) {
    case 'none':
      return null;
    case 'linear':
      return { rope_type: 'linear', factor: found['rope.scaling.factor'] ?? old };
    case 'yarn':
      return {
        rope_type: 'yarn',
        factor: found['rope.scaling.factor'],
        original_max_position_embeddings: found['rope.scaling.original_context_length'],
        beta_fast: found['rope.scaling.yarn_beta_fast'],
        beta_slow: found['rope.scaling.yarn_beta_slow'],
      };
  }
}

/** A GGUF file says by its tensors which layers have biases; Qwen2 always has those three. */
function biasesOf(
  name: ArchitectureName,
  { biases }: DecoderArchitecture,
  tensors: Source['tensors'],
): DecoderArchitecture['biases'] {
  if (name === 'qwen2') return biases;
  const has = (layer: string): boolean => tensors.has(`blk.0.${layer}.bias`);
  return {
    queryKeyValue: has('attn_q'),
    attentionOutput: has('attn_output'),
    feedForward: has('ffn_up'),
  };
}

/** @throws {ModelError} If the divisors do not belong to the heads, or come beside another scaling. */
function divided(
  { path, tensors }: Source,
  name: ArchitectureName,
  { rope, headWidth }: DecoderArchitecture,
  divisors: () => Float32Array,
): DecoderArchitecture['rope'] {
  const { shape } = tensors.get(ROPE_DIVISORS)!;
  if (name !== 'llama' || rope?.scaling.kind !== 'none' || shape.join() !== String(headWidth / 2)) {
    throw new ModelError(
      `${path}: ${ROPE_DIVISORS} [${shape.join(', ')}] does not fit this ${name} model, whose heads are ${headWidth} wide`,
      ['this version reads it in llama models without another rope scaling'],
    );
  }
  const numbers = [...divisors()];
  if (!numbers.every((number) => Number.isFinite(number) && number > 0)) {
    throw new ModelError(`${path}: ${ROPE_DIVISORS} holds numbers that are no divisors`);
  }
  return { theta: rope.theta, scaling: { kind: 'divided', divisors: numbers } };
}
