/**
 * @file Files to chunks: windows over the non-blank lines of a file.
 *
 * Source: Repoformer `attach_cfc.py`; blank lines go before windowing, "\n" alone separates lines,
 * a window without a single token is dropped and does not count in the numbering.
 */

import type { Chunk } from '../domain/chunk.js';
import type { SourceFile } from '../domain/task.js';
import { isBlank } from '../domain/text.js';
import { lexicalTokens } from './lexical-tokens.js';
import type { RetrievalProfile } from './profile.js';

/** A chunk with the tokens that decided it is worth keeping. */
export interface TokenizedChunk extends Chunk {
  readonly tokens: readonly string[];
}

/**
 * The windows of one file, first to last.
 *
 * @example // 12 non-blank lines, window 10, stride 5: windows start at 0, 5, 10 and hold 10, 7, 2 lines
 */
export function chunkFile(file: SourceFile, profile: RetrievalProfile): TokenizedChunk[] {
  const kept: { line: string; number: number }[] = [];
  for (const [i, line] of file.text.split('\n').entries()) {
    if (!isBlank(line)) kept.push({ line, number: i + 1 });
  }
  const chunks: TokenizedChunk[] = [];
  for (let start = 0; start < kept.length; start += profile.strideLines) {
    const window = kept.slice(start, start + profile.windowLines);
    const text = window.map(({ line }) => line).join('\n');
    const tokens = lexicalTokens(text);
    if (tokens.length === 0) continue;
    chunks.push({
      path: file.path,
      startLine: window[0]!.number,
      endLine: window.at(-1)!.number,
      text,
      tokens,
    });
  }
  return chunks;
}
