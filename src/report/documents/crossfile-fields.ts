/**
 * @file Ranked chunks in the forms in which the published harnesses keep them.
 *
 * - `chunks`: `{task_id, chunks: [{path, startLine, endLine, score, text}]}`, best first;
 * - `repoformer`: the record with `crossfile_context` as one string, comment mark `#` in every language,
 *   paths with the repository's folder;
 * - `cceval`: the record with `crossfile_context: {text, list: [{retrieved_chunk, filename, score}]}`, the
 *   language's comment mark, paths inside the repository.
 *
 * Source: Repoformer `attach_cfc.py`, CrossCodeEval `augment_with_cfc.py`.
 */

import type { RetrievedChunk } from '../../domain/chunk.js';
import type { CompletionTask } from '../../domain/task.js';
import { crossFileBlock } from '../../prompt/cross-file-block.js';
import type { NoChunks } from '../../run/task-chunks.js';

export const CONTEXT_FORMATS = ['chunks', 'repoformer', 'cceval'] as const;
export type ContextFormat = (typeof CONTEXT_FORMATS)[number];

/** One line of the output, as a value to be written as JSON. */
export function contextLine(
  format: ContextFormat,
  { task, record }: { readonly task: CompletionTask; readonly record: Readonly<Record<string, unknown>> },
  chunks: readonly RetrievedChunk[],
  reason: NoChunks | null,
): object {
  switch (format) {
    case 'chunks':
      return {
        task_id: task.id,
        chunks: chunks.map(({ path, startLine, endLine, score, text }) => ({
          path,
          startLine,
          endLine,
          score,
          text,
        })),
      };
    case 'repoformer': {
      const folder = folderOf(task, record);
      // Paths that a benchmark ships may have the folder already.
      const placed = chunks.map(({ path, text }) => ({
        path: path.startsWith(folder) ? path : folder + path,
        text,
      }));
      return { ...record, crossfile_context: crossFileBlock(placed, 'python') };
    }
    case 'cceval':
      return { ...record, crossfile_context: ccevalContext(task, chunks, reason) };
  }
}

function ccevalContext(
  task: CompletionTask,
  chunks: readonly RetrievedChunk[],
  reason: NoChunks | null,
): object | string {
  if (reason === 'repository-missing') return '';
  if (chunks.length === 0) return {};
  return {
    text: crossFileBlock(chunks, task.language),
    list: chunks.map(({ text, path, score }) => ({ retrieved_chunk: text, filename: path, score })),
  };
}

/**
 * What Repoformer's paths begin with: the part of the record's `filepath` that is not the path inside the
 * repository; otherwise the repository's name.
 */
function folderOf(task: CompletionTask, record: Readonly<Record<string, unknown>>): string {
  const { metadata } = record;
  const filepath =
    typeof metadata === 'object' && metadata !== null && 'filepath' in metadata ? metadata.filepath : null;
  if (typeof filepath === 'string' && filepath.endsWith(task.path)) {
    return filepath.slice(0, filepath.length - task.path.length);
  }
  return `${task.repository}/`;
}
