/**
 * @file How each model family is shown the code around a hole, as token ids.
 *
 * Prompts are assembled from ids and a marker is an id, never a piece of text, so source code that
 * happens to spell a marker cannot break a prompt. The beginning-of-sequence id is part of the format
 * and stands in a prompt exactly once.
 *
 * Families with the same markers can differ in their order: most show the code before the hole first, some the code
 * after it. A vocabulary does not tell the order.
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
  'mellum',
  'prefix-only',
] as const;
export type PromptFamily = (typeof PROMPT_FAMILIES)[number];

/** A family that knows how to fill in the middle. */
type FimFamily = Exclude<PromptFamily, 'prefix-only'>;

/** The order in which the parts of a prompt stand. */
export type PromptOrder = 'prefix, suffix, middle' | 'suffix, prefix, middle' | 'prefix';

interface FamilyMarkers {
  readonly begin: string | null;
  readonly order: Exclude<PromptOrder, 'prefix'>;
  readonly prefix: string;
  readonly suffix: string;
  readonly middle: string;
  /** Generation ends before any of these. */
  readonly stop: readonly string[];
  /** Tells the family from another one with the same markers; null where nothing does, so that the user has to say it. */
  readonly sign?: string | null;
}

const MARKERS: Readonly<Record<FimFamily, FamilyMarkers>> = {
  /** Source: QwenLM/Qwen2.5-Coder, `examples/Qwen2.5-Coder-fim.py`. */
  'qwen2.5-coder': {
    begin: null,
    order: 'prefix, suffix, middle',
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
    order: 'prefix, suffix, middle',
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    stop: ['<eos>', '<|file_separator|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'],
    sign: '<|file_separator|>',
  },
  /** StarCoder, StarCoderBase, StarCoder2. Source: card of bigcode/starcoder2-3b. */
  starcoder: {
    begin: null,
    order: 'prefix, suffix, middle',
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
    order: 'prefix, suffix, middle',
    prefix: '<fim-prefix>',
    suffix: '<fim-suffix>',
    middle: '<fim-middle>',
    stop: ['<|endoftext|>', '<fim-prefix>', '<fim-suffix>', '<fim-middle>', '<fim-pad>'],
  },
  /** Full-width bars (U+FF5C) and U+2581. Source: README of deepseek-ai/DeepSeek-Coder. */
  'deepseek-coder': {
    begin: '<｜begin▁of▁sentence｜>',
    order: 'prefix, suffix, middle',
    prefix: '<｜fim▁begin｜>',
    suffix: '<｜fim▁hole｜>',
    middle: '<｜fim▁end｜>',
    stop: ['<｜end▁of▁sentence｜>', '<|EOT|>', '<｜fim▁begin｜>', '<｜fim▁hole｜>', '<｜fim▁end｜>'],
  },
  /**
   * Mellum shows the code after the hole first. Its markers are StarCoder's, and its architecture is Llama's, which
   * other models with these markers have too, so it is never recognized.
   * Source: card of JetBrains/Mellum-4b-base.
   */
  mellum: {
    begin: null,
    order: 'suffix, prefix, middle',
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    stop: [
      '<|endoftext|>',
      '<filename>',
      '<reponame>',
      '<repo_name>',
      '<fim_prefix>',
      '<fim_suffix>',
      '<fim_middle>',
      '<fim_pad>',
    ],
    sign: null,
  },
  /** 7B and 13B, base and instruct. Source: facebookresearch/codellama, `infilling_prompt_tokens`. */
  codellama: {
    begin: '<s>',
    order: 'prefix, suffix, middle',
    prefix: '▁<PRE>',
    suffix: '▁<SUF>',
    middle: '▁<MID>',
    stop: ['</s>', '▁<EOT>', '▁<PRE>', '▁<SUF>', '▁<MID>'],
  },
};

/** A part of a prompt: markers, or the place of the code before or after the hole. */
export type PromptPart =
  | { readonly kind: 'markers'; readonly ids: readonly TokenId[] }
  | { readonly kind: 'prefix' }
  | { readonly kind: 'suffix' };

/** How one model is prompted, in ids of its own vocabulary. */
export interface PromptFormat {
  /** The name of the family, or the template (`template.ts`). Runs with other names are never mixed. */
  readonly name: string;
  /** Before everything else: the beginning of a sequence, or nothing. */
  readonly begin: readonly TokenId[];
  /**
   * The rest, in its order, with one prefix. There is no suffix for a model that was not trained to fill in the middle:
   * it sees the code before the hole only.
   */
  readonly parts: readonly PromptPart[];
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
    if (sign === null || ![prefix, suffix, middle].every(has)) continue;
    if (family === 'qwen2.5-coder' && (isGemma || has(MARKERS.codegemma.sign!))) continue;
    if (sign !== undefined && !isGemma && !has(sign)) continue;
    return family;
  }
  return 'prefix-only';
}

/** In which order the prompts of a family show their parts. */
export function promptOrder(family: PromptFamily): PromptOrder {
  return family === 'prefix-only' ? 'prefix' : MARKERS[family].order;
}

/**
 * What a recognized family may be wrong about, in one sentence; null if nothing is known.
 *
 * StarCoder's markers under Llama's architecture are those of Granite, which shows the prefix first, and of Mellum,
 * which shows the suffix first.
 */
export function familyDoubt(family: PromptFamily, { modelType }: DecoderFacts): string | null {
  return family === 'starcoder' && modelType === 'llama'
    ? 'a llama model with StarCoder’s markers may have learned the suffix first, as Mellum did: then give --prompt-family mellum'
    : null;
}

/** The parts of a format: their order, with a marker before each side and one at the end. */
function partsOf(
  order: FamilyMarkers['order'],
  prefix: TokenId,
  suffix: TokenId,
  middle: TokenId,
): readonly PromptPart[] {
  const before: readonly PromptPart[] = [{ kind: 'markers', ids: [prefix] }, { kind: 'prefix' }];
  const after: readonly PromptPart[] = [{ kind: 'markers', ids: [suffix] }, { kind: 'suffix' }];
  const end: PromptPart = { kind: 'markers', ids: [middle] };
  switch (order) {
    case 'prefix, suffix, middle':
      return [...before, ...after, end];
    case 'suffix, prefix, middle':
      return [...after, ...before, end];
  }
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
      name: family,
      begin: tokenizer.specials.before.filter((id) => id < vocabularySize),
      parts: [{ kind: 'prefix' }],
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
      'other markers, or another order of them, can be given with --prompt-template',
    ]);
  }
  return {
    name: family,
    begin: begin === undefined ? [] : [begin],
    parts: partsOf(names.order, prefix, suffix, middle),
    startsWithBlank: tokenizer.startsWithBlank,
    placeholder: middle,
    stop: new Set([...endIds, ...names.stop.flatMap((name) => usable(name) ?? [])]),
  };
}

/** Tokens of a prompt that are neither code nor context. */
export function markerCount({ begin, parts }: PromptFormat): number {
  return parts.reduce((count, part) => count + (part.kind === 'markers' ? part.ids.length : 0), begin.length);
}

/** Whether prompts of a name, which is a family's or a template, leave out what follows the hole. */
export function hidesSuffix(name: string): boolean {
  return name === 'prefix-only' || (name.includes('{prefix}') && !name.includes('{suffix}'));
}

/** Whether prompts show what follows the hole. */
export function showsSuffix({ parts }: Pick<PromptFormat, 'parts'>): boolean {
  return parts.some(({ kind }) => kind === 'suffix');
}

const FIRST = tokenId(0);
