/**
 * @file A matrix as `torch.save` writes it: the form in which vLLM takes prompt embeddings.
 *
 * The file is an uncompressed zip archive with `data.pkl` (the structure, as a pickle of protocol 2) and `data/0` (the
 * numbers). Only one structure is ever written: a contiguous tensor [T, C] on the CPU. `weights_only` loading takes it.
 *
 * Shape letters: T prompt tokens, C decoder width.
 *
 * Source: PyTorch `torch/serialization.py`; Python `pickletools`; PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16.
 */

import { crc32 } from 'node:zlib';

import { bfloat16Bits } from '../onnx/half.js';
import type { Matrix } from '../tensor/matrix.js';

/** How the numbers go over the wire. */
export type WireType = 'float32' | 'bfloat16';

const STORAGES: Readonly<Record<WireType, string>> = {
  float32: 'FloatStorage',
  bfloat16: 'BFloat16Storage',
};

/** Folder of the records; PyTorch takes any name. */
const FOLDER = 'archive';

/** The bytes of a file that `torch.load` reads as a tensor [T, C]. */
export function torchTensor(matrix: Matrix, type: WireType): Buffer {
  return storedZip([
    [`${FOLDER}/data.pkl`, tensorPickle(matrix, type)],
    [`${FOLDER}/byteorder`, Buffer.from('little')],
    [`${FOLDER}/data/0`, numbersOf(matrix, type)],
    [`${FOLDER}/version`, Buffer.from('3\n')],
  ]);
}

function numbersOf({ data }: Matrix, type: WireType): Buffer {
  const { buffer, byteOffset, byteLength } = type === 'float32' ? data : bfloat16Bits(data);
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** `torch._utils._rebuild_tensor_v2(storage 0 of T C numbers, 0, (T, C), (C, 1), False, OrderedDict())`. */
function tensorPickle({ rows, cols, data }: Matrix, type: WireType): Buffer {
  return Buffer.concat([
    Buffer.from([0x80, 2]), // PROTO 2
    global('torch._utils', '_rebuild_tensor_v2'),
    Buffer.from('(('), // MARK, MARK
    text('storage'),
    global('torch', STORAGES[type]),
    text('0'),
    text('cpu'),
    integer(data.length),
    Buffer.from('tQ'), // TUPLE, BINPERSID
    integer(0),
    ...[integer(rows), integer(cols), Buffer.from([0x86])], // TUPLE2
    ...[integer(cols), integer(1), Buffer.from([0x86])],
    Buffer.from([0x89]), // NEWFALSE
    global('collections', 'OrderedDict'),
    Buffer.from(')RtR.'), // EMPTY_TUPLE, REDUCE, TUPLE, REDUCE, STOP
  ]);
}

function global(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`);
}

/** BINUNICODE. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const head = Buffer.from([0x58, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** BININT. */
function integer(value: number): Buffer {
  const bytes = Buffer.from([0x4a, 0, 0, 0, 0]);
  bytes.writeInt32LE(value, 1);
  return bytes;
}

const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_BYTES = 22;
/** 1980-01-01 in MS-DOS form: the same prompt gives the same bytes. */
const NO_DATE = 0x21;

/** A zip archive of a few records, none compressed; shorter than 4 GiB. */
function storedZip(records: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of records) {
    const bytes = Buffer.from(name);
    const common = commonHeader(bytes.length, content);
    const local = Buffer.concat([signature(0x04034b50), common, Buffer.alloc(2)]);
    parts.push(local, bytes, content);
    const central = Buffer.alloc(CENTRAL_HEADER_BYTES);
    signature(0x02014b50).copy(central);
    common.copy(central, 6);
    central.writeUInt32LE(at, 42);
    directory.push(central, bytes);
    at += LOCAL_HEADER_BYTES + bytes.length + content.length;
  }
  const end = Buffer.alloc(END_BYTES);
  signature(0x06054b50).copy(end);
  end.writeUInt16LE(records.length, 8);
  end.writeUInt16LE(records.length, 10);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  );
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The fields that a local header and one of the directory share: version needed, up to the length of the name. */
function commonHeader(nameBytes: number, content: Buffer): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt16LE(0x14, 0);
  bytes.writeUInt16LE(NO_DATE, 8);
  bytes.writeUInt32LE(crc32(content), 10);
  bytes.writeUInt32LE(content.length, 14);
  bytes.writeUInt32LE(content.length, 18);
  bytes.writeUInt16LE(nameBytes, 22);
  return bytes;
}
