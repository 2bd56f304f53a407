/**
 * @file Files to chunks: windows over the lines of a file.
 *
 * Source: CrossCodeEval `augment_with_cfc.py` and Repoformer `attach_cfc.py` for windows over
 * non-blank lines, RepoCoder `make_window.py` for centred ones.
 */

import type { Chunk } from '../../domain/chunk.js';
import type { SourceFile } from '../../domain/task.js';
import { isBlank, splitLines } from '../../domain/text.js';
import type { FileRule, Windowing } from './rules.js';
import type { Term, Terms } from '../../domain/terms.js';

/** A chunk with its terms, which decide whether it is worth keeping. */
export interface TermedChunk extends Chunk {
  readonly terms: readonly Term[];
}

/** Whether a profile chunks a file of this path. */
export function isChunked(path: string, rule: FileRule): boolean {
  switch (rule.kind) {
    case 'all':
      return true;
    case 'typescript-below-src':
      return !/\.[mc]?tsx?$/.test(path) || /^src\/.*\.tsx?$/s.test(path);
  }
}

/**
 * The windows of one file, first to last.
 *
 * @example // 12 non-blank lines, window 10, stride 5: windows start at 0, 5, 10 and hold 10, 7, 2 lines
 * @example // 25 lines, centred, window 20, stride 10: [0, 10), [0, 20), [10, 25)
 */
export function chunkFile(file: SourceFile, windowing: Windowing, terms: Terms): TermedChunk[] {
  switch (windowing.kind) {
    case 'non-blank':
      return nonBlankWindows(file, windowing.lines, windowing.stride, terms);
    case 'centred':
      return centredWindows(file, windowing.lines, windowing.stride, terms);
  }
}

function nonBlankWindows(file: SourceFile, size: number, stride: number, terms: Terms): TermedChunk[] {
  const lines: string[] = [];
  const numbers: number[] = [];
  for (const [i, line] of file.text.split('\n').entries()) {
    if (isBlank(line)) continue;
    lines.push(line);
    numbers.push(i + 1);
  }
  const chunks: TermedChunk[] = [];
  for (let start = 0; start < lines.length; start += stride) {
    const end = Math.min(lines.length, start + size);
    const text = lines.slice(start, end).join('\n');
    const found = terms(text);
    if (found.length === 0) continue;
    chunks.push({
      path: file.path,
      startLine: numbers[start]!,
      endLine: numbers[end - 1]!,
      text,
      terms: found,
    });
  }
  return chunks;
}

function centredWindows(file: SourceFile, size: number, stride: number, terms: Terms): TermedChunk[] {
  const lines = splitLines(file.text);
  const before = Math.floor(size / 2);
  const chunks: TermedChunk[] = [];
  for (let middle = 0; middle < lines.length; middle += stride) {
    const start = Math.max(0, middle - before);
    const end = Math.min(lines.length, middle + size - before);
    const text = lines.slice(start, end).join('\n');
    chunks.push({ path: file.path, startLine: start + 1, endLine: end, text, terms: terms(text) });
  }
  return chunks;
}
