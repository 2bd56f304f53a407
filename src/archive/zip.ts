/**
 * @file Zip files, zip64 included. Loaded on demand.
 */

import { PassThrough, pipeline } from 'node:stream';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import type { EntryCheck } from './entry-check.js';

/** Type bits of the Unix mode that zip programs on Unix keep in the upper half of the attributes. */
const TYPE_MASK = 0o170000;
const FOLDER = 0o040000;
const LINK = 0o120000;
const REGULAR = 0o100000;

/** Reads the entries of a zip file in the order of its directory. */
export async function readZip(file: string, check: EntryCheck): Promise<void> {
  const zip = await openZip(file);
  try {
    for (;;) {
      const entry = await nextEntry(zip);
      if (entry === null) return;
      const kind = kindOf(entry);
      const path = check.admit(entry.fileName, kind, entry.uncompressedSize);
      if (path === null) continue;
      if (entry.isEncrypted()) throw check.refuse(`"${path}" is encrypted`);
      await check.hand(path, entry.uncompressedSize, await contentOf(zip, entry));
    }
  } finally {
    zip.close();
  }
}

function openZip(file: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    // Names are judged by our own rules, so a backslash is not turned into a slash before they see it.
    const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true, strictFileNames: true };
    yauzl.open(file, options, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(error);
    });
  });
}

function nextEntry(zip: ZipFile): Promise<Entry | null> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      zip.removeAllListeners('entry').removeAllListeners('end').removeAllListeners('error');
      act();
    };
    zip.once('entry', (entry: Entry) => {
      finish(() => {
        resolve(entry);
      });
    });
    zip.once('end', () => {
      finish(() => {
        resolve(null);
      });
    });
    zip.once('error', (error: Error) => {
      finish(() => {
        reject(error);
      });
    });
    zip.readEntry();
  });
}

function contentOf(zip: ZipFile, entry: Entry): Promise<AsyncIterable<Uint8Array>> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) {
        reject(error);
        return;
      }
      // The package tells an error once, to whoever listens at that moment. A small entry may turn out damaged before
      // anybody reads it, so the error is kept in a stream of our own until then.
      const content = new PassThrough();
      content.on('error', () => undefined);
      pipeline(stream, content, () => undefined);
      resolve(content as AsyncIterable<Uint8Array>);
    });
  });
}

function kindOf(entry: Entry): 'file' | 'folder' | 'link' | 'device' {
  if (entry.fileName.endsWith('/')) return 'folder';
  const type = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  // Zip programs on Windows leave the Unix mode empty.
  if (type === 0 || type === REGULAR) return 'file';
  if (type === LINK) return 'link';
  return type === FOLDER ? 'folder' : 'device';
}
