/**
 * @file Tokenizers in Hugging Face's `tokenizer.json` format; sole importer of
 * `@huggingface/tokenizers`.
 *
 * The package splits text at control tokens before anything else. Source code may spell such a token
 * in a string literal, so encoding here uses a tokenizer that has no control tokens: the literal
 * becomes ordinary characters, and all other text is encoded as by the full tokenizer.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import {
  DigitsPreTokenizer,
  SplitPreTokenizer,
  Tokenizer as PackageTokenizer,
} from '@huggingface/tokenizers';
import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { parseJson, withoutMark } from '../domain/json.js';
import { shortened } from '../domain/foreign-text.js';
import { tokenId, type TokenId } from '../domain/units.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { cutRule, type CutRule } from './cuts.js';
import { patternProblem, regularExpressionsOf } from './pattern-cost.js';
import { plainDefinition, type PlainDefinition, type TokenizerDefinition } from './definition.js';
import { cuttingStages } from './stages.js';
import type { Specials, Tokenizer } from '../inference/tokenizer.js';
import { tokenizerFromSlowFiles } from './slow-files.js';
import { WordCache } from './word-cache.js';

/** The bytes of ids follow each other, and several ids together may make one character. */
const byteLevelDecoder = z.looseObject({ type: z.literal('ByteLevel') });

/**
 * Loads the tokenizer of a model folder: `tokenizer.json`, or `vocab.json` with `merges.txt` and the class of the
 * tokenizer.
 *
 * @throws {ModelError} If a file is missing, is not JSON, or describes a tokenizer that is neither BPE
 *   nor WordPiece.
 */
export async function loadTokenizer(dir: string): Promise<Tokenizer> {
  const { path, texts, value } = await readDefinition(dir);
  return tokenizerOf(value, texts, path);
}

/**
 * The tokenizer of a definition.
 *
 * @param value Content of a `tokenizer.json`; owned by this call and changed.
 * @param texts What the tokenizer's identity is the hash of.
 * @param path What messages call it.
 * @throws {ModelError} If it describes a tokenizer that is neither BPE nor WordPiece.
 */
export function tokenizerOf(value: unknown, texts: readonly string[], path: string): Tokenizer {
  const plain = plainDefinition(value, path);
  requireCheapPatterns(plain.definition, path);
  const identity = createHash('sha256').update(texts.join('\n')).digest('hex');
  try {
    const split = wordSplit(plain.definition);
    // `split` has cut the text into words, so only the stages that treat one word remain.
    const stages =
      split === null
        ? plain.definition
        : { ...plain.definition, normalizer: null, pre_tokenizer: BYTE_LEVEL_ONLY };
    return new HfTokenizer(identity, plain, new PackageTokenizer(stages, {}), split);
  } catch (error) {
    throw new ModelError(`${path}: not a tokenizer this version can run (${messageOf(error)})`, [], {
      cause: error,
    });
  }
}

/** @throws {ModelError} If a regular expression may run without end: nothing can stop it then. */
function requireCheapPatterns(
  { normalizer, pre_tokenizer, decoder }: TokenizerDefinition,
  path: string,
): void {
  for (const pattern of regularExpressionsOf([normalizer, pre_tokenizer, decoder])) {
    const problem = patternProblem(pattern);
    if (problem === null) continue;
    throw new ModelError(`${path}: its pattern ${shortened(pattern, 80)} is not run: ${problem}`, [
      'on some texts such a pattern takes longer than anybody waits, and it cannot be stopped',
      'if you know where the file comes from, write the pattern in another way',
    ]);
  }
}

interface DefinitionFiles {
  /** The file that messages name. */
  readonly path: string;
  /** Content of every file that decides the tokenizer. */
  readonly texts: readonly string[];
  readonly value: unknown;
}

async function readDefinition(dir: string): Promise<DefinitionFiles> {
  const path = join(dir, 'tokenizer.json');
  const vocabulary = join(dir, 'vocab.json');
  if (!existsSync(path) && existsSync(vocabulary)) {
    const vocab = await readText(vocabulary);
    const merges = await readText(join(dir, 'merges.txt'));
    const beside = (name: string): Promise<string | null> =>
      existsSync(join(dir, name)) ? readText(join(dir, name)) : Promise.resolve(null);
    const files = {
      ...{
        vocab,
        merges,
        config: await beside('tokenizer_config.json'),
        added: await beside('added_tokens.json'),
      },
      ...{ specials: await beside('special_tokens_map.json'), model: await beside('config.json') },
    };
    const { definition, deciding } = tokenizerFromSlowFiles(files, vocabulary);
    return { path: vocabulary, texts: [vocab, merges, ...deciding], value: definition };
  }
  const text = await readText(path);
  // The configuration beside it decides nothing here, but another program would treat a changed one as another
  // tokenizer.
  const config = join(dir, 'tokenizer_config.json');
  const texts = existsSync(config) ? [text, await readText(config)] : [text];
  return { path, texts, value: parsed(path, text) };
}

function parsed(path: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new ModelError(`${path}: not JSON (${messageOf(error)})`, [], { cause: error });
  }
}

/** A stage that cuts text. */
interface Splitter {
  pre_tokenize_text(text: string): string[];
}

const BYTE_LEVEL_ONLY = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };

/**
 * How the definition cuts text into words that BPE treats on their own; null for a layout other than
 * that of GPT-2, RoBERTa, Qwen and their kin.
 */
function wordSplit(definition: TokenizerDefinition): ((text: string) => string[]) | null {
  const { normalizer, added_tokens: ordinary, model } = definition;
  const isNfc = normalizer?.type === 'NFC';
  if (model.type !== 'BPE' || ordinary.length > 0 || (normalizer !== null && !isNfc)) return null;

  const stages = cuttingStages(definition.pre_tokenizer);
  if (stages === null || stages.length === 0) return null;
  const splitters = stages.map((stage): Splitter =>
    stage.type === 'Split' ? new SplitPreTokenizer(stage) : new DigitsPreTokenizer(stage),
  );
  return (text) =>
    splitters.reduce<string[]>(
      (words, splitter) => words.flatMap((word) => splitter.pre_tokenize_text(word)),
      [isNfc ? text.normalize('NFC') : text],
    );
}

async function readText(path: string): Promise<string> {
  try {
    return withoutMark(await readForeignText(path));
  } catch (error) {
    throw new ModelError(
      `${path}: cannot be read (${messageOf(error)})`,
      ['a model folder needs the tokenizer files of its checkpoint'],
      { cause: error },
    );
  }
}

class HfTokenizer implements Tokenizer {
  readonly identity: string;
  readonly vocabularySize: number;
  readonly specials: Specials;
  readonly startsWithBlank: boolean;
  readonly decodesPiecewise: boolean;
  readonly #implementation: PackageTokenizer;
  readonly #split: ((text: string) => string[]) | null;
  readonly #words: WordCache;
  /** Texts of single ids, since a completion is decoded token by token. The map never outgrows the vocabulary. */
  readonly #pieces = new Map<TokenId, string>();
  readonly #cutRule: CutRule | null;
  readonly #controls: ReadonlyMap<string, TokenId>;
  readonly #controlIds: ReadonlySet<number>;

  /**
   * @param implementation Encodes a word, or a whole text if `split` is null; knows no control tokens.
   * @param split Cuts text into words, see {@link wordSplit}.
   */
  constructor(
    identity: string,
    plain: PlainDefinition,
    implementation: PackageTokenizer,
    split: ((text: string) => string[]) | null,
  ) {
    this.identity = identity;
    this.vocabularySize = plain.vocabularySize;
    this.specials = plain.specials;
    this.startsWithBlank = plain.startsWithBlank;
    this.decodesPiecewise = byteLevelDecoder.safeParse(plain.definition.decoder).success;
    this.#implementation = implementation;
    this.#split = split;
    this.#words = new WordCache((word) => this.#encodePiece(word));
    this.#cutRule = cutRule(plain.definition);
    this.#controls = plain.controls;
    this.#controlIds = new Set(plain.controls.values());
  }

  encode(text: string): TokenId[] {
    return this.#split === null ? this.#encodePiece(text) : this.#words.encode(this.#split(text));
  }

  canCut(text: string, offset: number): boolean {
    return this.#cutRule?.(text, offset) ?? false;
  }

  decode(ids: readonly TokenId[]): string {
    const [only] = ids;
    if (only === undefined || ids.length > 1) return this.#decode(ids);
    let text = this.#pieces.get(only);
    if (text === undefined) this.#pieces.set(only, (text = this.#decode(ids)));
    return text;
  }

  #decode(ids: readonly TokenId[]): string {
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
    if (text === '') return [];
    return this.#implementation.encode(text, { add_special_tokens: false }).ids.map(tokenId);
  }
}
