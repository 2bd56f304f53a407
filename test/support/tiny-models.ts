/**
 * @file A complete model bundle small enough to write and load within a test.
 *
 * Decoder (Qwen2), encoder (RoBERTa), projector and both tokenizers have the layout of a real bundle
 * and random weights from a seed: good for everything but the quality of a completion.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { encodeSafetensors, type NamedTensor } from './safetensors-writer.js';

export interface TinyBundleOptions {
  /** Same seed, same bytes. */
  readonly seed?: number;
  /** Projector depth. */
  readonly projectorLayers?: 2 | 3 | 4;
  /** Width C of the decoder; a multiple of 32 (2 heads, each a multiple of 16 wide). */
  readonly decoderWidth?: number;
  /** Width E of the encoder; a multiple of 3. */
  readonly encoderWidth?: number;
  /** Output width of the projector where it shall not fit the decoder. */
  readonly projectorOutput?: number;
  /** Soft tokens a chunk: so many times as wide as the decoder is the projector's output. */
  readonly softTokens?: number;
  readonly maxPositions?: number;
}

/** Control tokens of the tiny decoder, with the names of Qwen2.5-Coder. */
/** Of the decoder, unless the options say another. */
export const TINY_DECODER_WIDTH = 32;

export const TINY_DECODER_CONTROLS = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<|fim_pad|>',
  '<|repo_name|>',
  '<|file_sep|>',
] as const;

/** Control tokens of the tiny encoder, with the names and first ids of UniXcoder. */
export const TINY_ENCODER_CONTROLS = ['<s>', '<pad>', '</s>', '<unk>', '<mask>', '<encoder-only>'] as const;

/** Words that are one token; every prefix of a word is one too. */
const WORDS = ['const', 'return', 'function', 'import', 'from', 'export', 'this', 'Ġ=', 'ĠĠĠĠ', '();'];

/**
 * Writes `bundle.json`, `decoder/`, `encoder/` and `projector.safetensors` into `dir`, which is
 * made if it does not exist.
 */
export function writeTinyBundle(dir: string, options: TinyBundleOptions = {}): void {
  const {
    seed = 1,
    projectorLayers = 3,
    decoderWidth = TINY_DECODER_WIDTH,
    encoderWidth = 24,
    maxPositions = 2048,
    projectorOutput = decoderWidth,
    softTokens = 1,
  } = options;
  const random = uniform(seed);
  const decoderTokenizer = byteLevelTokenizer(TINY_DECODER_CONTROLS, 'last', QWEN_SPLIT);
  const encoderTokenizer = byteLevelTokenizer(TINY_ENCODER_CONTROLS, 'first', null);

  writeModel(join(dir, 'decoder'), {
    config: {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      hidden_act: 'silu',
      hidden_size: decoderWidth,
      intermediate_size: 2 * decoderWidth,
      max_position_embeddings: maxPositions,
      num_attention_heads: 2,
      num_hidden_layers: 2,
      num_key_value_heads: 1,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: true,
      use_sliding_window: false,
      vocab_size: decoderTokenizer.size,
      bos_token_id: decoderTokenizer.size - TINY_DECODER_CONTROLS.length,
      eos_token_id: decoderTokenizer.size - TINY_DECODER_CONTROLS.length,
    },
    tensors: qwen2Tensors(random, decoderWidth, decoderTokenizer.size),
    tokenizer: decoderTokenizer.json,
    tokenizerConfig: {
      tokenizer_class: 'Qwen2Tokenizer',
      bos_token: null,
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
      clean_up_tokenization_spaces: false,
    },
  });

  writeModel(join(dir, 'encoder'), {
    config: {
      architectures: ['RobertaModel'],
      model_type: 'roberta',
      hidden_act: 'gelu',
      hidden_size: encoderWidth,
      intermediate_size: 2 * encoderWidth,
      layer_norm_eps: 1e-5,
      max_position_embeddings: 258,
      num_attention_heads: 3,
      num_hidden_layers: 1,
      pad_token_id: 1,
      bos_token_id: 0,
      eos_token_id: 2,
      type_vocab_size: 1,
      vocab_size: encoderTokenizer.size,
    },
    tensors: robertaTensors(random, encoderWidth, encoderTokenizer.size),
    tokenizer: encoderTokenizer.json,
    tokenizerConfig: {
      tokenizer_class: 'RobertaTokenizer',
      bos_token: '<s>',
      eos_token: '</s>',
      pad_token: '<pad>',
      unk_token: '<unk>',
      clean_up_tokenization_spaces: false,
    },
  });

  writeFileSync(
    join(dir, 'projector.safetensors'),
    encodeSafetensors(projectorTensors(random, projectorLayers, encoderWidth, projectorOutput, softTokens)),
  );
  writeJson(join(dir, 'bundle.json'), {
    schema: 'llava-eval/bundle@1',
    name: 'tiny',
    version: '1.0.0',
    license: 'Apache-2.0',
    decoder: { path: 'decoder', promptFamily: 'qwen2.5-coder' },
    encoder: { path: 'encoder', input: 'unixcoder', maxTokens: 256, pooling: 'mean', normalize: true },
    projector: { path: 'projector.safetensors', layers: projectorLayers },
    defaults: { maxPromptTokens: 640, contextTokens: 512, contextPlacement: 'before-prefix' },
  });
}

interface ModelFiles {
  readonly config: unknown;
  readonly tensors: readonly NamedTensor[];
  readonly tokenizer: unknown;
  readonly tokenizerConfig: unknown;
}

function writeModel(dir: string, files: ModelFiles): void {
  mkdirSync(dir, { recursive: true });
  writeJson(join(dir, 'config.json'), files.config);
  writeJson(join(dir, 'tokenizer.json'), files.tokenizer);
  writeJson(join(dir, 'tokenizer_config.json'), files.tokenizerConfig);
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(files.tensors));
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`);
}

/** Numbers in [0, 1) from a seed. Source: mulberry32, public domain (Tommy Ettinger). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

type Random = () => number;

/** Values in [center - spread, center + spread). */
function tensor(
  random: Random,
  name: string,
  shape: readonly number[],
  spread = 0.2,
  center = 0,
): NamedTensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return {
    name,
    shape,
    data: Float32Array.from({ length: count }, () => center + (2 * random() - 1) * spread),
  };
}

function qwen2Tensors(random: Random, width: number, vocabulary: number): NamedTensor[] {
  const head = width / 2;
  const tensors = [
    tensor(random, 'model.embed_tokens.weight', [vocabulary, width]),
    tensor(random, 'model.norm.weight', [width], 0.1, 1),
  ];
  for (let layer = 0; layer < 2; layer++) {
    const prefix = `model.layers.${layer}.`;
    tensors.push(
      tensor(random, `${prefix}input_layernorm.weight`, [width], 0.1, 1),
      tensor(random, `${prefix}post_attention_layernorm.weight`, [width], 0.1, 1),
      tensor(random, `${prefix}self_attn.q_proj.weight`, [width, width]),
      tensor(random, `${prefix}self_attn.q_proj.bias`, [width]),
      tensor(random, `${prefix}self_attn.k_proj.weight`, [head, width]),
      tensor(random, `${prefix}self_attn.k_proj.bias`, [head]),
      tensor(random, `${prefix}self_attn.v_proj.weight`, [head, width]),
      tensor(random, `${prefix}self_attn.v_proj.bias`, [head]),
      tensor(random, `${prefix}self_attn.o_proj.weight`, [width, width]),
      tensor(random, `${prefix}mlp.gate_proj.weight`, [2 * width, width]),
      tensor(random, `${prefix}mlp.up_proj.weight`, [2 * width, width]),
      tensor(random, `${prefix}mlp.down_proj.weight`, [width, 2 * width]),
    );
  }
  return tensors;
}

function robertaTensors(random: Random, width: number, vocabulary: number): NamedTensor[] {
  const linear = (name: string, out: number, inputs: number): NamedTensor[] => [
    tensor(random, `${name}.weight`, [out, inputs]),
    tensor(random, `${name}.bias`, [out]),
  ];
  const norm = (name: string): NamedTensor[] => [
    tensor(random, `${name}.weight`, [width], 0.1, 1),
    tensor(random, `${name}.bias`, [width]),
  ];
  const layer = 'encoder.layer.0.';
  return [
    tensor(random, 'embeddings.word_embeddings.weight', [vocabulary, width]),
    tensor(random, 'embeddings.position_embeddings.weight', [258, width]),
    tensor(random, 'embeddings.token_type_embeddings.weight', [1, width]),
    ...norm('embeddings.LayerNorm'),
    ...linear(`${layer}attention.self.query`, width, width),
    ...linear(`${layer}attention.self.key`, width, width),
    ...linear(`${layer}attention.self.value`, width, width),
    ...linear(`${layer}attention.output.dense`, width, width),
    ...norm(`${layer}attention.output.LayerNorm`),
    ...linear(`${layer}intermediate.dense`, 2 * width, width),
    ...linear(`${layer}output.dense`, width, 2 * width),
    ...norm(`${layer}output.LayerNorm`),
  ];
}

function projectorTensors(
  random: Random,
  layers: 2 | 3 | 4,
  from: number,
  to: number,
  softTokens: number,
): NamedTensor[] {
  const hidden = { 2: [to], 3: [2 * to, 2 * to], 4: [3 * to, 4 * to, 2 * to] }[layers];
  const widths = [from, ...hidden, softTokens * to];
  return widths
    .slice(1)
    .flatMap((out, i) => [
      tensor(random, `linear_${i + 1}.weight`, [out, widths[i]!]),
      tensor(random, `linear_${i + 1}.bias`, [out]),
      ...(i < hidden.length
        ? [tensor(random, `ln_${i + 1}.weight`, [out], 0.1, 1), tensor(random, `ln_${i + 1}.bias`, [out])]
        : []),
    ]);
}

/** Word splitting of Qwen2.5, from its published tokenizer.json. */
const QWEN_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

interface TinyTokenizer {
  readonly json: unknown;
  /** One more than the highest id. */
  readonly size: number;
}

/**
 * A byte-level BPE tokenizer: 256 bytes, the prefixes of {@link WORDS}, the control tokens.
 *
 * @param place Where the control tokens' ids lie: before the ordinary tokens (RoBERTa) or behind.
 * @param split Pattern that cuts text into words, or null for the pattern of GPT-2.
 */
function byteLevelTokenizer(
  controls: readonly string[],
  place: 'first' | 'last',
  split: string | null,
): TinyTokenizer {
  const merges: string[] = [];
  const ordinary = byteAlphabet();
  for (const word of WORDS) {
    for (let end = 2; end <= word.length; end++) {
      const prefix = word.slice(0, end);
      if (ordinary.includes(prefix)) continue;
      ordinary.push(prefix);
      merges.push(`${prefix.slice(0, -1)} ${prefix.slice(-1)}`);
    }
  }
  const firstControl = place === 'first' ? 0 : ordinary.length;
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false };
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: controls.map((content, i) => ({
      id: firstControl + i,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      // Qwen marks its fill-in-the-middle tokens as not special, although they are control tokens.
      special: !content.includes('fim') && !content.includes('_'),
    })),
    normalizer: split === null ? null : { type: 'NFC' },
    pre_tokenizer:
      split === null
        ? { ...byteLevel, use_regex: true }
        : {
            type: 'Sequence',
            pretokenizers: [
              { type: 'Split', pattern: { Regex: split }, behavior: 'Isolated', invert: false },
              { ...byteLevel, use_regex: false },
            ],
          },
    post_processor: { ...byteLevel, use_regex: false },
    decoder: { ...byteLevel, use_regex: false },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      // RoBERTa lists its control tokens in the vocabulary too, Qwen only among the added tokens.
      vocab: Object.fromEntries(
        (place === 'first' ? [...controls, ...ordinary] : ordinary).map((token, i) => [token, i]),
      ),
      merges,
    },
  };
  return { json, size: ordinary.length + controls.length };
}

/**
 * The printable stand-ins of the 256 bytes, in byte order: a printable Latin-1 character stands for
 * itself, the others for the characters from U+0100 on. Source: GPT-2's byte-level BPE.
 */
function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}
