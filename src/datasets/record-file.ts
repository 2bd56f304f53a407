/**
 * @file Loads a dataset file of records, and the repositories it speaks of.
 *
 * A repository's folder is looked for in this order: `<reposDir>/<name>` (or `reposDir` itself if it
 * has that name), the `repository_dir` of the records, `repos/<name>` beside the file. A missing
 * folder is not an error here: without retrieval nobody needs it.
 */

import { dirname, isAbsolute, join } from 'node:path';
import { DataError } from '../domain/errors.js';
import type { CompletionTask, Language } from '../domain/task.js';
import { assembleDataset } from './assemble.js';
import type { LoadedRepository } from './assemble.js';
import { parseLine, readLines } from './jsonl.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { FIELD_REASONS, recordSchema, taskOfRecord } from './records.js';
import { isFolder, nameOfFolder, readSourceFolder, statedLicence } from './source-folder.js';

const SKIP_HINT = 'mend the line, or pass --skip-invalid to leave such lines out (they are counted)';

/** What the records say about one repository. */
interface RepositoryMention {
  readonly languages: Set<Language>;
  dir: string | undefined;
}

/**
 * Loads a `.jsonl` file.
 *
 * @param file    As the user named it; messages repeat it.
 * @param id      The dataset's id.
 * @param licence What a registered set states about its repositories; otherwise their package.json.
 * @throws {DataError} If a line is damaged or repeats a task id (without `skipInvalid`), or if no
 *                     task is left.
 */
export async function openRecordFile(
  file: string,
  id: string,
  options: DatasetOptions,
  licence: string | null = null,
): Promise<Dataset> {
  const tasks: CompletionTask[] = [];
  const lineOfId = new Map<string, number>();
  const mentions = new Map<string, RepositoryMention>();
  let skipped = 0;

  for await (const line of readLines(file)) {
    try {
      const record = parseLine(file, line, recordSchema, FIELD_REASONS, SKIP_HINT);
      const task = taskOfRecord(record);
      const earlier = lineOfId.get(task.id);
      if (earlier !== undefined) {
        throw new DataError(
          `${file}:${line.line}: task id "${task.id}" was already used on line ${earlier}`,
          ['results are joined by task id, so a repeated one would hide a task', SKIP_HINT],
        );
      }
      lineOfId.set(task.id, line.line);
      tasks.push(task);
      mention(mentions, task, record.metadata.repository_dir);
    } catch (error) {
      if (!(error instanceof DataError) || options.skipInvalid !== true) throw error;
      options.onInvalid?.(error);
      skipped++;
    }
  }
  if (tasks.length === 0) {
    throw new DataError(
      `${file}: no task${skipped === 0 ? '' : ` is left; ${skipped} lines cannot be used`}`,
      ['a dataset file holds one JSON record per line: prompt, groundtruth, right_context, metadata'],
    );
  }

  const repositories: LoadedRepository[] = [];
  for (const [name, { dir, languages }] of options.withRepositories === false ? [] : mentions) {
    repositories.push(await loadRepository(file, name, dir, languages, options.reposDir, licence));
  }
  return assembleDataset({ id, tasks, repositories, skipped });
}

function mention(
  mentions: Map<string, RepositoryMention>,
  task: CompletionTask,
  dir: string | undefined,
): void {
  const known = mentions.get(task.repository);
  if (known === undefined) {
    mentions.set(task.repository, { languages: new Set([task.language]), dir });
    return;
  }
  known.languages.add(task.language);
  known.dir ??= dir;
}

async function loadRepository(
  file: string,
  name: string,
  dir: string | undefined,
  languages: ReadonlySet<Language>,
  reposDir: string | undefined,
  licence: string | null,
): Promise<LoadedRepository> {
  // Below the dataset file a folder is named as the records name it, so that it reads the same everywhere.
  const candidates: { readonly folder: string; readonly origin: string }[] = [];
  // A name with ".." or a root would lead out of the folder it is joined to.
  const isSafeName = !isAbsolute(name) && !name.split(/[\\/]/).includes('..');
  if (reposDir !== undefined) {
    const named = join(reposDir, name);
    if (isSafeName) candidates.push({ folder: named, origin: named });
    if (nameOfFolder(reposDir) === name) candidates.push({ folder: reposDir, origin: reposDir });
  } else {
    if (dir !== undefined && !isAbsolute(dir)) {
      candidates.push({ folder: join(dirname(file), dir), origin: dir });
    }
    if (isSafeName) {
      candidates.push({ folder: join(dirname(file), 'repos', name), origin: `repos/${name}` });
    }
  }
  for (const { folder, origin } of candidates) {
    if (!(await isFolder(folder))) continue;
    return {
      name,
      origin,
      licence: (await statedLicence(folder)) ?? licence,
      content: await readSourceFolder(folder, name, languages),
    };
  }
  return {
    name,
    origin: 'not found',
    licence,
    content: new DataError(`${file}: the folder of repository "${name}" was not found`, [
      `looked in: ${candidates.length === 0 ? 'nowhere, the name is no folder name' : candidates.map(({ folder }) => folder).join(', ')}`,
      'retrievers need its source files; only no-context works without them',
      `pass --repos DIR where DIR/${name} holds the repository`,
    ]),
  };
}
