/**
 * @file RepoEval as Repoformer converted it, and LlavaCode's files of the same shape.
 *
 * `metadata.filepath` starts with the folder of the repository, and `metadata.repository` is the address
 * of its origin; the folder's name is what the repository is called here. The Python files put the
 * indentation of the hole at the end of `prompt`, LlavaCode's Java file at the start of `groundtruth`
 * together with the newline; both are joined as they are.
 *
 * Source: amazon-science/Repoformer `repo_eval/data/{convert,jsonify}.py`; KamikaziZen/LlavaCode README.
 */

import { z } from 'zod';
import { LANGUAGES, taskId } from '../../domain/task.js';
import { defineFormat } from './format.js';
import {
  FIELD_REASONS,
  forwardSlashes,
  languageNeeded,
  languageOf,
  nonEmpty,
  shippedOf,
  textFields,
} from './shared-fields.js';

const schema = z
  .object({
    ...textFields,
    metadata: z.object({
      task_id: nonEmpty,
      repository: nonEmpty,
      filepath: nonEmpty,
      language: z.enum(LANGUAGES).optional(),
    }),
  })
  .refine(({ metadata }) => languageOf(metadata.language, metadata.filepath) !== null, languageNeeded);

export const REPOFORMER = defineFormat({
  name: 'repoformer',
  title: "RepoEval as converted by Repoformer, LlavaCode's evaluation files",
  needs: [['prompt', 'groundtruth', 'metadata.task_id', 'metadata.repository', 'metadata.filepath']],
  columns: (withShipped) => [
    ...['prompt', 'groundtruth', 'right_context', 'metadata'],
    ...(withShipped ? ['crossfile_context'] : []),
  ],
  schema,
  reasons: FIELD_REASONS,
  tasks(record, context) {
    const { metadata } = record;
    return [
      {
        task: {
          id: taskId(metadata.task_id),
          ...placeOf(metadata.repository, forwardSlashes(metadata.filepath)),
          language: languageOf(metadata.language, metadata.filepath)!,
          prefix: record.prompt,
          reference: record.groundtruth,
          suffix: record.right_context,
          crossFile: null,
          ...shippedOf(record.crossfile_context, context),
        },
      },
    ];
  },
});

/**
 * Repository and path inside it.
 *
 * @example placeOf('https://github.com/owner/name', 'owner_name/pkg/a.py')
 * // => { repository: 'owner_name', path: 'pkg/a.py' }
 */
function placeOf(stated: string, filepath: string): { repository: string; path: string } {
  const slash = filepath.indexOf('/');
  const folder = filepath.slice(0, slash);
  if (slash > 0 && (stated.includes('://') || folder === stated)) {
    return { repository: folder, path: filepath.slice(slash + 1) };
  }
  return { repository: stated, path: filepath };
}
