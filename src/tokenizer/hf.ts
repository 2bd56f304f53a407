/**
 * @file Tokenizers in Hugging Face's `tokenizer.json` format; sole importer of
 * `@huggingface/tokenizers`.
 *
 * The package splits text at control tokens before anything else. Source code may spell such a token
 * in a string literal, so encoding here uses a tokenizer that has no control tokens: the literal
 * becomes ordinary characters, and all other text is encoded as by the full tokenizer.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { SplitPreTokenizer, Tokenizer as PackageTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Tokenizer } from './tokenizer.js';
import { WordCache } from './word-cache.js';

const addedTokenSchema = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string().min(1),
  special: z.boolean().default(false),
});
const splitSchema = z.object({
  type: z.literal('Split'),
  pattern: z.looseObject({}),
  behavior: z.literal('Isolated'),
  invert: z.literal(false),
});
const byteLevelSchema = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.boolean().default(true),
});
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema),
  normalizer: z.looseObject({ type: z.string() }).nullable(),
  pre_tokenizer: z.unknown(),
  model: z.looseObject({
    type: z.enum(['BPE', 'WordPiece']),
    // Not a record schema: that would copy 150,000 entries, and drop a token called __proto__.
    vocab: z.custom<Readonly<Record<string, number>>>(isVocabulary, 'must map tokens to ids'),
  }),
});
type TokenizerDefinition = z.infer<typeof tokenizerSchema>;
const configSchema = z.looseObject({});

/**
 * Loads the tokenizer of a model folder.
 *
 * @param dir Folder with `tokenizer.json` and `tokenizer_config.json`.
 * @throws {ModelError} If a file is missing, is not JSON, or describes a tokenizer other than
 *   BPE and WordPiece.
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const path = join(dir, 'tokenizer.json');
  const tokenizerText = await readText(path);
  const configPath = join(dir, 'tokenizer_config.json');
  const configText = await readText(configPath);
  const definition = parse(path, tokenizerText, tokenizerSchema);
  const config = parse(configPath, configText, configSchema);

  const controls = new Map(
    definition.added_tokens.filter(isControl).map(({ content, id }) => [content, tokenId(id)]),
  );
  const plain: TokenizerDefinition = {
    ...definition,
    added_tokens: definition.added_tokens.filter((token) => !controls.has(token.content)),
  };
  const ids = [...Object.values(definition.model.vocab), ...definition.added_tokens.map(({ id }) => id)];
  const identity = createHash('sha256').update(tokenizerText).update('\n').update(configText).digest('hex');
  const vocabularySize = ids.reduce((highest, id) => Math.max(highest, id), -1) + 1;
  try {
    const split = wordSplit(plain);
    // Behind `split`, only the stages that treat one word are left to do.
    const stages = split === null ? plain : { ...plain, normalizer: null, pre_tokenizer: BYTE_LEVEL_ONLY };
    const implementation = new PackageTokenizer(stages, config);
    return new HfTokenizer({ identity, vocabularySize, implementation, split, controls });
  } catch (error) {
    throw new ModelError(`${path}: not a tokenizer this version can run (${messageOf(error)})`, [], {
      cause: error,
    });
  }
}

function isVocabulary(value: unknown): boolean {
  const isId = (id: unknown): boolean => typeof id === 'number' && Number.isInteger(id) && id >= 0;
  return typeof value === 'object' && value !== null && Object.values(value).every(isId);
}

/**
 * Whether an added token controls the model rather than stands for text.
 *
 * The `special` flag alone does not say: Qwen2.5-Coder leaves it off for its fill-in-the-middle
 * tokens, and other tokenizers add runs of blanks as plain vocabulary.
 */
function isControl(token: { readonly content: string; readonly special: boolean }): boolean {
  return token.special || /^[<[].+[>\]]$/su.test(token.content);
}

/** The splitting pattern of GPT-2, which a ByteLevel pre-tokenizer applies unless told otherwise. */
const GPT2_SPLIT = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const BYTE_LEVEL_ONLY = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };

/**
 * How the definition cuts text into words that BPE treats on their own; null for a layout other than
 * that of GPT-2, RoBERTa, Qwen and their kin.
 */
function wordSplit(definition: TokenizerDefinition): ((text: string) => string[]) | null {
  const { normalizer, pre_tokenizer: stages, added_tokens: ordinary } = definition;
  const isNfc = normalizer?.type === 'NFC';
  if (ordinary.length > 0 || (normalizer !== null && !isNfc)) return null;

  let config: object;
  const alone = byteLevelSchema.safeParse(stages);
  const sequence = z
    .object({ type: z.literal('Sequence'), pretokenizers: z.tuple([splitSchema, byteLevelSchema]) })
    .safeParse(stages);
  if (alone.success && alone.data.use_regex) {
    config = { type: 'Split', pattern: { Regex: GPT2_SPLIT }, behavior: 'Isolated', invert: false };
  } else if (sequence.success && !sequence.data.pretokenizers[1].use_regex) {
    config = sequence.data.pretokenizers[0];
  } else {
    return null;
  }
  const splitter = new SplitPreTokenizer(config);
  return (text) => splitter.pre_tokenize_text(isNfc ? text.normalize('NFC') : text);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ModelError(
      `${path}: cannot be read (${messageOf(error)})`,
      ['a model folder needs the tokenizer files of its checkpoint'],
      { cause: error },
    );
  }
}

function parse<S extends z.ZodType>(path: string, text: string, schema: S): z.infer<S> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ModelError(`${path}: not JSON (${messageOf(error)})`, [], { cause: error });
  }
  const result = schema.safeParse(parsed);
  if (!result.success) {
    throw new ModelError(
      `${path}: not a tokenizer this version can run`,
      z.prettifyError(result.error).split('\n'),
    );
  }
  return result.data;
}

interface HfTokenizerParts {
  readonly identity: string;
  readonly vocabularySize: number;
  /** Encodes a word, or a whole text if `split` is null; knows no control tokens. */
  readonly implementation: PackageTokenizer;
  /** Cuts text into words, see {@link wordSplit}. */
  readonly split: ((text: string) => string[]) | null;
  /** Ids of control tokens by name. */
  readonly controls: ReadonlyMap<string, TokenId>;
}

class HfTokenizer implements Tokenizer {
  readonly identity: string;
  readonly vocabularySize: number;
  readonly #implementation: PackageTokenizer;
  readonly #split: ((text: string) => string[]) | null;
  readonly #words: WordCache;
  readonly #controls: ReadonlyMap<string, TokenId>;
  readonly #controlIds: ReadonlySet<number>;

  constructor({ identity, vocabularySize, implementation, split, controls }: HfTokenizerParts) {
    this.identity = identity;
    this.vocabularySize = vocabularySize;
    this.#implementation = implementation;
    this.#split = split;
    this.#words = new WordCache((word) => this.#encodePiece(word));
    this.#controls = controls;
    this.#controlIds = new Set(controls.values());
  }

  encode(text: string): TokenId[] {
    return this.#split === null ? this.#encodePiece(text) : this.#words.encode(this.#split(text));
  }

  decode(ids: readonly TokenId[]): string {
    const ordinary = ids.filter(
      (id) => !this.#controlIds.has(id) && this.#implementation.id_to_token(id) !== undefined,
    );
    // The package refuses an empty list.
    if (ordinary.length === 0) return '';
    return this.#implementation.decode(ordinary, { clean_up_tokenization_spaces: false });
  }

  controlToken(name: string): TokenId | undefined {
    return this.#controls.get(name);
  }

  #encodePiece(text: string): TokenId[] {
    return this.#implementation.encode(text, { add_special_tokens: false }).ids.map(tokenId);
  }
}
