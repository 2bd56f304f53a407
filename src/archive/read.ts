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
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Parser, type ReadEntry } from 'tar';
import type * as xzDecompress from 'xz-decompress';
import { DataError, messageOf } from '../domain/errors.js';
import { EntryCheck, type ArchiveCounts, type ArchiveRequest } from './entry-check.js';

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
  // An import of Node finds no names in this package.
  const { XzReadableStream } = createRequire(import.meta.url)('xz-decompress') as typeof xzDecompress;
  const packed = Readable.toWeb(stream) as ReadableStream<Uint8Array>;
  const reader = new XzReadableStream(packed).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // The package reuses its memory for the next piece.
      yield value.slice();
    }
  } finally {
    // The package leaves the file open where the archive is damaged or nobody reads on.
    stream.destroy();
  }
}

/** tar, plain or gzipped (the parser looks for itself), or unpacked from xz on the way. */
async function readTar(file: string, check: EntryCheck): Promise<void> {
  const failure: { first: Error | null } = { first: null };
  const fail = (error: unknown): void => {
    failure.first ??= error instanceof Error ? error : new Error(String(error));
  };
  const handed: Promise<void>[] = [];
  /** The entry that is being read; after a failure nothing more of it comes. */
  let current: ReadEntry | null = null;
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
        current = entry;
        // Whoever reads the entry is told; without a listener here it would be one error too many.
        entry.on('error', () => undefined);
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
  try {
    for await (const piece of bytesOf(file)) {
      if (failure.first !== null) break;
      if (!parser.write(Buffer.from(piece))) await Promise.race([once(parser, 'drain'), ended]);
    }
  } catch (error) {
    fail(error);
  }
  if (failure.first === null) {
    parser.end();
    await ended.catch(fail);
  }
  if (failure.first !== null) (current as ReadEntry | null)?.destroy(failure.first);
  // Work on entries ends before this does, so that nobody removes files under it.
  await Promise.all(handed);
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
