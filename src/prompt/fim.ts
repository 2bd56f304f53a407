/**
 * @file How each model family is shown the code around a hole, as token ids.
 *
 * Prompts are assembled from ids and a marker is an id, never a piece of text, so source code that
 * happens to spell a marker cannot break a prompt. The beginning-of-sequence id is part of the format
 * and stands in a prompt exactly once.
 *
 * Source: model cards and example code, named at each family.
 */

import { ModelError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Tokenizer } from '../inference/tokenizer.js';

export const PROMPT_FAMILIES = [
  'qwen2.5-coder',
  'codegemma',
  'starcoder',
  'santacoder',
  'deepseek-coder',
  'codellama',
  'prefix-only',
] as const;
export type PromptFamily = (typeof PROMPT_FAMILIES)[number];

/** A family that knows how to fill in the middle. */
type FimFamily = Exclude<PromptFamily, 'prefix-only'>;

interface FamilyMarkers {
  readonly begin: string | null;
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string;
  /** Generation ends before any of these. */
  readonly stop: readonly string[];
  /** Tells the family from another one with the same markers. */
  readonly sign?: string;
}

const MARKERS: Readonly<Record<FimFamily, FamilyMarkers>> = {
  /** Source: QwenLM/Qwen2.5-Coder, `examples/Qwen2.5-Coder-fim.py`. */
  'qwen2.5-coder': {
    begin: null,
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    stop: [
      '<|endoftext|>',
      '<|im_end|>',
      '<|fim_prefix|>',
      '<|fim_middle|>',
      '<|fim_suffix|>',
      '<|fim_pad|>',
      '<|repo_name|>',
      '<|file_sep|>',
    ],
  },
  /** Source: card of google/codegemma-2b. Gemma models degrade without `<bos>`. */
  codegemma: {
    begin: '<bos>',
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    stop: ['<eos>', '<|file_separator|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
    sign: '<|file_separator|>',
  },
  /** StarCoder, StarCoderBase, StarCoder2. Source: card of bigcode/starcoder2-3b. */
  starcoder: {
    begin: null,
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    stop: [
      '<|endoftext|>',
      '<file_sep>',
      '<repo_name>',
      '<fim_prefix>',
      '<fim_suffix>',
      '<fim_middle>',
      '<fim_pad>',
    ],
  },
  /** Source: card of bigcode/santacoder. */
  santacoder: {
    begin: null,
    prefix: '<fim-prefix>',
    suffix: '<fim-suffix>',
    middle: '<fim-middle>',
    stop: ['<|endoftext|>', '<fim-prefix>', '<fim-suffix>', '<fim-middle>', '<fim-pad>'],
  },
  /** Full-width bars (U+FF5C) and U+2581. Source: README of deepseek-ai/DeepSeek-Coder. */
  'deepseek-coder': {
    begin: '<｜begin▁of▁sentence｜>',
    prefix: '<｜fim▁begin｜>',
    suffix: '<｜fim▁hole｜>',
    middle: '<｜fim▁end｜>',
    stop: ['<｜end▁of▁sentence｜>', '<|EOT|>', '<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
  },
  /** 7B and 13B, base and instruct. Source: facebookresearch/codellama, `infilling_prompt_tokens`. */
  codellama: {
    begin: '<s>',
    prefix: '▁<PRE>',
    suffix: '▁<SUF>',
    middle: '▁<MID>',
    stop: ['</s>', '▁<EOT>', '▁<PRE>', '▁<SUF>', '▁<MID>'],
  },
};

/** How one model is prompted, in ids of its own vocabulary. */
export interface PromptFormat {
  readonly family: PromptFamily;
  /** Before everything else: the beginning of a sequence, or nothing. */
  readonly begin: readonly TokenId[];
  /** Null for a model that was not trained to fill in the middle: it sees the code before the hole only. */
  readonly markers: {
    readonly prefix: TokenId;
    readonly suffix: TokenId;
    readonly middle: TokenId;
  } | null;
  /** Whether the code before the hole begins with a blank that is not in the file (SentencePiece models). */
  readonly startsWithBlank: boolean;
  /** This id stands where a soft token will be. The decoder never sees its embedding. */
  readonly placeholder: TokenId;
  readonly stop: ReadonlySet<TokenId>;
}

/** What is known about a decoder beside its tokenizer. */
export interface DecoderFacts {
  /** `model_type` of its configuration. */
  readonly modelType: string | null;
  /** Rows of its embedding table: a marker beyond them cannot be used. */
  readonly vocabularySize: number;
  /** End-of-sequence ids of `config.json` and `generation_config.json`. */
  readonly endIds: readonly TokenId[];
}

/**
 * The family a decoder belongs to: the first whose markers its vocabulary and embedding table have.
 *
 * A vocabulary can hold markers that a model never learned: general Qwen2.5 models have the markers of the coder
 * models. The user can then correct the choice with `--prompt-family prefix-only`.
 */
export function recognizeFamily(
  tokenizer: Tokenizer,
  { modelType, vocabularySize }: DecoderFacts,
): PromptFamily {
  const has = (name: string): boolean => {
    const id = tokenizer.controlToken(name);
    return id !== undefined && id < vocabularySize;
  };
  const isGemma = modelType?.startsWith('gemma') ?? false;
  for (const family of Object.keys(MARKERS) as FimFamily[]) {
    const { prefix, suffix, middle, sign } = MARKERS[family];
    if (![prefix, suffix, middle].every(has)) continue;
    if (family === 'qwen2.5-coder' && (isGemma || has(MARKERS.codegemma.sign!))) continue;
    if (sign !== undefined && !isGemma && !has(sign)) continue;
    return family;
  }
  return 'prefix-only';
}

/**
 * Looks the markers of a family up in a vocabulary.
 *
 * @throws {ModelError} If a marker is missing, or lies beyond the embedding table; stop markers that a
 *         vocabulary lacks cannot be generated and are left out.
 */
export function promptFormat(family: PromptFamily, tokenizer: Tokenizer, facts: DecoderFacts): PromptFormat {
  const { endIds, vocabularySize } = facts;
  const usable = (name: string): TokenId | undefined => {
    const id = tokenizer.controlToken(name);
    return id !== undefined && id < vocabularySize ? id : undefined;
  };
  const placeholder = (preferred: TokenId | undefined): TokenId => preferred ?? endIds[0] ?? FIRST;
  if (family === 'prefix-only') {
    const ends = ['<|endoftext|>', '</s>', '<eos>', '<|end_of_text|>'].flatMap((name) => usable(name) ?? []);
    return {
      family,
      begin: tokenizer.specials.before.filter((id) => id < vocabularySize),
      markers: null,
      startsWithBlank: tokenizer.startsWithBlank,
      placeholder: placeholder(undefined),
      stop: new Set([...endIds, ...ends]),
    };
  }
  const names = MARKERS[family];
  const needed = [names.prefix, names.suffix, names.middle, ...(names.begin === null ? [] : [names.begin])];
  const missing = needed.filter((name) => usable(name) === undefined);
  const [prefix, suffix, middle, begin] = needed.map(usable);
  if (missing.length > 0 || prefix === undefined || suffix === undefined || middle === undefined) {
    throw new ModelError(`the decoder has no ${missing.join(', ')}`, [
      `prompts of the family ${family} mark the code before and after the hole with these tokens`,
      'leave --prompt-family out to have the family recognized, or give prefix-only for a model without them',
    ]);
  }
  return {
    family,
    begin: begin === undefined ? [] : [begin],
    markers: { prefix, suffix, middle },
    startsWithBlank: tokenizer.startsWithBlank,
    placeholder: middle,
    stop: new Set([...endIds, ...names.stop.flatMap((name) => usable(name) ?? [])]),
  };
}

/** Tokens of a prompt that are neither code nor context. */
export function markerCount({ begin, markers }: PromptFormat): number {
  return begin.length + (markers === null ? 0 : Object.keys(markers).length);
}

const FIRST = tokenId(0);
