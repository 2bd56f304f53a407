/**
 * @file A look at a model without its weights: what files it has, and parts of them.
 *
 * Of a model on the hub, small files are brought to the cache and large ones read by ranges; nothing
 * else is fetched.
 */

import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { DownloadError, ModelError } from '../domain/errors.js';
import { ENCODER_FAMILIES } from '../model/architecture/encoder-families.js';
import { DECODER_FAMILIES } from '../model/architecture/decoder-families.js';
import { readRange } from '../model/weights/safetensors.js';
import { describeRepository, readRemoteRange, type RemoteRepository } from '../hub/api.js';
import { CachedRepository } from '../hub/cache.js';
import { fetchBlob } from '../hub/fetch-file.js';
import { formatHubReference, parseHubReference } from '../hub/reference.js';
import { unreachable } from '../hub/refusals.js';
import { localRoot, requestOptions, type ResolveOptions } from '../hub/resolve.js';
import { hubSettings } from '../hub/settings.js';
import type { ModelRole } from '../hub/wanted-files.js';

/** Largest file that is brought here as a whole; tokenizers have up to 20 MB. */
const MAX_WHOLE_BYTES = 64e6;

export interface Peek {
  readonly name: string;
  readonly origin: { readonly id: string; readonly commit: string } | null;
  /** Where the model stands in the tree: a folder or a file, "" for the root. */
  readonly at: string;
  /** Bytes by path. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Bytes of these files that are not on this machine yet. */
  missingBytes(paths: readonly string[]): number;
  /** A small file, on this machine. @returns Its path. */
  file(path: string): Promise<string>;
  range(path: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Looks at a model.
 *
 * @throws {ModelError} As `resolveModel`; a hub that cannot be reached is an error, since the cache
 *   does not know what it lacks.
 */
export async function peek(reference: string, options: ResolveOptions = {}): Promise<Peek> {
  const local = localRoot(reference);
  if (local !== null) return localPeek(reference, local.root, local.at);
  const location = parseHubReference(reference);
  if (location === null) {
    throw new ModelError(`model ${reference}: not found`, [
      'give nano, a path, or owner/name of a model on the hub',
    ]);
  }
  const settings = options.settings ?? hubSettings();
  const name = formatHubReference(location);
  const cache = new CachedRepository(settings.cacheDir, location.id);
  if (settings.isOffline) {
    const commit = cache.commitOf(location.revision);
    if (commit === null)
      throw new ModelError(`${name}: not in the cache, and HF_HUB_OFFLINE forbids to look`);
    const found = await localPeek(name, cache.snapshot(commit), location.path);
    return { ...found, origin: { id: location.id, commit } };
  }
  const requests = requestOptions(settings, options);
  let remote: RemoteRepository;
  try {
    remote = await describeRepository(location, settings, requests);
  } catch (error) {
    if (!(error instanceof DownloadError && error.problem === 'unreachable')) throw error;
    throw unreachable(location, error, cache.commitOf(location.revision) !== null);
  }
  const { commit, files } = remote;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const isHere = (path: string): boolean => existsSync(cache.blob(byPath.get(path)?.hash.hex ?? 'none'));
  const whole = async (path: string): Promise<string> => {
    const file = byPath.get(path);
    if (file === undefined) throw new ModelError(`${name}: has no ${path}`);
    if (file.size > MAX_WHOLE_BYTES && !isHere(path)) {
      throw new ModelError(`${name}: ${path} has ${file.size} bytes`, [
        'fetch it first: llava-eval models pull',
      ]);
    }
    await fetchBlob({ location, commit, file }, cache.blob(file.hash.hex), settings, requests);
    return cache.link(commit, path, file.hash.hex);
  };
  return {
    name,
    origin: { id: location.id, commit },
    at: location.path,
    sizes: new Map(files.map(({ path, size }) => [path, size])),
    missingBytes: (paths) =>
      paths.filter((path) => !isHere(path)).reduce((sum, path) => sum + (byPath.get(path)?.size ?? 0), 0),
    file: whole,
    range: async (path, start, length) =>
      isHere(path)
        ? readPart(await whole(path), start, length)
        : readRemoteRange(location, commit, path, { start, length }, settings, requests),
  };
}

async function localPeek(name: string, root: string, at: string): Promise<Peek> {
  const sizes = new Map<string, number>();
  for (const entry of await readdir(root, { recursive: true })) {
    const info = statSync(join(root, entry), { throwIfNoEntry: false });
    if (info?.isFile() === true) sizes.set(entry.replaceAll('\\', '/'), info.size);
  }
  return {
    name,
    origin: null,
    at,
    sizes,
    missingBytes: () => 0,
    file: (path) => Promise.resolve(join(root, path)),
    range: (path, start, length) => Promise.resolve(readPart(join(root, path), start, length)),
  };
}

function readPart(path: string, start: number, length: number): Uint8Array<ArrayBuffer> {
  const descriptor = openSync(path, 'r');
  try {
    return readRange(path, descriptor, start, length);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * What a model is meant to be, from its files.
 *
 * @param modelType `model_type` of its configuration, null if it has none.
 */
export function roleOf({ at, sizes }: Pick<Peek, 'at' | 'sizes'>, modelType: string | null): ModelRole {
  const has = (name: string): boolean => sizes.has(at === '' ? name : `${at}/${name}`);
  if (has('bundle.json')) return 'bundle';
  if (sizes.has(at)) return /\.(?:onnx|gguf)$/i.test(at) ? 'decoder' : 'projector';
  if (modelType === null) return 'projector';
  const isEncoder = ENCODER_FAMILIES.some((family) => family.modelType === modelType);
  const isDecoder = DECODER_FAMILIES.some((family) => family.modelType === modelType);
  // Qwen3-Embedding has the configuration of a decoder; sentence-transformers' files tell it apart.
  return isEncoder && (!isDecoder || has('modules.json') || has('1_Pooling/config.json'))
    ? 'encoder'
    : 'decoder';
}
