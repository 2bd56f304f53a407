/**
 * @file Loads a benchmark whose tasks are coordinates in published packages.
 *
 * The folder holds `dataset.json` (which packages, with their hashes) and `tasks.jsonl` (which lines,
 * with theirs); the text comes from the packages of a registry. Everything is compared with the committed hashes, so
 * two people who get a dataset at all get the same one.
 *
 * Reading order of `tasks.jsonl`: round the repositories, so that every beginning of the list is an
 * even sample of them.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { settledAtMost } from '../../domain/at-most.js';
import { DataError } from '../../domain/errors.js';
import { sha256 } from '../../domain/hash.js';
import type { Language } from '../../domain/languages.js';
import { taskId } from '../../domain/task.js';
import type { CompletionTask, Repository } from '../../domain/task.js';
import { assembleDataset } from '../assemble.js';
import type { LoadedRepository } from '../assemble.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import type { Dataset, DatasetOptions } from '../dataset.js';
import type { PackageLinesDescription, PinnedPackage } from '../description.js';
import { cutLine } from '../holes/hole.js';
import { parseLine, readLines } from '../rows/jsonl.js';
import { REGISTRY_OF } from './all.js';
import { cachedFolder, forgetPackage, readPackage, type PackageReading } from './package-cache.js';
import type { PackageRegistry } from './registry.js';

/** Each is a process of its own while it is fetched; more do not download faster. */
const PACKAGES_AT_ONCE = 4;

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in hexadecimal');

/** Where a hole lies, and the hashes of what must be there. */
export const coordinateSchema = z.object({
  id: z.string().min(1),
  repository: z.string().min(1),
  file: z.string().min(1),
  /** 1-based. */
  line: z.int().min(1),
  /** Of the hole's whole line with its indentation, without its newline. */
  lineHash: hash,
  /** Of the file's text with "\n" line ends. */
  fileHash: hash,
  crossFile: z.boolean(),
});

export type Coordinate = z.output<typeof coordinateSchema>;

/**
 * Opens the benchmark of a folder.
 *
 * @param registry Where the packages come from; tests pass their own.
 * @throws {DataError} If a package cannot be had or its text is not what the hashes say.
 */
export async function openPackageLines(
  folder: string,
  id: string,
  description: PackageLinesDescription,
  options: DatasetOptions,
  registry: PackageRegistry = REGISTRY_OF[description.kind],
): Promise<Dataset> {
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const reading = { registry, cacheDir, onProgress: options.onProgress };
  const repositories = await readPackages(description.packages, reading);
  const tasks = await readTasks(
    join(folder, 'tasks.jsonl'),
    repositories,
    registry.language,
    options.mostRows ?? Infinity,
  );
  const loaded = description.packages.map((pin): LoadedRepository => {
    return {
      name: pin.repository,
      origin: `${registry.title} ${registry.spec(pin.package, pin.version)}, ${pin.sourceRoot}/`,
      licence: pin.licence,
      content: repositories.get(pin.repository)!,
    };
  });
  return assembleDataset({ id, tasks, repositories: loaded, skipped: 0 });
}

/** SHA-256 over the paths and texts of a repository's files. */
export function hashSources(repository: Repository): string {
  const digest = createHash('sha256');
  for (const { path, text } of repository.files) digest.update(`${path}\n${sha256(text)}\n`);
  return digest.digest('hex');
}

/** All packages, those missing in the cache fetched side by side. */
async function readPackages(
  pins: readonly PinnedPackage[],
  reading: PackageReading,
): Promise<Map<string, Repository>> {
  const outcomes = await settledAtMost(PACKAGES_AT_ONCE, pins, (pin) => readCheckedPackage(pin, reading));
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (failures.length > 0) throw joinFailures(failures, pins.length);
  return new Map(
    outcomes.flatMap((outcome, i) =>
      outcome.status === 'fulfilled' ? [[pins[i]!.repository, outcome.value] as const] : [],
    ),
  );
}

/** One message for all packages that could not be had: they mostly fail for one reason. */
function joinFailures(failures: readonly unknown[], packages: number): unknown {
  const first = failures[0];
  if (failures.length === 1 || !(first instanceof DataError)) return first;
  const others = failures.slice(1).map((failure) => (failure instanceof Error ? failure.message : ''));
  return new DataError(
    `${failures.length} of ${packages} packages are missing; ${first.message}`,
    [...first.hints, ...others.map((message) => `also: ${message}`)],
    { cause: first },
  );
}

async function readCheckedPackage(pin: PinnedPackage, reading: PackageReading): Promise<Repository> {
  const { registry, cacheDir, onProgress } = reading;
  const spec = registry.spec(pin.package, pin.version);
  const repository = await readPackage(pin, reading);
  if (hashSources(repository) === pin.sourceHash) return repository;
  onProgress?.(`the cached copy of ${spec} was changed; fetching it again`);
  await forgetPackage(pin, reading);
  const again = await readPackage(pin, reading);
  const actual = hashSources(again);
  if (actual === pin.sourceHash) return again;
  throw new DataError(`${spec}: its sources are not those of the benchmark`, [
    `expected ${pin.sourceHash}, got ${actual} over ${again.files.length} files (expected ${pin.files})`,
    `the copy lies in ${cachedFolder(cacheDir, pin, registry.hash)}`,
    'dataset.json does not belong to this version of the program; install the program again',
  ]);
}

async function readTasks(
  file: string,
  repositories: ReadonlyMap<string, Repository>,
  language: Language,
  mostRows: number,
): Promise<CompletionTask[]> {
  const texts = new Map<string, Map<string, string>>();
  for (const [name, repository] of repositories) {
    texts.set(name, new Map(repository.files.map(({ path, text }) => [path, text])));
  }
  const checkedFiles = new Map<string, string>();
  const tasks: CompletionTask[] = [];
  const ids = new Set<string>();
  for await (const line of readLines(file)) {
    if (tasks.length >= mostRows) break;
    const coordinate = parseLine(file, line, coordinateSchema, {});
    const where = `${file}:${line.line}`;
    if (ids.has(coordinate.id)) throw new DataError(`${where}: task id "${coordinate.id}" is used twice`);
    ids.add(coordinate.id);
    const text = texts.get(coordinate.repository)?.get(coordinate.file);
    if (text === undefined) {
      throw new DataError(`${where}: ${coordinate.repository} has no file ${coordinate.file}`);
    }
    const key = `${coordinate.repository}/${coordinate.file}`;
    const fileHash = checkedFiles.get(key) ?? sha256(text);
    checkedFiles.set(key, fileHash);
    tasks.push(taskOfCoordinate(coordinate, text, fileHash, language, where));
  }
  return tasks;
}

function taskOfCoordinate(
  coordinate: Coordinate,
  text: string,
  fileHash: string,
  language: Language,
  where: string,
): CompletionTask {
  const mismatch = (what: string, expected: string, actual: string): DataError =>
    new DataError(`${where}: ${what} of ${coordinate.id} is not the benchmark's`, [
      `expected ${expected}`,
      `got      ${actual}`,
      'tasks.jsonl does not belong to the packages of dataset.json; install the program again',
    ]);
  if (fileHash !== coordinate.fileHash) throw mismatch('the file', coordinate.fileHash, fileHash);
  const lineHash = hashLine(text, coordinate.line);
  if (lineHash !== coordinate.lineHash) throw mismatch('the line', coordinate.lineHash, lineHash);
  return {
    id: taskId(coordinate.id),
    repository: coordinate.repository,
    path: coordinate.file,
    language,
    ...cutLine(text, coordinate.line),
    crossFile: coordinate.crossFile,
  };
}

/** SHA-256 of one line with its indentation, without its newline; of "" where there is no such line. */
export function hashLine(text: string, line: number): string {
  return sha256(text.split('\n')[line - 1] ?? '');
}
