/**
 * @file Where the records of a zip file lie, for formats that keep theirs uncompressed and read them in
 * place. What is to be unpacked goes through `zip.ts`.
 */

import { fromFdPromise, type Entry } from 'yauzl';

export interface ZipRecord {
  readonly name: string;
  /** Length of its content. */
  readonly bytes: number;
  /** Whether its content lies in the file as it is: neither compressed nor encrypted. */
  readonly isPlain: boolean;
  /** Offset of its content in the file. */
  start(): Promise<number>;
}

/**
 * Reads the directory of a zip file.
 *
 * @param descriptor  Stays open; the records need it.
 * @param mostRecords More are refused.
 * @throws {Error} If the file is not a zip file, is damaged, or has more records.
 */
export async function zipRecords(descriptor: number, mostRecords: number): Promise<ZipRecord[]> {
  const zip = await fromFdPromise(descriptor, { autoClose: false, lazyEntries: true });
  const records: ZipRecord[] = [];
  for await (const entry of zip.eachEntry()) {
    if (records.length === mostRecords) throw new Error(`it has more than ${mostRecords} records`);
    records.push({
      name: entry.fileName,
      bytes: entry.uncompressedSize,
      isPlain: isPlain(entry),
      start: async () => (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart,
    });
  }
  return records;
}

function isPlain(entry: Entry): boolean {
  return (
    entry.compressionMethod === 0 && !entry.isEncrypted() && entry.compressedSize === entry.uncompressedSize
  );
}
