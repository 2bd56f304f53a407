/**
 * @file Keys and values of everything before the soft tokens, kept on disk.
 *
 * The decoder is frozen, so what it makes of the code before the soft tokens is the same in every step. It is computed
 * once a sample and read back from a file, as the bits of float16:
 *
 *   prefixes/<decoder>/<hash of the ids>.kv     for each layer keys [K, S, D], then values [K, S, D], little-endian
 *
 * A position takes layers x K x D x 2 x 2 bytes: 12,288 for Qwen2.5-Coder-0.5B. Files have a limit in all; what does not
 * fit is computed anew each time.
 */

import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../domain/hash.js';
import type { TokenId } from '../../domain/units.js';
import { writePartsAtomically } from '../../files/atomic-file.js';
import type { DifferentiableDecoder, FrozenPrefix } from '../../inference/differentiable.js';

type PrefixDecoder = Pick<
  DifferentiableDecoder,
  'identity' | 'layers' | 'kvHeads' | 'headWidth' | 'embed' | 'prefixOf'
>;

/** Bytes of one position: keys and values of all layers in float16. */
export function prefixBytes({
  layers,
  kvHeads,
  headWidth,
}: Pick<PrefixDecoder, 'layers' | 'kvHeads' | 'headWidth'>): number {
  return layers * kvHeads * headWidth * 2 * Uint16Array.BYTES_PER_ELEMENT;
}

/** Prefixes of one decoder. */
export class PrefixStore {
  readonly #decoder: PrefixDecoder;
  readonly #folder: string;
  readonly #mostBytes: number;
  #usedBytes: number;

  private constructor(decoder: PrefixDecoder, folder: string, mostBytes: number, usedBytes: number) {
    this.#decoder = decoder;
    this.#folder = folder;
    this.#mostBytes = mostBytes;
    this.#usedBytes = usedBytes;
  }

  /**
   * @param folder    Of the work folder; made if it is not there.
   * @param mostBytes Of all files together; 0 keeps nothing.
   */
  static async open(decoder: PrefixDecoder, folder: string, mostBytes: number): Promise<PrefixStore> {
    const own = join(folder, sha256(decoder.identity).slice(0, 16));
    await mkdir(own, { recursive: true });
    let used = 0;
    for (const name of await readdir(own)) {
      // Another training that shares the folder may have renamed a file meanwhile.
      used += (await stat(join(own, name)).catch(() => null))?.size ?? 0;
    }
    return new PrefixStore(decoder, own, mostBytes, used);
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Keys and values of ids, at least one: from the disk, or computed.
   *
   * @param keep Whether they will be asked for again.
   * @throws {DataError} If the file cannot be written.
   */
  async of(ids: readonly TokenId[], keep: boolean): Promise<FrozenPrefix> {
    const path = join(this.#folder, `${sha256(ids.join()).slice(0, 32)}.kv`);
    const found = await this.#read(path, ids.length);
    if (found !== null) return found;
    const made = await this.#decoder.prefixOf(this.#decoder.embed(ids));
    const bytes = made.positions * prefixBytes(this.#decoder);
    if (keep && this.#usedBytes + bytes <= this.#mostBytes) {
      await writePartsAtomically(path, partsOf(made));
      this.#usedBytes += bytes;
    }
    return made;
  }

  /** Null if there is no file of that many positions. */
  async #read(path: string, positions: number): Promise<FrozenPrefix | null> {
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch {
      return null;
    }
    if (bytes.length !== positions * prefixBytes(this.#decoder)) return null;
    if (endianness() === 'BE') bytes.swap16();
    // A buffer of the pool may begin at an odd byte.
    const all = new Uint16Array(Uint8Array.from(bytes).buffer);
    const { layers, kvHeads, headWidth } = this.#decoder;
    const length = kvHeads * positions * headWidth;
    return {
      positions,
      layers: Array.from({ length: layers }, (_, i) => ({
        keys: all.subarray(2 * i * length, (2 * i + 1) * length),
        values: all.subarray((2 * i + 1) * length, (2 * i + 2) * length),
      })),
    };
  }
}

function* partsOf({ layers }: FrozenPrefix): Generator<Uint8Array> {
  for (const { keys, values } of layers) {
    for (const part of [keys, values]) {
      const bytes = Buffer.from(Uint16Array.from(part).buffer);
      yield endianness() === 'BE' ? bytes.swap16() : bytes;
    }
  }
}
