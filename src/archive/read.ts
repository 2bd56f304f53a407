/**
 * @file Reads archives of strangers: zip, tar, tar.gz and tar.xz, entry by entry; nothing is written.
 *
 * An archive is refused as a whole, before anything of the entry at fault is handed on, if an entry's name
 * is absolute, leads out, or would be another path on another system; if two entries have one name; if an
 * entry is a device; if it is encrypted; or if it holds more than the limits. Links are never followed and
 * never handed on: they are counted.
 */

import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Parser, type ReadEntry } from 'tar';
import { DataError, messageOf } from '../domain/errors.js';
import { plainPath, refusedName } from './entry-name.js';
import { FREE_BYTES, type ArchiveLimits } from './limits.js';

/** A regular file of an archive. */
export interface ArchiveEntry {
  /** Relative, with forward slashes. */
  readonly path: string;
  /** Its content; must be read to the end. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ArchiveRequest {
  readonly file: string;
  /** What messages call it; the file's path if absent. */
  readonly name?: string;
  readonly limits: ArchiveLimits;
  /** Whether the content of a path is wanted; the rest is only counted. */
  readonly isWanted: (path: string) => boolean;
  /** Handed the wanted files one after the other, in the archive's order. */
  readonly onEntry: (entry: ArchiveEntry) => Promise<void>;
  /** Links are left out unless this is set: then they refuse the archive. */
  readonly refuseLinks?: boolean;
}

/** What an archive held besides the files that were handed on. */
export interface ArchiveCounts {
  readonly files: number;
  readonly links: number;
}

/** Endings of names that are read as archives. */
export const ARCHIVE_NAME = /\.(zip|tar|tar\.gz|tgz|tar\.xz|txz)$/i;

/**
 * Reads an archive by what its first bytes say it is.
 *
 * @throws {DataError} If it is refused, damaged, or no archive.
 */
export async function readArchive(request: ArchiveRequest): Promise<ArchiveCounts> {
  const { file } = request;
  const check = new EntryCheck(request, await sizeOf(file));
  try {
    if ((await kindOf(file)) === 'zip') {
      const { readZip } = await import('./zip.js');
      await readZip(file, check);
    } else {
      await readTar(file, check);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `${request.name ?? file}: cannot be read as an archive: ${messageOf(error)}`,
      ['it may have been cut off on its way; fetch it again'],
      { cause: error },
    );
  }
  return check.counts;
}

/** Applies the rules to each entry before its content is touched. */
export class EntryCheck {
  readonly #request: ArchiveRequest;
  readonly #archiveBytes: number;
  readonly #seen = new Set<string>();
  #bytes = 0;
  #links = 0;
  #files = 0;
  #entries = 0;

  constructor(request: ArchiveRequest, archiveBytes: number) {
    this.#request = request;
    this.#archiveBytes = archiveBytes;
  }

  get counts(): ArchiveCounts {
    return { files: this.#files, links: this.#links };
  }

  /** What to do with an entry: null to pass over it, else its path. */
  admit(name: string, kind: 'file' | 'folder' | 'link' | 'device', bytes: number): string | null {
    const refused = refusedName(name);
    if (refused !== null) throw this.refuse(`the name "${name.slice(0, 200)}" ${refused}`);
    if (++this.#entries > this.#request.limits.mostEntries) {
      throw this.refuse(`it holds more than ${this.#request.limits.mostEntries} entries`);
    }
    const path = plainPath(name);
    switch (kind) {
      case 'folder':
        return null;
      case 'device':
        throw this.refuse(`"${path}" is a device or a pipe, not a file`);
      case 'link':
        if (this.#request.refuseLinks === true && this.#request.isWanted(path)) {
          throw this.refuse(`"${path}" is a link, not a file`);
        }
        this.#links++;
        return null;
      case 'file':
        break;
    }
    if (this.#seen.has(path)) throw this.refuse(`"${path}" is in it twice`);
    this.#seen.add(path);
    this.#files++;
    const isWanted = this.#request.isWanted(path);
    const { mostEntryBytes, mostBytes, mostRatio } = this.#request.limits;
    this.#bytes += bytes;
    if ((isWanted && bytes > mostEntryBytes) || this.#bytes > mostBytes) {
      throw this.refuse(`it is too large (at "${path}")`);
    }
    if (this.#bytes > FREE_BYTES && this.#bytes > mostRatio * this.#archiveBytes) {
      throw this.refuse(`it unpacks to more than ${mostRatio} times its size (at "${path}")`);
    }
    return isWanted ? path : null;
  }

  /** Hands a file on, counting what really comes out of it. */
  async hand(path: string, declaredBytes: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the generator below has its own `this`
    const check = this;
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of content) {
        bytes += piece.byteLength;
        if (bytes > declaredBytes) throw check.refuse(`"${path}" is larger than the archive says`);
        yield piece;
      }
    };
    await this.#request.onEntry({ path, content: counted() });
  }

  refuse(why: string): DataError {
    return new DataError(`${this.#request.name ?? this.#request.file}: the archive is refused: ${why}`, [
      'nothing of it was kept',
    ]);
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
}

const ZIP_START = Buffer.from('PK');
const XZ_START = Buffer.from('fd377a585a00', 'hex');

async function kindOf(file: string): Promise<'zip' | 'xz' | 'tar'> {
  const handle = await open(file, 'r');
  try {
    const start = Buffer.alloc(6);
    await handle.read(start, 0, 6, 0);
    if (start.subarray(0, 2).equals(ZIP_START)) return 'zip';
    return start.equals(XZ_START) ? 'xz' : 'tar';
  } finally {
    await handle.close();
  }
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  if ((await kindOf(file)) !== 'xz') {
    yield* stream as AsyncIterable<Uint8Array>;
    return;
  }
  const { XzReadableStream } = await import('xz-decompress');
  const packed = Readable.toWeb(stream) as ReadableStream<Uint8Array>;
  const reader = new XzReadableStream(packed).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    // The package reuses its memory for the next piece.
    yield value.slice();
  }
}

/** tar, plain or gzipped (the parser looks for itself), or unpacked from xz on the way. */
async function readTar(file: string, check: EntryCheck): Promise<void> {
  const failure: { first: Error | null } = { first: null };
  const fail = (error: unknown): void => {
    failure.first ??= error instanceof Error ? error : new Error(String(error));
  };
  const handed: Promise<void>[] = [];
  const parser = new Parser({
    file,
    strict: true,
    onReadEntry: (entry) => {
      try {
        const path =
          failure.first === null ? check.admit(entry.path, kindOfTarEntry(entry), entry.size) : null;
        if (path === null) {
          entry.resume();
          return;
        }
        handed.push(
          check.hand(path, entry.size, entry as AsyncIterable<Uint8Array>).catch((error: unknown) => {
            fail(error);
            entry.resume();
          }),
        );
      } catch (error) {
        fail(error);
        entry.resume();
      }
    },
  });
  const ended = once(parser, 'end');
  // An error is reported below; without a listener here it would be one too many.
  ended.catch(() => undefined);
  parser.on('error', fail);
  for await (const piece of bytesOf(file)) {
    if (failure.first !== null) break;
    if (!parser.write(Buffer.from(piece))) await Promise.race([once(parser, 'drain'), ended]);
  }
  if (failure.first === null) {
    parser.end();
    await ended.catch(fail);
  }
  if (failure.first === null) await Promise.all(handed);
  if (failure.first !== null) throw failure.first;
}

const TAR_KINDS: Readonly<Partial<Record<ReadEntry['type'], 'file' | 'folder' | 'link'>>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'folder',
  GNUDumpDir: 'folder',
  Link: 'link',
  SymbolicLink: 'link',
};

function kindOfTarEntry({ type }: ReadEntry): 'file' | 'folder' | 'link' | 'device' {
  return TAR_KINDS[type] ?? 'device';
}
