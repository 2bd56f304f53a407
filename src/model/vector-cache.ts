/**
 * @file Chunk vectors kept between runs, in files under the cache folder.
 *
 * A vector is found by a hash of the ids that were encoded, which depend on text, template and cut. The hash counts
 * within a space, which holds everything else that decides the vector. The space names a folder, and every file states
 * it again, so that vectors of another model, device or version are never served.
 *
 *   vectors/<hash of the space>/<random>.vec
 *     one line of JSON   schema, space, width, count, SHA-256 of what follows
 *     count x 16 bytes   keys
 *     count x width x 4  vectors, little-endian float32
 *
 * A file is written under another name, then renamed, and never changed. A damaged file is removed with a note, and its
 * vectors are computed again. All files together have a limit in bytes; the files that were not used for longest go
 * first. A cache that cannot be written gives a note too, and no failure.
 *
 * Only vectors of an index are kept here. What a task's cold time measures is never read from a cache.
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

import { messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { sha256 } from '../domain/hash.js';
import type { TokenId } from '../domain/units.js';
import { replaceFile } from '../files/atomic-file.js';
import type { VectorStore } from '../retrieval/rankers/embedder.js';
import type { Matrix } from '../tensor/matrix.js';

const SCHEMA = 'llava-eval/vectors@1';
const EXTENSION = '.vec';
const KEY_BYTES = 16;
/** Longest first line that is looked for. */
const MAX_HEADER_BYTES = 8192;
/** Bytes of vectors in one file. */
const FILE_BYTES = 64 * 2 ** 20;

/** Bytes that all kept vectors may take. More than a million vectors of UniXcoder's width would not fit. */
const DEFAULT_CACHE_BYTES = 2 ** 30;

/** Everything that decides a vector beside the ids: models, device, versions. Strings and numbers. */
export type VectorSpace = Readonly<Record<string, string | number>>;

export interface VectorCacheOptions {
  /** Of the program; the files lie in its `vectors/`. */
  readonly cacheDir: string;
  readonly space: VectorSpace;
  /** E. */
  readonly width: number;
  /** Called for files that cannot be used and for a folder that cannot be written. */
  readonly onNote: (note: string) => void;
  readonly mostBytes?: number;
}

/** How many vectors were asked for and how many of them were there. */
export interface CacheUse {
  readonly asked: number;
  readonly found: number;
}

const headerSchema = z.strictObject({
  schema: z.literal(SCHEMA),
  space: z.record(z.string(), z.union([z.string(), z.number()])),
  width: z.int().positive(),
  count: z.int().positive(),
  sha256: z.string(),
});

export class VectorCache implements VectorStore {
  readonly #options: VectorCacheOptions;
  readonly #root: string;
  readonly #folder: string;
  readonly #mostBytes: number;
  #asked = 0;
  #found = 0;

  constructor(options: VectorCacheOptions) {
    this.#options = options;
    this.#root = join(options.cacheDir, 'vectors');
    this.#folder = join(this.#root, sha256(canonical(options.space)).slice(0, 32));
    this.#mostBytes = options.mostBytes ?? DEFAULT_CACHE_BYTES;
  }

  get use(): CacheUse {
    return { asked: this.#asked, found: this.#found };
  }

  async find(inputs: readonly (readonly TokenId[])[]): Promise<readonly (Float32Array | undefined)[]> {
    const wanted = new Map(inputs.map((ids, i): [string, number] => [keyOf(ids).toString('latin1'), i]));
    const found = inputs.map((): Float32Array | undefined => undefined);
    for (const name of await this.#names()) {
      const content = await this.#read(join(this.#folder, name));
      if (content === null) continue;
      const { keys, vectors, width } = content;
      for (let r = 0; r < keys.length / KEY_BYTES; r++) {
        const i = wanted.get(keys.toString('latin1', r * KEY_BYTES, (r + 1) * KEY_BYTES));
        if (i !== undefined) found[i] ??= vectors.slice(r * width, (r + 1) * width);
      }
    }
    this.#asked += inputs.length;
    this.#found += found.reduce((sum, vector) => sum + (vector === undefined ? 0 : 1), 0);
    return found;
  }

  async keep(inputs: readonly (readonly TokenId[])[], vectors: Matrix): Promise<void> {
    const rowBytes = KEY_BYTES + 4 * this.#options.width;
    const perFile = Math.max(1, Math.floor(FILE_BYTES / rowBytes));
    try {
      await mkdir(this.#folder, { recursive: true });
      for (let at = 0; at < inputs.length; at += perFile) {
        const end = Math.min(at + perFile, inputs.length);
        await this.#write(inputs.slice(at, end), vectors, at);
      }
      await this.#makeRoom();
    } catch (error) {
      this.#options.onNote(
        `vectors cannot be kept for the next run: ${messageOf(error)} (--no-vector-cache does without)`,
      );
    }
  }

  /** Files of the space. */
  async #names(): Promise<string[]> {
    try {
      return (await readdir(this.#folder)).filter((name) => name.endsWith(EXTENSION)).sort();
    } catch {
      return [];
    }
  }

  /** The content of a file, marked as used; null, and the file removed, if it is not what it says. */
  async #read(
    path: string,
  ): Promise<{ readonly keys: Buffer; readonly vectors: Float32Array; readonly width: number } | null> {
    try {
      const bytes = await readFile(path);
      const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(0x0a);
      if (end === -1) throw new Error('it has no header');
      const parsed = headerSchema.safeParse(parseJson(bytes.toString('utf8', 0, end)));
      if (!parsed.success) throw new Error('its header is not one of this version');
      const { space, width, count, sha256: expected } = parsed.data;
      if (canonical(space) !== canonical(this.#options.space) || width !== this.#options.width) {
        throw new Error('it holds vectors of another model');
      }
      const content = bytes.subarray(end + 1);
      if (content.length !== count * (KEY_BYTES + 4 * width) || digestOf([content]) !== expected) {
        throw new Error('its content is damaged');
      }
      const keys = content.subarray(0, count * KEY_BYTES);
      // Makes a copy, since the vectors must start at a multiple of four.
      const vectors = new Float32Array(Uint8Array.from(content.subarray(keys.length)).buffer);
      if (endianness() === 'BE') swap(vectors);
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return { keys, vectors, width };
    } catch (error) {
      this.#options.onNote(
        `${path}: not used and removed: ${messageOf(error)}; its vectors are computed again`,
      );
      await rm(path, { force: true }).catch(() => undefined);
      return null;
    }
  }

  /** Writes one file of the given inputs, whose vectors start at row `first`. */
  async #write(inputs: readonly (readonly TokenId[])[], vectors: Matrix, first: number): Promise<void> {
    const keys = Buffer.concat(inputs.map(keyOf));
    const values = Float32Array.from(
      vectors.data.subarray(first * vectors.cols, (first + inputs.length) * vectors.cols),
    );
    if (endianness() === 'BE') swap(values);
    const content = [keys, Buffer.from(values.buffer)];
    const { space, width } = this.#options;
    const header = { schema: SCHEMA, space, width, count: inputs.length, sha256: digestOf(content) };
    const path = join(this.#folder, `${randomBytes(8).toString('hex')}${EXTENSION}`);
    await replaceFile(path, [`${JSON.stringify(header)}\n`, ...content]);
  }

  /** Removes files, longest unused first, until the rest fits; what a crash left half written counts as well. */
  async #makeRoom(): Promise<void> {
    const files: { path: string; size: number; usedAt: number }[] = [];
    for (const entry of await readdir(this.#root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = await stat(path);
      files.push({ path, size, usedAt: mtimeMs });
    }
    files.sort((a, b) => b.usedAt - a.usedAt);
    let kept = 0;
    for (const { path, size } of files) {
      kept += size;
      if (kept > this.#mostBytes) await rm(path, { force: true });
    }
  }
}

/** The first bytes of a hash of the ids. */
function keyOf(ids: readonly TokenId[]): Buffer {
  return createHash('sha256').update(Int32Array.from(ids)).digest().subarray(0, KEY_BYTES);
}

function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function canonical(space: VectorSpace): string {
  return JSON.stringify(Object.entries(space).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Other byte order, in place. */
function swap(values: Float32Array): void {
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).swap32();
}
