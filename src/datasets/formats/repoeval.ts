/**
 * @file RepoEval as RepoCoder published it.
 *
 * The prompt is already cut to the 1k, 2k or 4k of its file, begins at `context_start_lineno` and ends with
 * the newline before the hole; nothing after the hole is stored. Function records may name the line
 * `lineno`, may lack both numbers, and write `owner--name` where the repository's folder is `owner_name`.
 *
 * Source: microsoft/CodeT `RepoCoder/README.md` and `RepoCoder/utils.py`; for the function records
 * amazon-science/Repoformer `repo_eval/data/convert.py`.
 */

import { z } from 'zod';
import { taskId } from '../../domain/task.js';
import { defineFormat } from './format.js';
import { nonEmpty } from './shared-fields.js';

const lineNumber = z.int().min(0).optional();

const schema = z.object({
  prompt: z.string(),
  metadata: z.object({
    task_id: nonEmpty,
    ground_truth: z.string(),
    /** Repository folder, folders, file. */
    fpath_tuple: z.array(nonEmpty).min(2, 'a repository and a file are needed'),
    context_start_lineno: lineNumber,
    line_no: lineNumber,
    lineno: lineNumber,
  }),
});

export const REPOEVAL = defineFormat({
  name: 'repoeval',
  title: 'RepoEval as published with RepoCoder',
  needs: [['prompt', 'metadata.task_id', 'metadata.ground_truth', 'metadata.fpath_tuple']],
  schema,
  reasons: {
    prompt: 'it is the text before the hole',
    'metadata.task_id': 'results are joined by task id',
    'metadata.ground_truth': 'every task needs the text its completion is scored against',
    'metadata.fpath_tuple': 'it names the repository and the file',
  },
  tasks(record) {
    const { task_id, ground_truth, fpath_tuple } = record.metadata;
    const [folder, ...path] = fpath_tuple;
    return [
      {
        task: {
          id: taskId(task_id),
          repository: folder!.replace('--', '_'),
          path: path.join('/'),
          language: 'python',
          prefix: record.prompt,
          reference: ground_truth,
          suffix: '',
          crossFile: null,
        },
      },
    ];
  },
});
