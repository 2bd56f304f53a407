/**
 * @file RepoEval as RepoCoder published it.
 *
 * The prompt is already cut to the 1k, 2k or 4k of its file and begins in line `context_start_lineno`, often in the
 * middle of it. Its lines are joined, so the newline before the hole is missing, and the prompts of functions have
 * lost the blank lines before the hole as well. Both are put back here: the line numbers say how many. Nothing after
 * the hole is stored.
 *
 * Function records name the line `lineno`. Their ids are the repository and the word `idx`, so they are numbered here
 * within each repository, as Repoformer numbers them. They write `owner--name` where the repository's folder is
 * `owner_name`.
 *
 * Source: microsoft/CodeT `RepoCoder/README.md`, `RepoCoder/utils.py` and `RepoCoder/make_dataset/`; for the function
 * records amazon-science/Repoformer `repo_eval/data/convert.py`, and the published records.
 */

import { z } from 'zod';
import { taskId, type FileLines } from '../../domain/task.js';
import { splitLines } from '../../domain/text.js';
import { defineFormat, type RowContext } from './format.js';
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
  tasks({ prompt, metadata }, context) {
    const { task_id, ground_truth, fpath_tuple } = metadata;
    const [folder, ...path] = fpath_tuple;
    const repository = folder!.replace('--', '_');
    const lines = linesOf(metadata, prompt, context);
    return [
      {
        task: {
          id: taskId(UNNUMBERED.test(task_id) ? `${repository}/${context.countOf(repository)}` : task_id),
          repository,
          path: path.join('/'),
          language: 'python',
          prefix: wholeLines(prompt, lines),
          reference: ground_truth,
          suffix: '',
          crossFile: null,
          ...(lines === null ? {} : { lines }),
        },
      },
    ];
  },
});

/** The ids of the published function records. */
const UNNUMBERED = /\/idx$/;

/** Blank lines before a hole that a prompt may have lost. More do not occur in code; the numbers are then wrong. */
const MOST_BLANK_LINES = 20;

/** Where the prompt lies in its file; null where the record does not say, or says what its prompt belies. */
function linesOf(
  { context_start_lineno: start, line_no, lineno }: z.output<typeof schema>['metadata'],
  prompt: string,
  { deviate }: RowContext,
): FileLines | null {
  const hole = line_no ?? lineno;
  if (start === undefined || hole === undefined) return null;
  const lost = hole - start - splitLines(prompt).length;
  if (lost >= 0 && lost <= MOST_BLANK_LINES) return { start, hole };
  deviate('the line numbers do not fit the prompt; they are not used');
  return null;
}

/** The prompt with the line ends that it has lost; nothing is lost where the hole is the first line. */
function wholeLines(prompt: string, lines: FileLines | null): string {
  const ended = prompt === '' || prompt.endsWith('\n') ? prompt : `${prompt}\n`;
  const blank = lines === null ? 0 : lines.hole - lines.start - splitLines(prompt).length;
  return `${ended}${'\n'.repeat(blank)}`;
}
