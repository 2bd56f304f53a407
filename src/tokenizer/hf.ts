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

import { Tokenizer as PackageTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { tokenId, type TokenId } from '../domain/units.js';
import type { Tokenizer } from './tokenizer.js';

const addedTokenSchema = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string().min(1),
  special: z.boolean().default(false),
});
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema),
  model: z.looseObject({
    type: z.literal('BPE'),
    vocab: z.record(z.string(), z.number().int().nonnegative()),
  }),
});
const configSchema = z.looseObject({});

/**
 * Loads the tokenizer of a model folder.
 *
 * @param dir Folder with `tokenizer.json` and `tokenizer_config.json`.
 * @throws {ModelError} If a file is missing, is not JSON, or describes a tokenizer other than BPE.
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
  const plain = {
    ...definition,
    added_tokens: definition.added_tokens.filter((token) => !controls.has(token.content)),
  };
  const ids = [...Object.values(definition.model.vocab), ...definition.added_tokens.map(({ id }) => id)];
  try {
    return new HfTokenizer({
      identity: createHash('sha256').update(tokenizerText).update('\n').update(configText).digest('hex'),
      vocabularySize: ids.reduce((highest, id) => Math.max(highest, id), -1) + 1,
      plain: new PackageTokenizer(plain, config),
      controls,
    });
  } catch (error) {
    throw new ModelError(`${path}: not a tokenizer this version can run (${messageOf(error)})`, [], {
      cause: error,
    });
  }
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
  /** A tokenizer without control tokens. */
  readonly plain: PackageTokenizer;
  /** Ids of control tokens by name. */
  readonly controls: ReadonlyMap<string, TokenId>;
}

class HfTokenizer implements Tokenizer {
  readonly identity: string;
  readonly vocabularySize: number;
  readonly #plain: PackageTokenizer;
  readonly #controls: ReadonlyMap<string, TokenId>;
  readonly #controlIds: ReadonlySet<number>;

  constructor({ identity, vocabularySize, plain, controls }: HfTokenizerParts) {
    this.identity = identity;
    this.vocabularySize = vocabularySize;
    this.#plain = plain;
    this.#controls = controls;
    this.#controlIds = new Set(controls.values());
  }

  encode(text: string): TokenId[] {
    if (text === '') return [];
    return this.#plain.encode(text, { add_special_tokens: false }).ids.map(tokenId);
  }

  decode(ids: readonly TokenId[]): string {
    const ordinary = ids.filter(
      (id) => !this.#controlIds.has(id) && this.#plain.id_to_token(id) !== undefined,
    );
    // The package refuses an empty list.
    if (ordinary.length === 0) return '';
    return this.#plain.decode(ordinary, { clean_up_tokenization_spaces: false });
  }

  controlToken(name: string): TokenId | undefined {
    return this.#controls.get(name);
  }
}
