/**
 * @file Where a text can be cut so that its parts, tokenized one by one, give the ids of the whole.
 *
 * Two kinds of tokenizers are known well enough to prove it. Both proofs look at the two characters at the cut:
 *
 *   byte-level      Words are cut by patterns, and BPE never merges across words. In every pattern of
 *                   `PATTERNS` a letter is followed by letters only, and none looks back; so a word ends
 *                   between an ASCII letter and an ASCII character that is neither letter nor digit, and
 *                   what follows is cut as if it stood alone. (Apostrophes are left out: some patterns of
 *                   the kind hang `'s` on the word before it.)
 *   SentencePiece   BPE makes nothing but tokens of the vocabulary. Two characters that stand beside each
 *                   other in no token are never merged, whatever surrounds them.
 *
 * Nothing is claimed about any other tokenizer: its texts are tokenized whole.
 */

import { z } from 'zod';

import type { TokenizerDefinition } from './definition.js';
import { cuttingStages, GPT2_SPLIT, QWEN_SPLIT, type CuttingStage } from './stages.js';

/** Whether the ids of `text` are those of its first `offset` units, and then those of the rest. */
export type CutRule = (text: string, offset: number) => boolean;

/** Patterns that take a letter with all letters after it, and nothing else after those. */
const WORD_PATTERNS = [
  GPT2_SPLIT,
  QWEN_SPLIT,
  // Llama 3.
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // DeepSeek-Coder.
  String.raw`\s?\p{L}+`,
];

/** Patterns that take no ASCII letter at all; DeepSeek-Coder has them beside its pattern of words, and StarCoder the last. */
const OTHER_PATTERNS = [String.raw`[\r\n]`, String.raw`\s?\p{P}+`, '[一-龥ࠀ-一가-퟿]+', String.raw`\p{N}`];

const PATTERNS: ReadonlySet<string> = new Set([...WORD_PATTERNS, ...OTHER_PATTERNS]);

/** What the definition, as {@link plainDefinition} leaves it, allows; null where nothing is known. */
export function cutRule(definition: TokenizerDefinition): CutRule | null {
  const { model, normalizer, added_tokens: ordinary } = definition;
  if (model.type !== 'BPE' || ordinary.some(takesNeighbours)) return null;
  const affixes = [model['end_of_word_suffix'], model['continuing_subword_prefix']];
  if (affixes.some((affix) => typeof affix === 'string' && affix !== '')) return null;

  const stages = cuttingStages(definition.pre_tokenizer);
  if (stages !== null) {
    const isPlain = normalizer === null || normalizer.type === 'NFC';
    const isClear = ordinary.every(({ content }) => !/[A-Za-z][^A-Za-z]/.test(content));
    return isPlain && isClear && endsWords(stages) ? endOfWord : null;
  }
  return isSentencePiece(definition) ? unmergedPair(definition) : null;
}

/** Ordinary tokens that also take the blanks beside them, or that look at their neighbours. */
function takesNeighbours(token: { readonly [field: string]: unknown }): boolean {
  return [token['lstrip'], token['rstrip'], token['single_word']].some((flag) => flag === true);
}

function endsWords(stages: readonly CuttingStage[]): boolean {
  const patterns = stages.flatMap((stage) => (stage.type === 'Split' ? [stage.pattern.Regex ?? ''] : []));
  return (
    patterns.every((pattern) => PATTERNS.has(pattern)) &&
    patterns.some((pattern) => WORD_PATTERNS.includes(pattern))
  );
}

const APOSTROPHE = 0x27;

function endOfWord(text: string, offset: number): boolean {
  if (!isLetter(text.charCodeAt(offset - 1))) return false;
  const next = text.charCodeAt(offset);
  return next < 0x80 && !isLetter(next) && !isDigit(next) && next !== APOSTROPHE;
}

function isLetter(unit: number): boolean {
  return (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a);
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

const blanksReplaced = z.looseObject({
  type: z.literal('Replace'),
  pattern: z.object({ String: z.literal(' ') }),
  content: z.literal('▁'),
});
const normalizerSchema = z.union([
  z.null(),
  blanksReplaced,
  z.looseObject({ type: z.literal('Sequence'), normalizers: z.tuple([blanksReplaced]) }),
]);
/** The stage that cuts at blanks alone, if there is one. */
const blankSplitSchema = z.union([
  z.null(),
  z.looseObject({ type: z.literal('Metaspace'), prepend_scheme: z.literal('never') }),
  z.looseObject({ type: z.literal('Split'), pattern: z.object({ String: z.literal(' ') }) }),
]);

function isSentencePiece({ normalizer, pre_tokenizer: stages, model }: TokenizerDefinition): boolean {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).toUpperCase().padStart(2, '0'));
  return (
    normalizerSchema.safeParse(normalizer).success &&
    blankSplitSchema.safeParse(stages).success &&
    // Without a token for every byte, several unknown characters become one token together.
    model['byte_fallback'] === true &&
    bytes.every((byte) => Object.hasOwn(model.vocab, `<0x${byte}>`))
  );
}

/** Between two ASCII characters that no token holds side by side. */
function unmergedPair({ model, added_tokens: ordinary }: TokenizerDefinition): CutRule {
  let pairs: Set<number> | null = null;
  const collected = (): Set<number> => {
    const found = new Set<number>();
    for (const token of [...Object.keys(model.vocab), ...ordinary.map(({ content }) => content)]) {
      for (let i = 1; i < token.length; i++) found.add(pairOf(token, i));
    }
    return found;
  };
  return (text, offset) => {
    if (text.charCodeAt(offset - 1) >= 0x80 || text.charCodeAt(offset) >= 0x80) return false;
    // The pairs are collected at the first question: a large vocabulary has half a million of them, and most texts are
    // too short to ask.
    pairs ??= collected();
    return !pairs.has(pairOf(text, offset));
  };
}

/** The units on both sides of an offset as one number; a blank is the same as the `▁` that stands for it. */
function pairOf(text: string, offset: number): number {
  return unit(text, offset - 1) * 0x10000 + unit(text, offset);
}

function unit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code === 0x20 ? 0x2581 : code;
}
