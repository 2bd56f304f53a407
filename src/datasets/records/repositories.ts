/**
 * @file Finds the repositories that records speak of: in the records, in folders, in archives, in
 * Repoformer's file of packages.
 *
 * With `--repos` only that place is looked at: a folder (of repositories, of archives, or the repository
 * itself), an archive, or `repocoder_packages.jsonl`. Without it: the folder that the records name, then
 * `repos/` and `repositories/` beside the file, then archives of those names, then
 * `repocoder_packages.jsonl` beside it. An archive is read once for all repositories that are still
 * missing. A missing repository is no error here: without retrieval nobody needs it.
 */

import { readdir, stat } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { SOURCE_LIMITS } from '../../archive/limits.js';
import { ARCHIVE_NAME, readArchive } from '../../archive/read.js';
import { DataError } from '../../domain/errors.js';
import type { Language } from '../../domain/languages.js';
import type { Repository, SourceFile } from '../../domain/task.js';
import type { LoadedRepository } from '../assemble.js';
import { checkShape } from '../rows/check-shape.js';
import { openRows } from '../rows/rows.js';
import {
  isFolder,
  isRepositoryPath,
  nameOfFolder,
  readSourceFolder,
  repositoryOf,
  repositoryText,
  statedLicence,
  type SourceRule,
} from '../repository/source-folder.js';
import { normalizeNewlines } from '../repository/source-text.js';

/** What the records say about one repository. */
export interface RepositoryMention {
  readonly name: string;
  readonly languages: ReadonlySet<Language>;
  /** Its folder, relative to the file of records. */
  readonly dir: string | undefined;
  /** Where the records hold the repository itself. */
  readonly held: { readonly hash: () => Promise<string>; readonly load: () => Promise<Repository> } | null;
}

export interface RepositorySearch {
  /** The file of records, for messages. */
  readonly file: string;
  readonly rule: SourceRule;
  readonly reposDir: string | undefined;
  /** What a registered set states about its repositories. */
  readonly licence: string | null;
  readonly onProgress: ((note: string) => void) | undefined;
}

const BESIDE = ['repos', 'repositories'];
const PACKAGES_NAME = 'repocoder_packages.jsonl';

/**
 * The repositories of a dataset, found or not, in the order of their mention.
 *
 * @param beside Folder of the file of records.
 * @throws {DataError} If an archive or a file of packages is damaged or refused.
 */
export async function findRepositories(
  beside: string,
  mentions: readonly RepositoryMention[],
  search: RepositorySearch,
): Promise<LoadedRepository[]> {
  const found = new Map<string, LoadedRepository>();
  for (const mention of mentions) {
    const { name, held } = mention;
    if (held !== null) {
      const content = { hash: await held.hash(), load: held.load };
      found.set(name, { name, origin: 'in the records', licence: search.licence, content });
    } else {
      const inFolder = await findFolder(beside, mention, search);
      if (inFolder !== null) found.set(name, inFolder);
    }
  }
  for (const container of await containersOf(beside, search)) {
    const missing = mentions.filter(({ name }) => !found.has(name) && isSafeName(name));
    if (missing.length === 0) break;
    search.onProgress?.(`reading repositories from ${container}`);
    const read = PACKAGES.test(container) ? readPackages : readRepositoryArchive;
    for (const repository of await read(container, missing, search.rule)) {
      const origin = container;
      found.set(repository.name, {
        name: repository.name,
        origin,
        licence: search.licence,
        content: repository,
      });
    }
  }
  return mentions.map((mention) => found.get(mention.name) ?? missingRepository(beside, mention, search));
}

/** A name with ".." or a root would lead out of the folder it is joined to. */
function isSafeName(name: string): boolean {
  return name !== '' && !isAbsolute(name) && !name.split(/[\\/]/).includes('..');
}

interface Candidate {
  readonly folder: string;
  /** Below the dataset file a folder is named as the records name it, so that it reads the same everywhere. */
  readonly origin: string;
}

function candidateFolders(
  beside: string,
  { name, dir }: RepositoryMention,
  { reposDir }: RepositorySearch,
): Candidate[] {
  const candidates: Candidate[] = [];
  if (reposDir !== undefined) {
    const named = join(reposDir, name);
    if (isSafeName(name)) candidates.push({ folder: named, origin: named });
    if (nameOfFolder(reposDir) === name) candidates.push({ folder: reposDir, origin: reposDir });
    return candidates;
  }
  if (dir !== undefined && !isAbsolute(dir)) candidates.push({ folder: join(beside, dir), origin: dir });
  if (isSafeName(name)) {
    for (const parent of BESIDE) {
      candidates.push({ folder: join(beside, parent, name), origin: `${parent}/${name}` });
    }
  }
  return candidates;
}

async function findFolder(
  beside: string,
  mention: RepositoryMention,
  search: RepositorySearch,
): Promise<LoadedRepository | null> {
  for (const { folder, origin } of candidateFolders(beside, mention, search)) {
    if (!(await isFolder(folder))) continue;
    const { name, languages } = mention;
    const { rule } = search;
    const read = await readSourceFolder({ folder, name, languages, rule, asksGit: rule === 'written' });
    for (const note of read.notes) search.onProgress?.(note);
    return {
      name,
      origin,
      licence: (await statedLicence(folder)) ?? search.licence,
      content: read.repository,
      leftOut: read.leftOut,
    };
  }
  return null;
}

const PACKAGES = /\.jsonl$/i;

/** Archives and files of packages in which repositories may lie, in the order in which they are looked at. */
async function containersOf(beside: string, { reposDir }: RepositorySearch): Promise<string[]> {
  if (reposDir !== undefined) {
    return (await isFile(reposDir)) ? [reposDir] : containersIn(reposDir, () => true);
  }
  const inFolders = await Promise.all(BESIDE.map((folder) => containersIn(join(beside, folder), () => true)));
  const named = await containersIn(beside, (name) => BESIDE.includes(name.replace(ARCHIVE_NAME, '')));
  return [...inFolders.flat(), ...named];
}

async function containersIn(folder: string, isMeant: (archive: string) => boolean): Promise<string[]> {
  return (await namesIn(folder))
    .sort()
    .filter((name) => (ARCHIVE_NAME.test(name) && isMeant(name)) || name === PACKAGES_NAME)
    .map((name) => join(folder, name));
}

/** The names in a folder; none where there is no such folder, or none that can be read. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * The repositories that an archive holds: each in a folder of its name at the top or one level below, or
 * the whole archive if it is called after the repository.
 */
async function readRepositoryArchive(
  file: string,
  missing: readonly RepositoryMention[],
  rule: SourceRule,
): Promise<Repository[]> {
  const byName = new Map(missing.map((mention) => [mention.name, mention]));
  const alone = byName.get(basename(file).replace(ARCHIVE_NAME, ''));
  const languages = new Set(missing.flatMap((mention) => [...mention.languages]));
  const files = new Map<string, SourceFile[]>();
  let isInFolders = false;
  const placeOf = (path: string): { name: string; inside: string; inFolder: boolean } | null => {
    const parts = path.split('/');
    for (const depth of [0, 1]) {
      const mention = byName.get(parts[depth] ?? '');
      const inside = parts.slice(depth + 1).join('/');
      if (mention !== undefined && inside !== '') return { name: mention.name, inside, inFolder: true };
    }
    return alone === undefined ? null : { name: alone.name, inside: path, inFolder: false };
  };
  await readArchive({
    file,
    limits: SOURCE_LIMITS,
    isWanted(path) {
      const place = placeOf(path);
      return (
        place !== null && isRepositoryPath(place.inside, byName.get(place.name)?.languages ?? languages, rule)
      );
    },
    async onEntry({ path, content }) {
      const { name, inside, inFolder } = placeOf(path)!;
      isInFolders ||= inFolder;
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      const text = repositoryText(Buffer.concat(pieces), rule);
      if (text === null) return;
      const known = files.get(name) ?? [];
      files.set(name, known);
      known.push({ path: inside, text });
    },
  });
  return [...files].map(([name, found]) =>
    repositoryOf(name, isInFolders ? found : withoutSharedFolder(found)),
  );
}

/** An archive that GitHub makes of a repository has everything in one folder, called after the commit. */
function withoutSharedFolder(files: readonly SourceFile[]): SourceFile[] {
  const folders = new Set(files.map(({ path }) => path.split('/')[0]!));
  const [only] = folders;
  if (folders.size !== 1 || files.some(({ path }) => !path.includes('/'))) return [...files];
  return files.map(({ path, text }) => ({ path: path.slice(only!.length + 1), text }));
}

const packageSchema = z.object({
  filepath: z.string().min(1),
  content: z.array(z.object({ content: z.string() })).min(1),
});

/** Repoformer's file of packages: a row a file, whose path starts with the folder of its repository. */
async function readPackages(
  file: string,
  missing: readonly RepositoryMention[],
  rule: SourceRule,
): Promise<Repository[]> {
  const byName = new Map(missing.map((mention) => [mention.name, mention]));
  const files = new Map<string, SourceFile[]>();
  for await (const row of (await openRows(file)).rows(['filepath', 'content'], 'mend the line')) {
    if ('problem' in row) throw row.problem;
    const reasons = { filepath: 'it names repository and file', content: 'it is the text of the file' };
    const { filepath, content } = checkShape(row.where, row.value, packageSchema, reasons, 'mend the line');
    const [name, ...path] = filepath.split('/');
    const mention = byName.get(name!);
    if (mention === undefined || !isRepositoryPath(path.join('/'), mention.languages, rule)) continue;
    const known = files.get(mention.name) ?? [];
    files.set(mention.name, known);
    known.push({ path: path.join('/'), text: normalizeNewlines(content[0]!.content) });
  }
  return [...files].map(([name, found]) => repositoryOf(name, found));
}

function missingRepository(
  beside: string,
  mention: RepositoryMention,
  search: RepositorySearch,
): LoadedRepository {
  const { name } = mention;
  const places = candidateFolders(beside, mention, search).map(({ folder }) => folder);
  const looked = places.length === 0 ? 'nowhere, the name is no folder name' : places.join(', ');
  return {
    name,
    origin: 'not found',
    licence: search.licence,
    content: new DataError(`${search.file}: the folder of repository "${name}" was not found`, [
      `looked in: ${looked}`,
      'retrievers need its source files; a run without retrieval works without them, and so does as-shipped',
      `pass --repos DIR where DIR/${name} holds the repository; archives work too`,
    ]),
  };
}
