/**
 * @file Makes npm package files for tests: a gzipped tar with exactly the entries asked for, hostile
 * ones included, which a proper packer would refuse to write.
 *
 * Source: POSIX.1-1988 ustar header, fields at fixed offsets of a 512-byte block.
 */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export interface ArchiveEntry {
  readonly name: string;
  readonly text?: string;
  /** "0" file, "1" hard link, "2" symbolic link, "3" character device, "5" folder, "6" pipe. */
  readonly type?: '0' | '1' | '2' | '3' | '5' | '6';
  /** What the header claims, if it is not the truth. */
  readonly claimedBytes?: number;
  readonly link?: string;
}

/** A package file, as `npm pack` would leave it. */
export function makePackage(entries: readonly ArchiveEntry[]): Buffer {
  return gzipSync(makeTar(entries));
}

/** The same without compression. */
export function makeTar(entries: readonly ArchiveEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, text = '', type = '0', link = '', claimedBytes }) => {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${(claimedBytes ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The hash that npm publishes for a package file. */
export function integrityOf(file: Buffer): string {
  return `sha512-${createHash('sha512').update(file).digest('base64')}`;
}
