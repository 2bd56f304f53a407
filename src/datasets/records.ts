/**
 * @file The record format of dataset files: CrossCodeEval's shape, one JSON object a line.
 *
 * `prompt + groundtruth + right_context` is text of the file; nothing is inserted or dropped at the
 * seams, so both published newline conventions load unchanged (indentation at the end of the prompt,
 * or at the start of the groundtruth with its newline). Fields this program does not know are left
 * alone; `crossfile_context` is not read, because the retrievers here make their own.
 *
 * Source: amazon-science/cceval, README of the data; amazon-science/Repoformer, repo_eval/data for
 * `metadata.filepath`.
 */

import { z } from 'zod';
import { LANGUAGES, taskId } from '../domain/task.js';
import type { CompletionTask, Language } from '../domain/task.js';
import { languageOfPath } from './source-path.js';

const text = z.string();
const nonEmpty = z.string().min(1, 'it is empty');

export const recordSchema = z.object({
  prompt: text,
  /** May be empty: what an empty reference scores is up to the metric profile. */
  groundtruth: text,
  right_context: text.default(''),
  metadata: z
    .object({
      task_id: nonEmpty,
      repository: nonEmpty,
      /** Path inside the repository. */
      file: nonEmpty.optional(),
      /** The same in Repoformer's files. */
      filepath: nonEmpty.optional(),
      /** First line of the groundtruth, 0-based. */
      groundtruth_start_lineno: z.int().min(0).optional(),
      language: z.enum(LANGUAGES).optional(),
      cross_file: z.boolean().nullable().optional(),
      /** The repository's folder, relative to the dataset file. */
      repository_dir: nonEmpty.optional(),
    })
    .refine((metadata) => (metadata.file ?? metadata.filepath) !== undefined, {
      path: ['file'],
      message: 'it is missing',
    })
    .refine((metadata) => languageOfRecord(metadata) !== null, {
      path: ['language'],
      message: `one of ${LANGUAGES.join(', ')} is needed where the file name does not tell`,
    }),
});

export type DatasetRecord = z.output<typeof recordSchema>;

/** Why a record needs each field, by dotted path. */
export const FIELD_REASONS: Readonly<Record<string, string>> = {
  prompt: 'it is the text before the hole',
  groundtruth: 'every task needs the text its completion is scored against',
  metadata: 'it names the task, its repository and its file',
  'metadata.task_id': 'results are joined by task id',
  'metadata.repository': 'retrievers look for context in the repository of the task',
  'metadata.file': 'the file with the hole is never offered as context to itself',
  'metadata.language': 'prompts and metrics depend on the language',
};

function languageOfRecord(metadata: {
  readonly language?: Language | undefined;
  readonly file?: string | undefined;
  readonly filepath?: string | undefined;
}): Language | null {
  return metadata.language ?? languageOfPath(metadata.file ?? metadata.filepath ?? '');
}

/** The task that a checked record describes. */
export function taskOfRecord(record: DatasetRecord): CompletionTask {
  const { metadata } = record;
  return {
    id: taskId(metadata.task_id),
    repository: metadata.repository,
    path: (metadata.file ?? metadata.filepath)!.replaceAll('\\', '/'),
    language: languageOfRecord(metadata)!,
    prefix: record.prompt,
    reference: record.groundtruth,
    suffix: record.right_context,
    crossFile: metadata.cross_file ?? null,
  };
}

/**
 * The record of a task, in the field order in which this program writes it.
 *
 * @param line          Line of the hole, 1-based.
 * @param repositoryDir The repository's folder relative to the dataset file; null to leave it out.
 */
export function recordOfTask(
  task: CompletionTask,
  line: number,
  repositoryDir: string | null,
): DatasetRecord {
  return {
    prompt: task.prefix,
    groundtruth: task.reference,
    right_context: task.suffix,
    metadata: {
      task_id: task.id,
      repository: task.repository,
      file: task.path,
      groundtruth_start_lineno: line - 1,
      cross_file: task.crossFile,
      ...(repositoryDir === null ? {} : { repository_dir: repositoryDir }),
    },
  };
}
