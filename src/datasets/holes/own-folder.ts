/**
 * @file Makes a dataset of any folder with source code in it, without writing anything.
 */

import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../../domain/errors.js';
import { LANGUAGES, languageFacts, languageOfPath, type Language } from '../../domain/languages.js';
import type { Repository } from '../../domain/task.js';
import { assembleDataset } from '../assemble.js';
import { DEFAULT_LINES, DEFAULT_SEED } from './built-lines.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import { languageKind } from '../languages/all.js';
import type { CandidateLine, Project } from '../languages/lines/language.js';
import { describeLeftOut, type LeftOut } from '../repository/left-out.js';
import { nameOfFolder, readSourceFolder, statedLicence } from '../repository/source-folder.js';
import { normalizeNewlines } from '../repository/source-text.js';
import { buildTasks, type BuiltTask } from './build-tasks.js';
import { mixEvenly, shares } from './shares.js';

/** What to build from a folder. */
export interface FolderRequest {
  readonly folder: string;
  readonly lines: number;
  readonly seed: number;
  /** Every language that the folder has, unless one is stated. */
  readonly language?: Language | undefined;
  /** Told what was left out, one sentence without a newline at a time. */
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** Tasks of a folder, and the repository they were cut from. */
export interface BuiltFolder {
  /** The files of every language that has a task. */
  readonly repository: Repository;
  readonly tasks: readonly BuiltTask[];
  readonly leftOut: readonly LeftOut[];
}

/** The lines of one language that may become holes. */
export interface LanguageLines {
  readonly language: Language;
  readonly candidates: readonly CandidateLine[];
}

/**
 * Builds tasks from a folder. Where it has several languages, each gets a share of the tasks in proportion to
 * its candidate lines.
 *
 * @throws {DataError} If the folder has no source file, or no line that makes a fair task.
 */
export async function buildFromFolder(request: FolderRequest): Promise<BuiltFolder> {
  const { folder, lines, seed, language, onProgress } = request;
  const wanted = new Set(language === undefined ? LANGUAGES : [language]);
  const read = await readSourceFolder({
    folder,
    name: nameOfFolder(folder),
    languages: wanted,
    rule: 'written',
    asksGit: true,
  });
  const { repository } = read;
  const leftOut = describeLeftOut(read.leftOut);
  for (const note of [...read.notes, ...(leftOut === null ? [] : [`${folder}: ${leftOut}`])])
    onProgress?.(note);
  if (repository.files.length === 0) throw noSources(folder, language, leftOut);
  const found = chooseLanguages(await findCandidates(folder, repository, onProgress));
  const tasks = allot(repository, found, lines, seed);
  if (tasks.length === 0) throw noFairLine(folder, repository);
  const used = new Set(tasks.map(({ task }) => task.language));
  return {
    repository: {
      ...repository,
      files: repository.files.filter(({ path }) => used.has(languageOfPath(path)!)),
    },
    tasks,
    leftOut: read.leftOut,
  };
}

/** Opens a folder as a dataset. */
export async function openOwnFolder(folder: string, id: string, options: DatasetOptions): Promise<Dataset> {
  const { onProgress, language, lines = DEFAULT_LINES } = options;
  onProgress?.(`cutting lines out of ${folder}`);
  const { repository, tasks, leftOut } = await buildFromFolder({
    folder,
    lines,
    seed: DEFAULT_SEED,
    language,
    onProgress,
  });
  return assembleDataset({
    id,
    tasks: tasks.map(({ task }) => task),
    repositories: [
      {
        name: repository.name,
        origin: folder,
        licence: await statedLicence(folder),
        content: repository,
        leftOut,
      },
    ],
    skipped: 0,
  });
}

/** The candidate lines of each language that a repository has, in the order of the languages. */
export async function findCandidates(
  folder: string,
  { files }: Repository,
  onProgress: FolderRequest['onProgress'],
): Promise<LanguageLines[]> {
  const root = resolve(folder).replaceAll('\\', '/').replace(/\/$/, '');
  const found: LanguageLines[] = [];
  for (const language of LANGUAGES) {
    const own = files.filter(({ path }) => languageOfPath(path) === language);
    if (own.length === 0) continue;
    const finder = await languageKind(language).load();
    const { candidates, unparsed } = finder.find({ root, files: own, read: readSetting });
    found.push({ language, candidates });
    if (unparsed.length > 0) {
      onProgress?.(
        `${folder}: ${unparsed.length} of ${own.length} ${languageFacts(language).title} files have syntax errors, ` +
          `so they give no holes or fewer (${unparsed[0]!}${unparsed.length === 1 ? '' : ', …'})`,
      );
    }
  }
  return found;
}

/**
 * Of TypeScript and JavaScript, the one with more candidate lines stays. Beside the other it is mostly
 * configuration, build output or types, and a share of the tasks would measure that.
 */
function chooseLanguages(found: readonly LanguageLines[]): readonly LanguageLines[] {
  const linesOf = (wanted: Language): number =>
    found.find(({ language }) => language === wanted)?.candidates.length ?? 0;
  const lesser = linesOf('javascript') > linesOf('typescript') ? 'typescript' : 'javascript';
  return found.filter(({ language }) => language !== lesser);
}

/** Builds the tasks of each language. What one language cannot fill of its share, the others get. */
function allot(
  repository: Repository,
  languages: readonly LanguageLines[],
  count: number,
  seed: number,
): BuiltTask[] {
  const full: BuiltTask[][] = [];
  let open = languages;
  let left = count;
  for (;;) {
    const quotas = shares(
      left,
      open.map(({ candidates }) => candidates.length),
    );
    const built = open.map((lines, index) =>
      buildTasks({ repository, ...lines, count: quotas[index]!, seed }),
    );
    const isShort = built.map((tasks, index) => tasks.length < quotas[index]!);
    if (isShort.every((short) => !short) || isShort.every((short) => short)) {
      return mixEvenly([...full, ...built]);
    }
    const short = built.filter((_, index) => isShort[index]);
    full.push(...short);
    left -= short.reduce((sum, tasks) => sum + tasks.length, 0);
    open = open.filter((_, index) => !isShort[index]);
  }
}

/** Above this a file holds no settings. */
const LARGEST_SETTING_BYTES = 1024 * 1024;

/** The text of a settings file, or null. A repository may name anything here, so only small regular files are read. */
const readSetting: Project['read'] = (path) => {
  try {
    const entry = statSync(path);
    if (!entry.isFile() || entry.size > LARGEST_SETTING_BYTES) return null;
    return normalizeNewlines(readFileSync(path, 'utf8').replace(/^\ufeff/, ''));
  } catch {
    // Most folders have no settings of their own.
    return null;
  }
};

function noSources(folder: string, language: Language | undefined, leftOut: string | null): DataError {
  const wanted = (language === undefined ? LANGUAGES : [language]).map((name) => languageFacts(name).title);
  return new DataError(`${folder}: no source file found in ${listed(wanted)}`, [
    ...(leftOut === null ? [] : [leftOut]),
    'declarations, tests, generated files, files that git ignores and folders such as node_modules and dist are not searched',
    'give the folder of a repository, or a .jsonl file of records',
  ]);
}

/** "A, B and C". */
function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

function noFairLine(folder: string, { files }: Repository): DataError {
  return new DataError(`${folder}: no line of its ${files.length} source files makes a fair task`, [
    'a hole needs at least 5 tokens and 12 characters, and no comment, import or multi-line text on its line',
    'give a folder with more code',
  ]);
}
