/**
 * @file The interface of a tokenizer.
 */

import type { TokenId } from '../domain/units.js';

/** What a tokenizer itself puts around a text: BOS, or the `<s>` and `</s>` of an encoder. */
export interface Specials {
  readonly before: readonly TokenId[];
  readonly after: readonly TokenId[];
}

export interface Tokenizer {
  /** Hash of the tokenizer's files; part of every cache key and of the fingerprint. */
  readonly identity: string;
  readonly vocabularySize: number;
  readonly specials: Specials;
  /** Whether a text that begins a document gets a blank in front (SentencePiece models). */
  readonly startsWithBlank: boolean;

  /**
   * Ids of plain text from anywhere in a document. The tokenizer adds no BOS, no template and no blank in front. Text
   * that happens to spell a control token (such as `<|fim_middle|>` in a string literal) is encoded as ordinary
   * characters and never becomes that control token.
   */
  encode(text: string): TokenId[];

  /**
   * Whether the ids of a text are the ids of its first `offset` units followed by the ids of the rest. The answer
   * depends on the characters at the cut alone, so it holds in any part of the text. False where it is unknown.
   */
  canCut(text: string, offset: number): boolean;

  /** Text of the ids; control tokens are left out, undecodable bytes become U+FFFD. */
  decode(ids: readonly TokenId[]): string;

  /**
   * Whether the text of ids is the texts of the single ids one after the other, whatever stands before them. This holds
   * for byte-level vocabularies, but not for vocabularies that mark the beginnings of words.
   */
  readonly decodesPiecewise: boolean;

  /** Id of a control token by its exact name, or undefined if the vocabulary lacks it. */
  controlToken(name: string): TokenId | undefined;
}
