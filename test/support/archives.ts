/**
 * @file Makes zip files for tests with exactly the entries asked for, hostile ones included, which a proper
 * program would refuse to write. (Tar files: test/datasets/package-archive.ts.)
 *
 * Source: PKWARE APPNOTE, sections 4.3.7, 4.3.12, 4.3.16, 4.5.3.
 */

import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content?: Buffer;
  /** Unix mode with its type bits; a regular file if absent. */
  readonly mode?: number;
  /** What the directory claims, if it is not the truth. */
  readonly claimedBytes?: number;
  readonly encrypted?: true;
  /** Sizes in the zip64 field instead of the 32-bit ones. */
  readonly zip64?: true;
}

export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content = Buffer.alloc(0), mode = 0o100644, zip64, ...entry } of entries) {
    const packed = deflateRawSync(content);
    const size = entry.claimedBytes ?? content.length;
    const fileName = Buffer.from(name, 'utf8');
    const flags = 0x0800 | (entry.encrypted === true ? 1 : 0);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(zip64 === true ? 0xffffffff : packed.length, 14);
    common.writeUInt32LE(zip64 === true ? 0xffffffff : size, 18);
    common.writeUInt16LE(fileName.length, 22);
    const extra = Buffer.alloc(zip64 === true ? 20 : 0);
    if (zip64 === true) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(16, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
    }
    common.writeUInt16LE(extra.length, 24);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, fileName, extra, packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([20, 3]);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, common, rest, fileName, extra]),
    );
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
