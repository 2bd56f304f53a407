/**
 * @file The tokenizer of GPT-2 and RoBERTa from its older two files, `vocab.json` and `merges.txt`, as a
 * `tokenizer.json`: microsoft/unixcoder-base, for one, has no other.
 *
 * Source: Hugging Face transformers, `convert_slow_tokenizer.py` for the stages; GPT-2 for the files.
 */

import { z } from 'zod';

import { ModelError } from '../domain/errors.js';
import { parseForeignJson } from '../domain/foreign-json.js';

const vocabularySchema = z.record(z.string(), z.number().int().nonnegative());

/** The content of a `tokenizer.json` that describes the same tokenizer. */
export function definitionFromVocabMerges(vocabText: string, mergesText: string, where: string): unknown {
  const parsed = vocabularySchema.safeParse(parseForeignJson(vocabText));
  if (!parsed.success) {
    throw new ModelError(`${where}: not a vocabulary`, z.prettifyError(parsed.error).split('\n').slice(0, 3));
  }
  const vocab = parsed.data;
  const merges = mergesText
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.startsWith('#version'));
  // A token that is neither a single character nor the result of a merge cannot come from text.
  const reachable = new Set(merges.map((merge) => merge.replace(' ', '')));
  const added = Object.entries(vocab)
    .filter(([token]) => Array.from(token).length > 1 && !reachable.has(token))
    .map(([content, id]) => ({ id, content, special: true, normalized: false }));
  const id = (token: string): [string, number] | null => {
    const found = vocab[token];
    return found === undefined ? null : [token, found];
  };
  const [cls, sep] = [id('<s>'), id('</s>')];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor:
      cls === null || sep === null
        ? null
        : { type: 'RobertaProcessing', cls, sep, trim_offsets: true, add_prefix_space: false },
    decoder: byteLevel,
    model: { type: 'BPE', unk_token: null, vocab, merges },
  };
}
