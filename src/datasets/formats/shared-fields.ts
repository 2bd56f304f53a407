/**
 * @file What the records of CrossCodeEval, of Repoformer and of this program have in common.
 *
 * `prompt + groundtruth + right_context` is text of the file; nothing is inserted or dropped at the seams,
 * so both published newline conventions load unchanged: indentation at the end of the prompt, or at the
 * start of the groundtruth with its newline.
 */

import { z } from 'zod';
import { LANGUAGES, languageOfPath, type Language } from '../../domain/languages.js';
import type { RetrievedChunk } from '../../domain/chunk.js';
import { chunksOfContext, crossfileContextSchema, type CrossfileContext } from './shipped-chunks.js';
import type { RowContext } from './format.js';

export const nonEmpty = z.string().min(1, 'it is empty');

/** The texts of a record, and the chunks it may ship. */
export const textFields = {
  prompt: z.string(),
  /** May be empty: what an empty reference scores is up to the metric profile. */
  groundtruth: z.string(),
  right_context: z.string().default(''),
  crossfile_context: crossfileContextSchema.optional(),
};

/** Why a record needs each field, by dotted path. */
export const FIELD_REASONS: Readonly<Record<string, string>> = {
  prompt: 'it is the text before the hole',
  groundtruth: 'every task needs the text its completion is scored against',
  metadata: 'it names the task, its repository and its file',
  'metadata.task_id': 'results are joined by task id',
  'metadata.repository': 'retrievers look for context in the repository of the task',
  'metadata.file': 'the file with the hole is never offered as context to itself',
  'metadata.filepath': 'the file with the hole is never offered as context to itself',
  'metadata.language': 'prompts and metrics depend on the language',
};

/** A path with forward slashes, whatever the machine that wrote the record uses. */
export function forwardSlashes(path: string): string {
  return path.replaceAll('\\', '/');
}

/** Refuses a record whose language neither it nor its file name tells. */
export const languageNeeded = {
  path: ['metadata', 'language'],
  message: `one of ${LANGUAGES.join(', ')} is needed where the file name does not tell`,
};

/** The language that a record states, else that of its file. */
export function languageOf(stated: Language | undefined, path: string): Language | null {
  return stated ?? languageOfPath(path);
}

/** The chunks of a record, if it ships any and anyone asks for them. */
export function shippedOf(
  context: CrossfileContext | undefined,
  { withShipped, deviate }: RowContext,
): { shipped?: readonly RetrievedChunk[] } {
  return context === undefined || !withShipped ? {} : { shipped: chunksOfContext(context, deviate) };
}
