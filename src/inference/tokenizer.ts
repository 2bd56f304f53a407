/**
 * @file What the project needs of a tokenizer, whoever implements it.
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
   * Ids of plain text from anywhere in a document: no BOS, no template, no blank put in front. Text that happens to spell a control token
   * (`<|fim_middle|>` in a string literal, say) is encoded as ordinary characters and never becomes
   * that control token.
   */
  encode(text: string): TokenId[];

  /**
   * Whether the ids of a text are those of its first `offset` units followed by those of the rest, told by
   * the characters at the cut alone: so the same cut holds in any part of the text. False where unknown.
   */
  canCut(text: string, offset: number): boolean;

  /** Text of the ids; control tokens are left out, undecodable bytes become U+FFFD. */
  decode(ids: readonly TokenId[]): string;

  /**
   * Whether the text of ids is the texts of their characters one after the other, whatever stands before
   * them: true of byte-level vocabularies, not of those that mark beginnings of words.
   */
  readonly decodesPiecewise: boolean;

  /** Id of a control token by its exact name, or undefined if the vocabulary lacks it. */
  controlToken(name: string): TokenId | undefined;
}
