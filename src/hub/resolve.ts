/**
 * @file From what a user wrote to files on this machine: the embedded bundle, a folder, or the hub.
 *
 * Flow: reference -> hub (commit, files, hashes) -> cache -> **folder with exactly the files needed**.
 * Offline, or when the hub cannot be reached, the cache alone answers.
 */

import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, statfs } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DownloadError, ModelError } from '../domain/errors.js';
import { formatBytes } from '../domain/units.js';
import { describeRepository, type RemoteRepository } from './api.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { CachedRepository, isCommit } from './cache.js';
import type { Dtype } from '../inference/device.js';
import { modelFolder } from '../model/folder/export-files.js';
import { isGguf } from '../model/gguf/split-names.js';
import { isSynthetic } from '../model/architecture/synthetic.js';
import { arrivedBytes, fetchBlob } from './fetch-file.js';
import { EMBEDDED_NAME, formatHubReference, parseHubReference, type HubLocation } from './reference.js';
import { unreachable } from './refusals.js';
import type { RemoteFile } from './remote-file.js';
import type { RequestOptions } from './request.js';
import { hubSettings, type HubSettings } from './settings.js';
import { wantedFiles, type FileRole, type FileTree } from './wanted-files.js';

/** A model whose files are on this machine. */
export interface LocalModel {
  /** As the user would write it, for tables and reports. */
  readonly name: string;
  /** Folder of the model; for a projector, an export or a GGUF file, that file. Absolute. */
  readonly path: string;
  /** The folder that `files` are relative to. */
  readonly root: string;
  /** Paths of the files in use, with `/`, sorted. */
  readonly files: readonly string[];
  /** Where it came from; null for a local folder. */
  readonly origin: { readonly id: string; readonly commit: string } | null;
}

/** Shown while files arrive. */
export interface FetchProgress {
  /** A file, or several, of so many bytes in all begin to arrive. */
  start(title: string, totalBytes: number): void;
  advance(bytes: number): void;
  stop(): void;
  note(line: string): void;
}

export interface ResolveOptions extends Omit<RequestOptions, 'timeoutMs' | 'onNote'> {
  readonly settings?: HubSettings;
  readonly progress?: FetchProgress;
  /** Decides among the ONNX exports of a decoder. */
  readonly dtype?: Dtype;
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** The bundle in this package. */
const EMBEDDED_FOLDER = fileURLToPath(new URL('../../models/llavacode-nano', import.meta.url));

/**
 * Brings the files of a model to this machine.
 *
 * @param reference See `reference.ts`.
 * @throws {ModelError} If there is no such model, it may not be read, its files are incomplete or
 *   damaged, or the hub cannot be reached and the cache does not have it.
 * @throws {UsageError} If the reference is malformed.
 */
export async function resolveModel(
  reference: string,
  role: FileRole,
  options: ResolveOptions = {},
): Promise<LocalModel> {
  if (isSynthetic(reference)) {
    throw new ModelError(`${reference}: random weights have no files`, [
      'they are made where they are used: llava-eval run --latency-only --decoder ' + reference,
    ]);
  }
  // A folder that happens to be called like the embedded bundle counts only if it is a bundle.
  const wins = reference === EMBEDDED_NAME ? join(reference, 'bundle.json') : reference;
  if (existsSync(wins)) return localModel(reference, reference, role, options.dtype);
  if (reference === EMBEDDED_NAME) {
    if (existsSync(join(EMBEDDED_FOLDER, 'bundle.json'))) return embedded(role);
    throw new ModelError(`model ${reference}: its files are missing from this installation`, [
      `expected in ${EMBEDDED_FOLDER}; install the package again`,
    ]);
  }
  const location = parseHubReference(reference);
  if (location === null) {
    throw new ModelError(`model ${reference}: not found`, [
      'valid references:',
      `${EMBEDDED_NAME}: the bundle that comes with this program`,
      role === 'projector'
        ? 'a path: a .safetensors, .pth or .ckpt file'
        : 'a path: a folder with the files of a model, or a decoder as a .gguf or .onnx file',
      'owner/name, owner/name@revision or owner/name@revision/path: a model of the Hugging Face hub',
    ]);
  }
  return hubModel(location, role, options);
}

/** The folder of a model on this machine and its place in there, or null for one of the hub. */
export function localRoot(reference: string): { readonly root: string; readonly at: string } | null {
  const wins = reference === EMBEDDED_NAME ? join(reference, 'bundle.json') : reference;
  if (!existsSync(wins)) return reference === EMBEDDED_NAME ? { root: EMBEDDED_FOLDER, at: '' } : null;
  const full = resolve(reference);
  if (!statSync(full).isFile()) return { root: full, at: '' };
  const root = /\.onnx$/i.test(full) ? modelFolder(full) : dirname(full);
  return { root, at: relative(root, full).replaceAll('\\', '/') };
}

/** A part of the embedded bundle, or all of it. */
function embedded(role: FileRole): Promise<LocalModel> {
  const part = {
    bundle: '',
    decoder: 'decoder',
    tokenizer: 'decoder',
    encoder: 'encoder',
    projector: 'projector.safetensors',
  }[role];
  return localModel(join(EMBEDDED_FOLDER, part), EMBEDDED_NAME, role);
}

async function localModel(path: string, name: string, role: FileRole, dtype?: Dtype): Promise<LocalModel> {
  const full = resolve(path);
  const isFile = statSync(full).isFile();
  if (isFile && role === 'projector') {
    const at = full.lastIndexOf(sep);
    return { name, path: full, root: full.slice(0, at), files: [full.slice(at + 1)], origin: null };
  }
  const isWhole = isFile && role === 'decoder' && isGguf(full);
  const isExport = isFile && role === 'decoder' && /\.onnx$/i.test(full);
  if (isFile && !isExport && !isWhole) {
    throw new ModelError(
      `${path}: is a file; a ${role} is a folder${role === 'decoder' ? ', a .gguf or an .onnx file' : ''}`,
    );
  }
  const root = isWhole ? dirname(full) : isExport ? modelFolder(full) : full;
  const entries = await readdir(root, { recursive: !isWhole });
  const tree: FileTree = {
    name: path,
    paths: new Set(entries.map((entry) => entry.replaceAll('\\', '/'))),
    readText: (file) => readForeignText(join(root, file)),
  };
  const at = isExport || isWhole ? relative(root, full).replaceAll('\\', '/') : '';
  const files = await wantedFiles(tree, role, at, dtype);
  return { name, path: role === 'projector' ? join(full, files[0]!) : full, root, files, origin: null };
}

async function hubModel(location: HubLocation, role: FileRole, options: ResolveOptions): Promise<LocalModel> {
  const settings = options.settings ?? hubSettings();
  const cache = new CachedRepository(settings.cacheDir, location.id);
  const name = formatHubReference(location);
  const cached = cache.commitOf(location.revision);

  /** The model out of the cache alone; null if a file is missing there. */
  const fromCache = async (commit: string): Promise<LocalModel | null> => {
    const here = new Set(await cache.listing(commit));
    const known = await cache.knownFiles(commit);
    const tree: FileTree = {
      name,
      paths: known === null ? here : new Set(known),
      readText: (file) => {
        if (!here.has(file)) throw new ModelError(`${name}/${file}: not in the cache`);
        return readForeignText(join(cache.snapshot(commit), file));
      },
    };
    try {
      const files = await wantedFiles(tree, role, location.path, options.dtype);
      if (!files.every((file) => here.has(file))) return null;
      return modelIn(cache, location, role, commit, files);
    } catch (error) {
      if (error instanceof ModelError) return null;
      throw error;
    }
  };
  /** The same without the hub: another program may have fetched a part only, and files that are optional may lack. */
  const fromCacheAlone = async (commit: string): Promise<LocalModel | null> => {
    const found = await fromCache(commit);
    if (found !== null && (await cache.knownFiles(commit)) === null) {
      options.progress?.note(
        `${name}: another program has put this model into the cache, perhaps only a part of its files; ` +
          'with a connection, `llava-eval models pull` completes it',
      );
    }
    return found;
  };

  if (settings.isOffline) {
    const found = cached === null ? null : await fromCacheAlone(cached);
    if (found !== null) return found;
    throw new ModelError(`${name}: not completely in the cache, and HF_HUB_OFFLINE forbids to fetch it`, [
      `the cache is ${settings.cacheDir}`,
      'run `llava-eval models pull` once without HF_HUB_OFFLINE',
    ]);
  }
  // A commit never changes: if all of it is known to be here, nobody needs to be asked.
  if (cached !== null && location.revision !== null && isCommit(location.revision)) {
    const found = (await cache.knownFiles(cached)) === null ? null : await fromCache(cached);
    if (found !== null) return found;
  }
  const requests = requestOptions(settings, options);
  let remote: RemoteRepository;
  try {
    remote = await describeRepository(location, settings, requests);
  } catch (error) {
    if (!(error instanceof DownloadError && error.problem === 'unreachable')) throw error;
    const found = cached === null ? null : await fromCacheAlone(cached);
    if (found === null || cached === null) throw unreachable(location, error, cached !== null);
    options.progress?.note(
      `the hub cannot be reached (${error.message}): using ${name} as cached, commit ${cached.slice(0, 12)}`,
    );
    return found;
  }
  return fetchModel(location, role, remote, { cache, settings, requests, options });
}

/** How the hub is asked. */
export function requestOptions(settings: HubSettings, options: ResolveOptions): RequestOptions {
  return {
    timeoutMs: settings.timeoutMs,
    signal: options.signal,
    wait: options.wait,
    onNote: options.progress?.note.bind(options.progress),
  };
}

interface FetchMeans {
  readonly cache: CachedRepository;
  readonly settings: HubSettings;
  readonly requests: RequestOptions;
  readonly options: ResolveOptions;
}

async function fetchModel(
  location: HubLocation,
  role: FileRole,
  { commit, files: remote }: RemoteRepository,
  { cache, settings, requests, options }: FetchMeans,
): Promise<LocalModel> {
  const { progress } = options;
  const byPath = new Map(remote.map((file) => [file.path, file]));

  const fetchFile = async (file: RemoteFile, onBytes?: (bytes: number) => void): Promise<void> => {
    await fetchBlob({ location, commit, file }, cache.blob(file.hash.hex), settings, requests, onBytes);
    await cache.link(commit, file.path, file.hash.hex);
  };

  const tree: FileTree = {
    name: formatHubReference({ ...location, path: '' }),
    paths: new Set(byPath.keys()),
    readText: async (path) => {
      await fetchFile(byPath.get(path)!);
      return readForeignText(join(cache.snapshot(commit), path));
    },
  };
  const paths = await wantedFiles(tree, role, location.path, options.dtype);
  const missing = paths
    .map((path) => byPath.get(path)!)
    .filter((file) => !existsSync(cache.blob(file.hash.hex)));
  await requireRoom(tree.name, cache, missing, options);
  progress?.start(
    location.id,
    missing.reduce((sum, file) => sum + file.size, 0),
  );
  try {
    for (const path of paths) await fetchFile(byPath.get(path)!, progress?.advance.bind(progress));
  } finally {
    progress?.stop();
  }
  await cache.rememberFiles(commit, [...byPath.keys()]);
  await cache.writeRef(location.revision, commit);
  return modelIn(cache, location, role, commit, paths);
}

/** @throws {ModelError} If the disk has no room for what is missing; nothing is fetched then. */
async function requireRoom(
  name: string,
  cache: CachedRepository,
  missing: readonly RemoteFile[],
  options: ResolveOptions,
): Promise<void> {
  if (missing.length === 0) return;
  let needed = 0;
  for (const { size, hash } of missing) needed += size - (await arrivedBytes(cache.blob(hash.hex)));
  await mkdir(cache.dir, { recursive: true });
  const free = await (options.freeBytes ?? freeBytesAt)(cache.dir);
  if (needed <= free) return;
  throw new ModelError(
    `${name}: needs ${formatBytes(needed)}, but ${cache.dir} has only ${formatBytes(free)} free`,
    ['free some space, or keep models elsewhere with HF_HUB_CACHE or HF_HOME'],
  );
}

async function freeBytesAt(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function modelIn(
  cache: CachedRepository,
  location: HubLocation,
  role: FileRole,
  commit: string,
  files: readonly string[],
): LocalModel {
  const root = cache.snapshot(commit);
  const at = role === 'projector' ? files[0]! : location.path;
  return {
    name: formatHubReference(location),
    path: join(root, ...at.split('/')),
    root,
    files,
    origin: { id: location.id, commit },
  };
}
