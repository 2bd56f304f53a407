/**
 * @file Reads a Hugging Face `config.json` into the architecture that a graph is built from.
 *
 * Transformers 4 and 5 spell some fields differently (`rope_theta` at the top, in `rope_parameters`
 * or in `rope_scaling`); both are read. What the graphs do not compute (rope scaling, sliding
 * windows, other activations) is refused by name instead of being ignored.
 */

import { readFileSync } from 'node:fs';

import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import type { DecoderArchitecture } from '../onnx/decoder-graph.js';
import type { EncoderArchitecture } from '../onnx/encoder-graph.js';

const count = z.number().int().positive();

const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  /** Older spelling of `rope_type`. */
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
});

const qwen2Schema = z.object({
  model_type: z.literal('qwen2'),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.optional(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive().default(1e-6),
  hidden_act: z.string().default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  use_sliding_window: z.boolean().nullish(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
});

const robertaSchema = z.object({
  model_type: z.literal('roberta'),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  vocab_size: count,
  max_position_embeddings: count,
  type_vocab_size: count,
  pad_token_id: z.number().int().nonnegative().default(1),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_act: z.string().default('gelu'),
  position_embedding_type: z.string().default('absolute'),
});

/** Rotary base where a configuration names none; the default of the published configuration class. */
const DEFAULT_ROPE_THETA = 10_000;

/**
 * The architecture of a decoder.
 *
 * @throws {ModelError} If the file cannot be read, is of another model type, or asks for something
 *   that the graph does not compute.
 */
export function readDecoderConfig(path: string): DecoderArchitecture {
  const config = readConfig(path, qwen2Schema, 'decoder');
  if (config.hidden_act !== 'silu') refuse(path, 'hidden_act', config.hidden_act, 'silu');
  if (config.use_sliding_window === true) refuse(path, 'use_sliding_window', 'true', 'false');
  const rope = config.rope_parameters ?? config.rope_scaling ?? {};
  const ropeType = rope.rope_type ?? rope.type ?? 'default';
  if (ropeType !== 'default') refuse(path, 'rope type', ropeType, 'default (no scaling)');

  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headWidth = config.head_dim ?? config.hidden_size / heads;
  if (heads % kvHeads !== 0) {
    throw new ModelError(`${path}: ${heads} attention heads cannot share ${kvHeads} key/value heads evenly`);
  }
  if (!Number.isInteger(headWidth) || headWidth % 16 !== 0) {
    throw new ModelError(`${path}: attention heads are ${headWidth} wide`, [
      'the attention kernel needs a multiple of 16',
    ]);
  }
  return {
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    feedForwardWidth: config.intermediate_size,
    heads,
    kvHeads,
    headWidth,
    vocabularySize: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    ropeTheta: rope.rope_theta ?? config.rope_theta ?? DEFAULT_ROPE_THETA,
    rmsNormEps: config.rms_norm_eps,
    tiedHead: config.tie_word_embeddings,
    attentionBias: true,
  };
}

/**
 * The architecture of an encoder.
 *
 * @throws {ModelError} As {@link readDecoderConfig}.
 */
export function readEncoderConfig(path: string): EncoderArchitecture {
  const config = readConfig(path, robertaSchema, 'encoder');
  if (config.hidden_act !== 'gelu') refuse(path, 'hidden_act', config.hidden_act, 'gelu (exact)');
  if (config.position_embedding_type !== 'absolute') {
    refuse(path, 'position_embedding_type', config.position_embedding_type, 'absolute');
  }
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new ModelError(
      `${path}: ${config.num_attention_heads} attention heads do not divide the width ${config.hidden_size}`,
    );
  }
  return {
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    feedForwardWidth: config.intermediate_size,
    heads: config.num_attention_heads,
    vocabularySize: config.vocab_size,
    positions: config.max_position_embeddings,
    tokenTypes: config.type_vocab_size,
    paddingId: config.pad_token_id,
    layerNormEps: config.layer_norm_eps,
  };
}

/** Reads and checks a configuration; the model type is checked first, since all else follows from it. */
function readConfig<S extends z.ZodType>(path: string, schema: S, role: string): z.infer<S> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ModelError(
      `${path}: cannot be read (${messageOf(error)})`,
      [`a ${role} folder needs the config.json of its checkpoint`],
      { cause: error },
    );
  }
  const result = schema.safeParse(parsed);
  if (!result.success) {
    throw new ModelError(`${path}: not a ${role} configuration this version can run`, [
      ...z.prettifyError(result.error).split('\n'),
      `supported ${role}s: ${role === 'decoder' ? 'qwen2' : 'roberta'}`,
    ]);
  }
  return result.data;
}

function refuse(path: string, field: string, found: string, supported: string): never {
  throw new ModelError(`${path}: ${field} is ${found}; this version computes only ${supported}`, [
    'running it anyway would give other numbers than the model was trained for',
  ]);
}
