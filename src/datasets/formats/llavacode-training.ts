/**
 * @file LlavaCode's training rows, for evaluation on a held-out part of them.
 *
 * A row is the record itself or holds it under `content`. It names neither task nor file nor repository:
 * tasks are called after the row, and the only chunks are the shipped ones, in order, each with its path
 * in its first line. The groundtruth is kept whole; LlavaCode's validation compares its first line.
 *
 * Source: KamikaziZen/LlavaCode `datamodule/{qwenembed,unixcoder,datamodule}.py`.
 */

import { z } from 'zod';
import { LANGUAGES, taskId } from '../../domain/task.js';
import { chunkOfEntry } from './shipped-chunks.js';
import { defineFormat } from './format.js';

const record = z.object({
  prompt: z.string(),
  groundtruth: z.string(),
  right_context: z.string().default(''),
  crossfile_array: z.array(z.string()),
  /** Not in LlavaCode's own data, which is Python. */
  language: z.enum(LANGUAGES).default('python'),
});

const FIELDS = ['prompt', 'groundtruth', 'crossfile_array'];

export const LLAVACODE_TRAINING = defineFormat({
  name: 'llavacode-training',
  title: "LlavaCode's training rows",
  needs: [FIELDS, FIELDS.map((field) => `content.${field}`)],
  columns: () => [...FIELDS, 'right_context', 'language', 'content'],
  schema: z.union([record, z.object({ content: record }).transform(({ content }) => content)]),
  reasons: {
    prompt: 'it is the text before the hole',
    groundtruth: 'every task needs the text its completion is scored against',
    crossfile_array: 'its chunks are the only context of such a row',
  },
  tasks(row, { split, index, withShipped }) {
    const name = `${split}/${index}`;
    return [
      {
        task: {
          id: taskId(name),
          repository: split,
          path: '',
          language: row.language,
          prefix: row.prompt,
          reference: row.groundtruth,
          suffix: row.right_context,
          crossFile: null,
          ...(withShipped ? { shipped: row.crossfile_array.map(chunkOfEntry) } : {}),
        },
      },
    ];
  },
});
