/**
 * @file Retrieved chunks as text: commented out, each under the path it comes from.
 *
 * Published models are evaluated with exactly these sentences, so the block follows them word for word. Source:
 * CrossCodeEval's `text` field and Repoformer's `crossfile_context`. The block ends with an empty line.
 */

import type { Chunk, RetrievedChunk } from '../domain/chunk.js';
import { languageFacts, type Language } from '../domain/languages.js';
import { nonBlankLines, splitLines } from '../domain/text.js';

const HEADER = 'Here are some relevant code fragments from other files of the repo:';
const FOUND_IN = 'the below code fragment can be found in:';

/**
 * The block for chunks given best first, so that a cut at the end loses the worst. Chunks that bring the
 * text of a benchmark's own block keep it, whatever its form.
 *
 * @returns "" for no chunks: the prompt is then the one without context.
 * @example crossFileBlock([{ path: 'a.ts', text: 'let x;', ... }], 'typescript')
 * // => '// Here are …:\n\n// the below code fragment can be found in:\n// a.ts\n// let x;\n\n'
 */
export function crossFileBlock(
  chunks: readonly Pick<RetrievedChunk, 'path' | 'text' | 'shown'>[],
  language: Language,
): string {
  if (chunks.length === 0) return '';
  const shipped = chunks.flatMap(({ shown }) => shown ?? []);
  if (shipped.length === chunks.length) return shipped.join('');
  const mark = languageFacts(language).comment;
  const fragments = chunks.map(({ path, text }) => {
    const body = text.replace(/^\n+|\n+$/g, '');
    return [FOUND_IN, path, ...splitLines(body)].map((line) => `${mark} ${line}\n`).join('') + '\n';
  });
  return crossFileHeader(language) + fragments.join('');
}

/** What stands above the chunks. */
export function crossFileHeader(language: Language): string {
  return `${languageFacts(language).comment} ${HEADER}\n\n`;
}

/**
 * The code of the chunks and nothing else, best first: no header, no paths, no comment marks, and each
 * chunk without the indentation that all its lines share. This form is for budgets of a few tokens, in which the
 * published form would hold no code at all.
 *
 * @example bareBlock([{ text: '  if (a) {\n    b();' }, { text: 'c' }]) // => 'if (a) {\n  b();\nc\n'
 */
export function bareBlock(chunks: readonly Pick<Chunk, 'text'>[]): string {
  return chunks.map(({ text }) => `${withoutSharedIndent(text)}\n`).join('');
}

function withoutSharedIndent(text: string): string {
  const lines = nonBlankLines(text);
  const indents = lines.map((line) => /^[ \t]*/.exec(line)![0]);
  const shared = indents.reduce((a, b) => {
    let length = 0;
    while (length < a.length && a[length] === b[length]) length++;
    return a.slice(0, length);
  }, indents[0] ?? '');
  return lines.map((line) => line.slice(shared.length)).join('\n');
}
