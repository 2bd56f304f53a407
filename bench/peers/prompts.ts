/** @file Prompts of real code: the sources of this project, tokenized as the decoder's own tokenizer does. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { decoderFiles } from '../../src/model/decoder-files.js';
import { PROJECT } from './side.js';

/** Where a prompt's text begins: sources that are long enough for the longest prompt. */
const SOURCES = join(PROJECT, 'src', 'retrieval');

/**
 * One prompt a length, the first ids of the sources in the order of their names.
 *
 * @param decoder As for `openDecoder`.
 */
export async function codePrompts(decoder: string, lengths: readonly number[]): Promise<number[][]> {
  const tokenizer = await decoderFiles(decoder).loadTokenizer();
  const text = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => readFileSync(join(SOURCES, name), 'utf8'))
    .join('');
  // No token of code spans more than a few characters; four a token is more than enough text.
  const ids = tokenizer.encode(text.slice(0, 4 * Math.max(...lengths) + 4000));
  return lengths.map((length) => {
    if (ids.length < length) throw new Error(`the sources give ${ids.length} tokens, not ${length}`);
    return ids.slice(0, length).map(Number);
  });
}
