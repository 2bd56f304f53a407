/**
 * @file CrossCodeEval's records, in all variants, and this program's own, which have the same shape.
 *
 * `metadata.file` is relative to the root of the repository. The retrieval variants carry
 * `crossfile_context` with a text and a list; `{}` and "" mean that nothing was found.
 *
 * Source: amazon-science/cceval, README of the data and `prompt_builder/augment_with_cfc.py`.
 */

import { z } from 'zod';
import { LANGUAGES, taskId, type CompletionTask } from '../../domain/task.js';
import { defineFormat, type FoundTask, type RowContext } from './format.js';
import {
  FIELD_REASONS,
  forwardSlashes,
  languageNeeded,
  languageOf,
  nonEmpty,
  shippedOf,
  textFields,
} from './shared-fields.js';

const NEEDS = ['prompt', 'groundtruth', 'metadata.task_id', 'metadata.repository', 'metadata.file'] as const;

const lineNumber = z.int().min(0).optional();

export const recordSchema = z
  .object({
    ...textFields,
    metadata: z.object({
      task_id: nonEmpty,
      repository: nonEmpty,
      /** Path inside the repository. */
      file: nonEmpty,
      /** First line of the groundtruth, 0-based. */
      groundtruth_start_lineno: lineNumber,
      language: z.enum(LANGUAGES).optional(),
      cross_file: z.boolean().nullable().optional(),
      category: nonEmpty.optional(),
      /** The repository's folder, relative to the dataset file. */
      repository_dir: nonEmpty.optional(),
    }),
  })
  .refine(({ metadata }) => languageOf(metadata.language, metadata.file) !== null, languageNeeded);

export type DatasetRecord = z.output<typeof recordSchema>;

function tasks(record: DatasetRecord, context: RowContext): FoundTask[] {
  const { metadata } = record;
  const task: CompletionTask = {
    id: taskId(metadata.task_id),
    repository: metadata.repository,
    path: forwardSlashes(metadata.file),
    language: languageOf(metadata.language, metadata.file)!,
    prefix: record.prompt,
    reference: record.groundtruth,
    suffix: record.right_context,
    crossFile: metadata.cross_file ?? null,
    ...(metadata.category === undefined ? {} : { category: metadata.category }),
    ...shippedOf(record.crossfile_context, context),
  };
  const { repository_dir: repositoryDir } = metadata;
  return [{ task, ...(repositoryDir === undefined ? {} : { repositoryDir }) }];
}

const shared = { schema: recordSchema, reasons: FIELD_REASONS, tasks };
const columns = (withShipped: boolean): string[] => [
  ...['prompt', 'groundtruth', 'right_context', 'metadata'],
  ...(withShipped ? ['crossfile_context'] : []),
];

export const CCEVAL = defineFormat({
  name: 'cceval',
  title: 'CrossCodeEval, with or without shipped retrieval',
  needs: [[...NEEDS, 'metadata.context_start_lineno']],
  columns,
  ...shared,
});

export const OWN = defineFormat({
  name: 'llava-eval',
  title: "this program's own records: CrossCodeEval's shape",
  needs: [NEEDS],
  sourceRule: 'written',
  columns,
  ...shared,
});

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
