/**
 * @file How text is cut into words before byte-level BPE, by the name that a GGUF file gives.
 *
 * Source: `llm_tokenizer_bpe` of llama.cpp (src/llama-vocab.cpp), which gives these names their meaning.
 */

import { GPT2_SPLIT } from '../../tokenizer/stages.js';

/** A stage of a `tokenizer.json`. */
type Stage = Readonly<Record<string, unknown>>;

/** How one kind of tokenizer cuts. */
export interface PreTokenizer {
  readonly stage: Stage;
  /** Whether a word that is a token stays whole, whatever the merges say. */
  readonly ignoresMerges: boolean;
  /** Whether a text begins with the token of the beginning, unless the file says otherwise. */
  readonly addsBegin: boolean;
}

const split = (pattern: string): Stage => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});

/** Patterns one after the other, each within what the ones before have cut. */
function cutting(...patterns: string[]): PreTokenizer {
  // Cutting is left to the patterns alone: the package's own stage takes U+FEFF for a blank.
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const stage = { type: 'Sequence', pretokenizers: [...patterns.map(split), byteLevel] };
  return { stage, ignoresMerges: false, addsBegin: false };
}

const ENDINGS = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const REST = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const QWEN2 = cutting(String.raw`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${REST}`);
const LLAMA3 = {
  ...cutting(String.raw`${ENDINGS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${REST}`),
  ignoresMerges: true,
  addsBegin: true,
};
const GPT2 = cutting(GPT2_SPLIT);
/** Every digit by itself, then GPT-2's pattern. */
const SINGLE_DIGITS = cutting(String.raw`\p{N}`, GPT2_SPLIT);

const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  starcoder: SINGLE_DIGITS,
  refact: SINGLE_DIGITS,
  smollm: SINGLE_DIGITS,
  'gpt-2': GPT2,
  'deepseek-coder': cutting(
    String.raw`[\r\n]`,
    String.raw`\s?\p{L}+`,
    String.raw`\s?\p{P}+`,
    '[一-龥ࠀ-一가-퟿]+',
    String.raw`\p{N}`,
  ),
  default: cutting(String.raw`[\p{P}\$\+<=>\^~\|]+`, GPT2_SPLIT, String.raw`\p{N}+`, '[0-9][0-9][0-9]'),
};

/** The one of that name, or undefined if this version has none. */
export function preTokenizer(name: string): PreTokenizer | undefined {
  return Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name] : undefined;
}

export const PRE_TOKENIZER_NAMES = Object.keys(PRE_TOKENIZERS);
