/**
 * @file The tokenizer in the metadata of a GGUF file, as the content of a `tokenizer.json`.
 *
 * Flow: metadata -> **definition** -> tokenizer (`tokenizer/hf.ts`).
 * Two kinds are read: byte-level BPE (`gpt2`), whose cutting into words has a name, and SentencePiece BPE
 * (`llama`), whose merges follow from the scores of its tokens. Text is not normalized: a GGUF file says
 * nothing of it, and neither llama.cpp nor transformers does it for such a file.
 *
 * Source: the keys `tokenizer.ggml.*` of the GGUF format; `generate_merges` and the GGUF tokenizers of
 * Hugging Face transformers 5.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import type { MetadataValue } from './header.js';
import { PRE_TOKENIZER_NAMES, preTokenizer } from './pre-tokenizers.js';
import { mergesFromScores } from './score-merges.js';

/** Kinds of tokens, by the format's numbers. Bytes (6) are ordinary entries of a vocabulary. */
const KIND = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;

const id = z.number().int().nonnegative();
const KEYS = {
  model: z.string(),
  pre: z.string().optional(),
  tokens: z.array(z.string()).min(1),
  token_type: z.array(z.number()).optional(),
  scores: z.array(z.number()).optional(),
  merges: z.array(z.string()).optional(),
  add_bos_token: z.boolean().optional(),
  add_eos_token: z.boolean().optional(),
  add_space_prefix: z.boolean().optional(),
  bos_token_id: id.optional(),
  eos_token_id: id.optional(),
  unknown_token_id: id.optional(),
};
const schema = z.object(KEYS);
type Vocabulary = z.infer<typeof schema>;

const PREFIX = 'tokenizer.ggml.';

/**
 * Keys that name a token which no text may become, whatever its kind. Old files have the last three, new
 * ones `fim_*`. The padding is not among them: some files name an ordinary token, such as the first.
 */
const CONTROL_ID = /^tokenizer\.ggml\.(?:bos|eos|eot|eom|fim_\w+|prefix|suffix|middle)_token_id$/;

const ADVICE = 'give the tokenizer of the original model with --tokenizer DIR or owner/name';

/**
 * The content of a `tokenizer.json` that does the same.
 *
 * @throws {ModelError} If the file has no tokenizer, or one that this version cannot run.
 */
export function tokenizerDefinition(path: string, metadata: ReadonlyMap<string, MetadataValue>): unknown {
  const found = Object.fromEntries(Object.keys(KEYS).map((key) => [key, metadata.get(PREFIX + key)]));
  const result = schema.safeParse(found);
  if (!result.success) {
    throw new ModelError(`${path}: its metadata describes no tokenizer this version can run`, [
      ...z.prettifyError(result.error).split('\n'),
      `the keys begin with ${PREFIX}`,
      ADVICE,
    ]);
  }
  const vocabulary = result.data;
  if (vocabulary.token_type !== undefined && vocabulary.token_type.length !== vocabulary.tokens.length) {
    throw new ModelError(
      `${path}: has ${vocabulary.tokens.length} tokens and kinds of ${vocabulary.token_type.length}`,
      [ADVICE],
    );
  }
  const controls = new Set<number>();
  for (const [key, value] of metadata) {
    if (CONTROL_ID.test(key) && typeof value === 'number') controls.add(value);
  }
  switch (vocabulary.model) {
    case 'gpt2':
      return byteLevelDefinition(path, vocabulary, controls);
    case 'llama':
      return sentencePieceDefinition(path, vocabulary, controls);
    default:
      throw new ModelError(`${path}: its tokenizer is of the kind ${JSON.stringify(vocabulary.model)}`, [
        'this version reads gpt2 (byte-level BPE) and llama (SentencePiece BPE)',
        ADVICE,
      ]);
  }
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** A vocabulary with its tokens that are matched as a whole. */
interface Entries {
  readonly vocab: Record<string, number>;
  readonly added: readonly AddedToken[];
  /** Tokens that stand for text and can come out of merges. */
  readonly normal: ReadonlyMap<string, number>;
}

/** @throws {ModelError} If two ids have the same token: a text has one of them only. */
function entriesOf(
  path: string,
  { tokens, token_type: kinds }: Vocabulary,
  controls: ReadonlySet<number>,
  spell: (token: string) => string,
): Entries {
  // Without a prototype, so that a token called __proto__ is one like any other.
  const vocab = Object.create(null) as Record<string, number>;
  const added: AddedToken[] = [];
  const normal = new Map<string, number>();
  for (const [at, token] of tokens.entries()) {
    const kind = kinds?.[at] ?? KIND.normal;
    // Rows of the embedding table that no token belongs to.
    if (kind === KIND.unused) continue;
    const isSpecial = controls.has(at) || kind === KIND.control || kind === KIND.unknown;
    const isAdded = isSpecial || kind === KIND.userDefined;
    const content = isAdded ? token : spell(token);
    if (content === '') throw new ModelError(`${path}: token ${at} is empty`, [ADVICE]);
    const other = vocab[content];
    if (other !== undefined) {
      throw new ModelError(
        `${path}: tokens ${other} and ${at} are both ${JSON.stringify(content).slice(0, 60)}`,
        [ADVICE],
      );
    }
    vocab[content] = at;
    if (isAdded) added.push({ id: at, content, special: isSpecial });
    if (!isAdded && kind === KIND.normal) normal.set(content, at);
  }
  return { vocab, added, normal };
}

function byteLevelDefinition(path: string, vocabulary: Vocabulary, controls: ReadonlySet<number>): unknown {
  const { pre, merges } = vocabulary;
  if (pre === undefined || merges === undefined) {
    throw new ModelError(`${path}: there is no key ${PREFIX}${pre === undefined ? 'pre' : 'merges'}`, [
      pre === undefined
        ? 'without it nothing says how the model cuts text into words, as in files from before May 2024'
        : 'byte-level BPE needs them',
      ADVICE,
    ]);
  }
  const cutting = preTokenizer(pre);
  if (cutting === undefined) {
    throw new ModelError(`${path}: cuts text into words as ${JSON.stringify(pre).slice(0, 80)}`, [
      `this version knows ${PRE_TOKENIZER_NAMES.join(', ')}`,
      ADVICE,
    ]);
  }
  const { vocab, added } = entriesOf(path, vocabulary, controls, byteSpelling());
  const broken = merges.find((merge) => !/^[^ ]+ [^ ]+$/.test(merge));
  if (broken !== undefined) {
    throw new ModelError(`${path}: a merge is ${JSON.stringify(broken).slice(0, 80)}, not two parts`, [
      ADVICE,
    ]);
  }
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: cutting.stage,
    post_processor: template(path, vocabulary, cutting.addsBegin),
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', unk_token: null, ignore_merges: cutting.ignoresMerges, vocab, merges },
  };
}

function sentencePieceDefinition(
  path: string,
  vocabulary: Vocabulary,
  controls: ReadonlySet<number>,
): unknown {
  const { tokens, scores, merges, unknown_token_id: unknown, add_space_prefix: prefixed = true } = vocabulary;
  const { vocab, added, normal } = entriesOf(path, vocabulary, controls, (token) => token);
  if (merges === undefined && scores?.length !== tokens.length) {
    throw new ModelError(`${path}: has ${tokens.length} tokens and scores of ${scores?.length ?? 0}`, [
      'the merges of a SentencePiece vocabulary follow from the scores',
      ADVICE,
    ]);
  }
  const blanks = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const strip = prefixed ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: prefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, blanks] }
      : blanks,
    pre_tokenizer: null,
    post_processor: template(path, vocabulary, true),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...strip,
      ],
    },
    model: {
      type: 'BPE',
      unk_token: tokens[unknown ?? -1] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab,
      merges: merges ?? mergesFromScores(path, normal, scores ?? []),
    },
  };
}

/** What stands around a text. @throws {ModelError} If it is a token that the file does not name. */
function template(path: string, vocabulary: Vocabulary, addsBegin: boolean): unknown {
  const named = (
    key: 'bos_token_id' | 'eos_token_id',
  ): { readonly SpecialToken: { readonly id: string } } => {
    const token = vocabulary.tokens[vocabulary[key] ?? -1];
    if (token === undefined) {
      throw new ModelError(
        `${path}: adds the token of ${PREFIX}${key}, which is ${String(vocabulary[key])}`,
        [ADVICE],
      );
    }
    return { SpecialToken: { id: token } };
  };
  const {
    add_bos_token: before = addsBegin && vocabulary.bos_token_id !== undefined,
    add_eos_token: after = false,
  } = vocabulary;
  return {
    type: 'TemplateProcessing',
    single: [
      ...(before ? [named('bos_token_id')] : []),
      { Sequence: { id: 'A' } },
      ...(after ? [named('eos_token_id')] : []),
    ],
  };
}

/** Spells a token of ordinary characters by the characters that stand for its bytes, as GPT-2 does. */
function byteSpelling(): (token: string) => string {
  let next = 0x100;
  const letters = Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(isPrintable ? byte : next++);
  });
  const alphabet = new Set(letters);
  return (token) =>
    Array.from(token).every((letter) => alphabet.has(letter))
      ? token
      : Array.from(new TextEncoder().encode(token), (byte) => letters[byte]!).join('');
}
