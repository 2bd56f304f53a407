/**
 * @file The merges that the scores of a SentencePiece vocabulary stand for.
 *
 * SentencePiece joins, again and again, the two neighbours whose joint token has the highest score. The
 * same is done by merges in descending order of that score, one for each way to cut a token into two.
 *
 * Source: `generate_merges` of Hugging Face transformers 5.
 */

import { ModelError } from '../../domain/errors.js';

/**
 * Longest token, in UTF-16 units: each is cut at every place. SentencePiece's own limit is 16 characters
 * unless its training says otherwise; runs of blanks in vocabularies for code have up to 64.
 */
const MAX_TOKEN_LENGTH = 256;

interface Merge {
  readonly left: string;
  readonly right: string;
  readonly score: number;
}

/**
 * Pairs of parts, best first.
 *
 * @param tokens Ids of the tokens that stand for text: neither control tokens nor bytes come out of merges.
 * @param scores By id.
 * @throws {ModelError} If a token is too long.
 */
export function mergesFromScores(
  path: string,
  tokens: ReadonlyMap<string, number>,
  scores: readonly number[],
): [string, string][] {
  const merges: Merge[] = [];
  for (const [token, id] of tokens) {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new ModelError(`${path}: token ${id} has ${token.length} characters`, [
        `this version reads tokens of up to ${MAX_TOKEN_LENGTH}`,
      ]);
    }
    const score = scores[id] ?? 0;
    for (let at = 1; at < token.length; at++) {
      const [left, right] = [token.slice(0, at), token.slice(at)];
      // A cut inside a surrogate pair gives no tokens.
      if (tokens.has(left) && tokens.has(right)) merges.push({ left, right, score });
    }
  }
  const length = (text: string): number => Array.from(text).length;
  merges.sort(
    (a, b) => b.score - a.score || length(b.left) - length(a.left) || length(b.right) - length(a.right),
  );
  return merges.map(({ left, right }) => [left, right]);
}
