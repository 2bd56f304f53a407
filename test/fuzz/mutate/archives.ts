/**
 * @file Mutators of archives: entries that no proper program writes, and headers whose checksums are right again
 * after they were bent.
 */

import { gunzipSync, gzipSync } from 'node:zlib';
import type { Rng } from '../../../src/tensor/rng.js';
import { makeZip, type ZipEntry } from '../../support/archives.js';
import { pick, type Mutator } from '../target.js';
import { bendBytes } from './bytes.js';

/** Names that lead out of an archive, mean another path elsewhere, or are none. */
const NAMES = [
  '',
  '/',
  '.',
  '..',
  '../outside.py',
  '../../outside.py',
  'a/../../outside.py',
  '/tmp/outside.py',
  '//outside.py',
  'C:/outside.py',
  'c:outside.py',
  'a\\..\\..\\outside.py',
  'a/./b.py',
  'a//b.py',
  'a/b.py/',
  'a/b.py',
  'A/B.py',
  'a',
  'con',
  'a\0b.py',
  '\u001b[31mred.py',
  'line\nbreak.py',
  '\u202egnp.py',
  'shapes/pkg/unit.py',
  'shapes-main/shapes/pkg/unit.py',
  `${'d/'.repeat(2000)}deep.py`,
  `${'n'.repeat(300)}.py`,
  'x'.repeat(60_000),
] as const;

const MODES = [0o100644, 0o100755, 0o120777, 0o040755, 0o020644, 0o060644, 0o010644, 0o140644, 0];

const CONTENTS = ['', 'UNIT = 1\n', '\0\0', '\ufeffx = 1\r\n', 'x'.repeat(70_000)];

/** More than may come out of a small archive: unpacked it is a thousand times its size. */
let bomb: Buffer | null = null;
const BOMB_BYTES = 80 * 2 ** 20;

function entryOf(rng: Rng): ZipEntry {
  const size = pick([0, 1, 1e6, 2 ** 31 - 1, 2 ** 32 - 2], rng);
  return {
    name: pick(NAMES, rng),
    content: Buffer.from(pick(CONTENTS, rng)),
    mode: pick(MODES, rng),
    ...(rng.int(6) === 0 ? { claimedBytes: size } : {}),
    ...(rng.int(12) === 0 ? { encrypted: true as const } : {}),
    ...(rng.int(4) === 0 ? { zip64: true as const } : {}),
  };
}

/** A zip file of hostile entries, or a proper one with bent bytes. */
export const bendZip: Mutator = (seed, other, rng) => {
  if (rng.int(200) === 0) {
    bomb ??= makeZip([{ name: 'a/zeros.py', content: Buffer.alloc(BOMB_BYTES) }]);
    return bomb;
  }
  if (rng.int(2) === 0) return bendBytes(seed, other, rng);
  const made = makeZip(Array.from({ length: 1 + rng.int(4) }, () => entryOf(rng)));
  return rng.int(4) === 0 ? bendBytes(made, other, rng) : made;
};

const BLOCK = 512;
const TYPES = ['0', '\0', '1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', 'V', 'D', 'N'];
const SIZES = [
  '00000000000\0',
  '77777777777\0',
  '-0000000001\0',
  '           \0',
  'abcdefghijk\0',
  '\u0080\0\0\0\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff',
  '\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff',
];
const PAX = [
  '18 size=99999999999\n',
  '30 path=../../../outside.txt\n',
  '999999 path=x\n',
  '9 path=\n',
  'no length',
  '12 size=-1\n',
];

/** The checksum of a tar header, over the header with blanks in its place. */
function withChecksum(header: Buffer): void {
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** A tar file with one to three bent headers. */
export const bendTar: Mutator = (seed, other, rng) => {
  if (seed.length < BLOCK || rng.int(4) === 0) return bendBytes(seed, other, rng);
  const bytes = Buffer.from(seed);
  for (let left = 1 + rng.int(3); left > 0; left--) {
    const at = BLOCK * rng.int(Math.floor(bytes.length / BLOCK));
    const header = bytes.subarray(at, at + BLOCK);
    switch (rng.int(6)) {
      case 0:
        header.fill(0, 0, 100);
        header.write(pick(NAMES, rng).slice(0, 100), 0, 'utf8');
        break;
      case 1:
        header.write(pick(SIZES, rng), 124, 'latin1');
        break;
      case 2:
        header.write(pick(TYPES, rng), 156, 'latin1');
        break;
      case 3:
        header.write(pick(NAMES, rng).slice(0, 100), 157, 'utf8');
        break;
      case 4:
        header.write(pick(['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0'], rng), 257, 'latin1');
        header.write(pick(NAMES, rng).slice(0, 155), 345, 'utf8');
        break;
      default:
        // An extended header, whose content stands in the next block.
        header.write('x', 156, 'latin1');
        header.write('00000001000\0', 124, 'latin1');
        bytes.write(pick(PAX, rng), Math.min(bytes.length - 1, at + BLOCK), 'latin1');
    }
    withChecksum(header);
  }
  return bytes;
};

/** The same inside gzip, or the packed bytes themselves. */
export const bendTarGz: Mutator = (seed, other, rng) => {
  if (rng.int(3) === 0) return bendBytes(seed, other, rng);
  return gzipSync(bendTar(gunzipSync(seed), gunzipSync(other), rng), { level: 1 });
};
