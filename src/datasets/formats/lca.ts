/**
 * @file Long Code Arena, project-level code completion: one record, many holes.
 *
 * Every line that `completion_lines` lists is a task of its own, with the list's name as its category; a
 * line in two lists is two tasks. The lists count lines from 0, over the text split at "\n" alone. The
 * snapshot of the repository travels with the record and is read when a retriever asks for it.
 *
 * The benchmark itself prompts with what is before the line only; here what is after it is kept as well,
 * since decoders that fill in the middle use it.
 *
 * Source: JetBrains-Research/lca-baselines `project_level_code_completion/`; the data set's card.
 */

import { z } from 'zod';
import { DataError } from '../../domain/errors.js';
import { LCA_CATEGORIES } from '../../domain/lca-categories.js';
import { taskId, type Repository } from '../../domain/task.js';
import { checkShape } from '../rows/check-shape.js';
import { defineFormat, type FoundTask, type RowContext } from './format.js';
import { normalizeNewlines } from '../repository/source-text.js';
import { forwardSlashes, nonEmpty } from './shared-fields.js';

const lineNumbers = z.array(z.int().min(0)).nullable().optional();

/** Parallel lists, or a list of files. */
const snapshotSchema = z.union([
  z.object({ filename: z.array(z.string()), content: z.array(z.string().nullable()) }),
  z.array(z.object({ filename: z.string(), content: z.string().nullable() })),
]);

const schema = z.object({
  repo: nonEmpty,
  commit_hash: nonEmpty,
  completion_file: z.object({ filename: nonEmpty, content: z.string() }),
  completion_lines: z
    .object({
      ...Object.fromEntries(LCA_CATEGORIES.map((name) => [name, lineNumbers])),
      // How the published records spell the first of them, those of 2025 too.
      commited: lineNumbers,
    })
    .catchall(lineNumbers),
  repo_snapshot: snapshotSchema.optional(),
});

type LcaRecord = z.output<typeof schema>;

const REASONS = {
  repo: 'it names the repository',
  commit_hash: 'snapshots of one repository differ by commit',
  completion_file: 'it is the file with the holes',
  completion_lines: 'it says which lines are holes',
  repo_snapshot: 'retrievers look for context in it',
};

export const LCA = defineFormat({
  name: 'lca',
  title: 'Long Code Arena, project-level code completion',
  needs: [['repo', 'commit_hash', 'completion_file.filename', 'completion_file.content', 'completion_lines']],
  schema,
  reasons: REASONS,
  tasks: holesOf,
});

function holesOf(record: LcaRecord, context: RowContext, where: string): FoundTask[] {
  const { repo, commit_hash: commit } = record;
  const { filename, content } = record.completion_file;
  const starts = startsOfLines(content);
  const name = `${repo}@${commit.slice(0, 12)}`;
  const repository = (): Promise<Repository> => snapshotOf(record, context, name, where);
  return listsOf(record, where, context.advice).flatMap(([category, numbers]) =>
    numbers.map((line): FoundTask => {
      if (line >= starts.length) {
        throw new DataError(
          `${where}: field "completion_lines.${category}" is wrong: line ${line} of a file of ${starts.length} lines`,
          ['lines count from 0', context.advice],
        );
      }
      return {
        repository,
        task: {
          id: taskId(`${name}/${filename}:${line + 1}:${category}`),
          repository: name,
          path: forwardSlashes(filename),
          language: 'python',
          ...cutAt(content, starts[line]!),
          crossFile: crossFileOf(category),
          category,
        },
      };
    }),
  );
}

/** Where each line begins, in UTF-16 units. */
function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The line that begins at a place, and what is around it; slices share the memory of the file's text. */
function cutAt(text: string, start: number): { prefix: string; reference: string; suffix: string } {
  const end = text.indexOf('\n', start);
  const stop = end < 0 ? text.length : end;
  return { prefix: text.slice(0, start), reference: text.slice(start, stop), suffix: text.slice(stop) };
}

/** The lists of a record by category, each line once a list. */
function listsOf(record: LcaRecord, where: string, advice: string): [string, number[]][] {
  const lists = new Map<string, number[]>();
  for (const [key, numbers] of Object.entries(record.completion_lines)) {
    const category = key === 'commited' ? 'committed' : key;
    const known = lists.get(category) ?? [];
    lists.set(category, [...new Set([...known, ...(numbers ?? [])])]);
  }
  const unknown = [...lists.keys()].filter((name) => !LCA_CATEGORIES.some((known) => known === name));
  if (unknown.length > 0) {
    throw new DataError(`${where}: field "completion_lines" is wrong: unknown category "${unknown[0]!}"`, [
      `known: ${LCA_CATEGORIES.join(', ')}`,
      advice,
    ]);
  }
  return [...lists];
}

/** A line of the first two categories names something that is declared in another file. */
function crossFileOf(category: string): boolean | null {
  switch (category) {
    case 'committed':
    case 'inproject':
      return true;
    case 'infile':
      return false;
    default:
      return null;
  }
}

async function snapshotOf(
  record: LcaRecord,
  { readColumns, advice }: RowContext,
  name: string,
  where: string,
): Promise<Repository> {
  let snapshot = record.repo_snapshot;
  if (snapshot === undefined && readColumns !== null) {
    const row = await readColumns(['repo_snapshot']);
    const held = z.object({ repo_snapshot: snapshotSchema });
    snapshot = checkShape(where, row, held, REASONS, advice).repo_snapshot;
  }
  if (snapshot === undefined) {
    throw new DataError(`${where}: field "repo_snapshot" is missing`, [REASONS.repo_snapshot, advice]);
  }
  const files = Array.isArray(snapshot)
    ? snapshot
    : snapshot.filename.map((filename, i) => ({ filename, content: snapshot.content[i] ?? null }));
  return {
    name,
    files: files.flatMap(({ filename, content }) =>
      // The snapshot holds documents and settings too; retrieval is over code.
      content === null || !filename.endsWith('.py')
        ? []
        : [{ path: forwardSlashes(filename), text: normalizeNewlines(content) }],
    ),
  };
}
