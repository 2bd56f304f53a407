/**
 * @file RepoBench v1.1.
 *
 * The text before the hole is put together as the benchmark's own code does it: the imports, then the
 * cropped code without white space at its end, each followed by a newline; its comments with repository and
 * path are not part of the file and are left out. There is no text after the hole. The three settings are
 * the splits, which only the name of a file tells. `context` holds candidate snippets in no order of
 * worth; as shipped chunks they keep the order of the file.
 *
 * Source: Leolty/repobench `data/README.md`, `data/utils.py`.
 */

import { z } from 'zod';
import { languageOfPath, type Language } from '../../domain/languages.js';
import { taskId } from '../../domain/task.js';
import { stripEnd } from '../../domain/text.js';
import { defineFormat } from './format.js';
import { forwardSlashes, nonEmpty } from './shared-fields.js';

/** How the hole relates to other files, as the splits call it. */
const SETTINGS: readonly string[] = ['cross_file_first', 'cross_file_random', 'in_file'];

const schema = z
  .object({
    repo_name: nonEmpty,
    file_path: nonEmpty,
    context: z.array(z.object({ path: nonEmpty, snippet: z.string() })).optional(),
    import_statement: z.string(),
    cropped_code: z.string(),
    next_line: z.string(),
    level: nonEmpty.optional(),
  })
  .refine(({ file_path }) => languageOfPath(file_path) !== null, {
    path: ['file_path'],
    message: 'its language is not known',
  });

const NEEDS = ['repo_name', 'file_path', 'import_statement', 'cropped_code', 'next_line'];

export const REPOBENCH = defineFormat({
  name: 'repobench',
  title: 'RepoBench v1.1',
  needs: [NEEDS],
  columns: (withShipped) => [...NEEDS, 'level', ...(withShipped ? ['context'] : [])],
  schema,
  reasons: {
    repo_name: 'averages and seeds go by repository',
    file_path: 'the language is told by the name of the file',
    import_statement: 'the prompt begins with it',
    cropped_code: 'it is the text before the hole',
    next_line: 'every task needs the text its completion is scored against',
  },
  tasks(record, { split, index, withShipped }) {
    const setting = SETTINGS.find((name) => name === split);
    const language: Language = languageOfPath(record.file_path)!;
    return [
      {
        task: {
          id: taskId(`${split}/${index}`),
          repository: record.repo_name,
          path: forwardSlashes(record.file_path),
          language,
          prefix: `${record.import_statement}\n${stripEnd(record.cropped_code)}\n`,
          reference: record.next_line,
          suffix: '',
          crossFile: setting === undefined ? null : setting !== 'in_file',
          ...(setting === undefined ? {} : { category: setting }),
          ...(record.level === undefined ? {} : { level: record.level }),
          ...(withShipped && record.context !== undefined
            ? {
                shipped: record.context.map(({ path, snippet }) => ({
                  path,
                  startLine: null,
                  endLine: null,
                  text: snippet,
                  score: null,
                })),
              }
            : {}),
        },
      },
    ];
  },
});
