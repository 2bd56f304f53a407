/**
 * @file The chunks that benchmark records ship, from their text block and from their lists.
 *
 * The block is read as LlavaCode's benchmark reads it: lines end where Python's `splitlines` ends them,
 * a marker line opens a chunk, the line after it names the file, empty lines do not count. Both comment
 * marks are understood. Every chunk keeps the piece of the block that shows it, so that a prompt can hold
 * the block as it was shipped, to the character.
 *
 * Source: CrossCodeEval `prompt_builder/augment_with_cfc.py` (text and list); Repoformer
 * `repo_eval/cfc_retrieval/attach_cfc.py` (text alone); LlavaCode `run_benchmark.py` (the parser) and
 * `datamodule/` (`crossfile_array`).
 */

import { z } from 'zod';
import type { RetrievedChunk } from '../../domain/chunk.js';

const MARKER = /^(#|\/\/) the below code fragment can be found in:\s*$/;

/** What ends a line for Python's `str.splitlines`. */
const LINE_END = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/g;

/** `crossfile_context` as the published files have it: text, text and list, or nothing. */
export const crossfileContextSchema = z.union([
  z.string(),
  z.object({
    text: z.string().optional(),
    list: z
      .array(
        z.object({
          retrieved_chunk: z.string(),
          filename: z.string().min(1, 'it is empty'),
          score: z.number().nullable().optional(),
        }),
      )
      .optional(),
  }),
]);

export type CrossfileContext = z.output<typeof crossfileContextSchema>;

/**
 * The chunks of a `crossfile_context`.
 *
 * A list gives texts, paths and scores; a text gives texts and paths. Where both are there and show the
 * same files in the same order, the chunks also keep the text's pieces.
 *
 * @param deviate Told where list and text disagree, or a text holds no marker; the text is then one the
 *                published builders do not write.
 */
export function chunksOfContext(
  context: CrossfileContext,
  deviate: (what: string) => void,
): RetrievedChunk[] {
  const { text = '', list } = typeof context === 'string' ? { text: context } : context;
  const fragments = chunksOfText(text);
  if (list === undefined) {
    if (fragments.length === 0 && text.trim() !== '') {
      deviate('crossfile_context has text but no fragment marker in it; it is not used');
    }
    return fragments;
  }
  const agrees =
    fragments.length === list.length && fragments.every(({ path }, i) => path === list[i]!.filename);
  if (text.trim() !== '' && (!agrees || fragments.length === 0)) {
    deviate('crossfile_context.text does not show the chunks of crossfile_context.list; the list is used');
  }
  return list.map(({ retrieved_chunk, filename, score }, i) => ({
    path: filename,
    startLine: null,
    endLine: null,
    text: retrieved_chunk,
    score: score ?? null,
    ...(agrees ? { shown: fragments[i]!.shown! } : {}),
  }));
}

/**
 * The chunks of a text block, in its order.
 *
 * @example
 * chunksOfText('# Here are …:\n\n# the below code fragment can be found in:\n# a.py\n# x = 1\n\n')
 * // one chunk: path "a.py", text "x = 1", shown: all of it
 */
export function chunksOfText(block: string): RetrievedChunk[] {
  const lines = linesOf(block);
  const starts = lines.flatMap(({ text }, i) => (MARKER.test(text) ? [i] : []));
  return starts.map((first, n) => {
    const mark = MARKER.exec(lines[first]!.text)![1]!;
    const end = starts[n + 1] ?? lines.length;
    const [path, ...body] = lines.slice(first + 1, end).map(({ text }) => text);
    return {
      path: uncomment(path ?? '', mark),
      startLine: null,
      endLine: null,
      text: body
        .filter((line) => line !== '')
        .map((line) => uncomment(line, mark))
        .join('\n'),
      score: null,
      shown: block.slice(n === 0 ? 0 : lines[first]!.start, lines[end]?.start ?? block.length),
    };
  });
}

/** LlavaCode's training form: the first line names the file, the rest is the chunk as it is. */
export function chunkOfEntry(entry: string): RetrievedChunk {
  const end = entry.indexOf('\n');
  return {
    path: (end < 0 ? entry : entry.slice(0, end)).replace(/\r$/, ''),
    startLine: null,
    endLine: null,
    text: end < 0 ? '' : entry.slice(end + 1),
    score: null,
  };
}

/** A line that a form feed or the like cut off has no comment mark and stays as it is. */
function uncomment(line: string, mark: string): string {
  if (line === mark) return '';
  return line.startsWith(`${mark} `) ? line.slice(mark.length + 1) : line;
}

function linesOf(text: string): { readonly start: number; readonly text: string }[] {
  const lines: { start: number; text: string }[] = [];
  let start = 0;
  for (const end of text.matchAll(LINE_END)) {
    lines.push({ start, text: text.slice(start, end.index) });
    start = end.index + end[0].length;
  }
  if (start < text.length) lines.push({ start, text: text.slice(start) });
  return lines;
}
