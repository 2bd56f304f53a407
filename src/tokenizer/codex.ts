/**
 * @file The byte pairs of Codex (`p50k_base`), by which RepoCoder compares windows; sole importer of
 * `js-tiktoken`.
 *
 * The module is loaded on demand, since the table of merges is half a megabyte that no other profile needs. A control
 * token that text spells is ordinary text, as in RepoCoder's `encode_ordinary`.
 */

import type { Tiktoken } from 'js-tiktoken/lite';
import { tokenId } from '../domain/units.js';
import type { Terms } from '../domain/terms.js';
import { WordCache } from './word-cache.js';

/** Ids of a text, in order, repeats kept. */
export async function loadCodexTerms(): Promise<Terms> {
  const { Tiktoken } = await import('js-tiktoken/lite');
  const { default: ranks } = await import('js-tiktoken/ranks/p50k_base');
  const words = new RegExp(ranks.pat_str, 'gu');
  const encoder: Tiktoken = new Tiktoken(ranks);
  const cache = new WordCache((word) => encoder.encode(word, [], []).map(tokenId));
  return (text) => cache.encode(text.match(words) ?? []);
}
