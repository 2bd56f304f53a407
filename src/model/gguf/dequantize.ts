/**
 * @file Blocks of GGUF's element types as Float32.
 *
 * Flow: bytes of whole blocks -> **numbers** -> rows of a graph's weights.
 * Every product of a scale and a code is exact in a double, and each number is rounded once, when it is
 * stored: so the results are those of ggml and of its Python package to the bit. Pure.
 *
 * A block keeps the low bits of all its codes together, then the high bits; in the K types a block of 256
 * has parts of 16 or 32 numbers with scales of their own.
 *
 * Source: the block structures of ggml (github.com/ggml-org/ggml, ggml-common.h).
 */

import { fromBfloat16, fromHalf } from '../../onnx/half.js';
import { READABLE_LAYOUTS, type ReadableType } from './element-types.js';

/** Writes the numbers of the block that begins at byte `at`, from `out[to]` on. */
type BlockReader = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

/** Every fp16 number by its pattern; made at the first block. */
let halves: Float32Array | undefined;

/** The fp16 number at a byte. */
function halfAt(bytes: Uint8Array, at: number): number {
  halves ??= fromHalf(Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern));
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** A byte as a signed number. */
const signed = (byte: number): number => (byte << 24) >> 24;

/** Writes the signed codes of the block that begins at byte `at`, from `out[to]` on. */
type CodeReader = (bytes: Uint8Array, at: number, out: Int8Array, to: number) => void;

/** d; 16 bytes of two codes: the low halves are numbers 0 to 15, the high halves 16 to 31. */
const codes4_0: CodeReader = (bytes, at, out, to) => {
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]!;
    out[to + i] = (pair & 15) - 8;
    out[to + 16 + i] = (pair >> 4) - 8;
  }
};

/** d; a fifth bit of each of 32 codes; the four lower bits as in Q4_0. */
const codes5_0: CodeReader = (bytes, at, out, to) => {
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 6 + i]!;
    out[to + i] = ((pair & 15) | (bit(bytes, at + 2, i) << 4)) - 16;
    out[to + 16 + i] = ((pair >> 4) | (bit(bytes, at + 2, 16 + i) << 4)) - 16;
  }
};

/** d; 32 signed bytes. */
const codes8_0: CodeReader = (bytes, at, out, to) => {
  for (let i = 0; i < 32; i++) out[to + i] = signed(bytes[at + 2 + i]!);
};

/** Types whose numbers are a scale times a code, and the bits of their codes. */
const CODED = {
  Q4_0: { bits: 4, read: codes4_0 },
  Q5_0: { bits: 8, read: codes5_0 },
  Q8_0: { bits: 8, read: codes8_0 },
} as const satisfies Readonly<Record<string, { readonly bits: 4 | 8; readonly read: CodeReader }>>;
type CodedType = keyof typeof CODED;

/** Whether the numbers of a type are codes times scales. */
export function isCodedType(type: string): type is CodedType {
  return Object.hasOwn(CODED, type);
}

/** Bits that hold every code of the type, of those that a graph has products for. */
export function codeBits(type: CodedType): 4 | 8 {
  return CODED[type].bits;
}

/** The codes of whole blocks. */
export function codesOf(type: CodedType, bytes: Uint8Array): Int8Array {
  const { numbers, bytes: blockBytes } = READABLE_LAYOUTS[type];
  const { read } = CODED[type];
  const out = new Int8Array((bytes.length / blockBytes) * numbers);
  for (let block = 0; block * numbers < out.length; block++)
    read(bytes, block * blockBytes, out, block * numbers);
  return out;
}

/** The scales of whole blocks. */
export function scalesOf(type: CodedType, bytes: Uint8Array): Float32Array {
  const { bytes: blockBytes } = READABLE_LAYOUTS[type];
  return Float32Array.from({ length: bytes.length / blockBytes }, (_, block) =>
    halfAt(bytes, block * blockBytes),
  );
}

/** The numbers of a block of codes. */
function coded(readCodes: CodeReader): BlockReader {
  const codes = new Int8Array(32);
  return (bytes, at, out, to) => {
    const scale = halfAt(bytes, at);
    readCodes(bytes, at, codes, 0);
    for (let i = 0; i < 32; i++) out[to + i] = scale * codes[i]!;
  };
}

/** d, m; codes as in Q4_0. */
const q4_1: BlockReader = (bytes, at, out, to) => {
  const [scale, least] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]!;
    out[to + i] = scale * (pair & 15) + least;
    out[to + 16 + i] = scale * (pair >> 4) + least;
  }
};

/** d, m; codes as in Q5_0. */
const q5_1: BlockReader = (bytes, at, out, to) => {
  const [scale, least] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 8 + i]!;
    out[to + i] = scale * ((pair & 15) | (bit(bytes, at + 4, i) << 4)) + least;
    out[to + 16 + i] = scale * ((pair >> 4) | (bit(bytes, at + 4, 16 + i) << 4)) + least;
  }
};

/** Bit `index` of a field of bits, lowest first. */
function bit(bytes: Uint8Array, at: number, index: number): number {
  return (bytes[at + (index >> 3)]! >> (index & 7)) & 1;
}

/** 16 bytes of scale and minimum, 4 bits each; 64 bytes of four codes; d, dmin. Parts of 16. */
const q2_k: BlockReader = (bytes, at, out, to) => {
  const [d, dmin] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)];
  for (let part = 0; part < 16; part++) {
    const packed = bytes[at + part]!;
    const [scale, least] = [d * (packed & 15), dmin * (packed >> 4)];
    // 128 numbers share 32 bytes, two bits each: 32 numbers at a time.
    const codes = at + 16 + 32 * (part >> 3) + 16 * (part & 1);
    const shift = 2 * ((part >> 1) & 3);
    for (let i = 0; i < 16; i++) {
      out[to + 16 * part + i] = scale * ((bytes[codes + i]! >> shift) & 3) - least;
    }
  }
};

/** 32 bytes of third bits; 64 bytes of four codes; 12 bytes of 16 scales of 6 bits; d. Parts of 16. */
const q3_k: BlockReader = (bytes, at, out, to) => {
  const d = halfAt(bytes, at + 108);
  for (let part = 0; part < 16; part++) {
    const low = (bytes[at + 96 + (part & 7)]! >> (4 * (part >> 3))) & 15;
    const high = (bytes[at + 104 + (part & 3)]! >> (2 * (part >> 2))) & 3;
    const scale = d * ((low | (high << 4)) - 32);
    const codes = at + 32 + 32 * (part >> 3) + 16 * (part & 1);
    const shift = 2 * ((part >> 1) & 3);
    const thirds = at + 16 * (part & 1);
    for (let i = 0; i < 16; i++) {
      // A third bit that is not set takes 4 away.
      const third = (bytes[thirds + i]! >> (part >> 1)) & 1;
      out[to + 16 * part + i] = scale * (((bytes[codes + i]! >> shift) & 3) - (third === 1 ? 0 : 4));
    }
  }
};

/** Scale of one of eight parts of Q4_K and Q5_K: 6 bits of the 12 bytes from `at` on. */
function partScale(bytes: Uint8Array, at: number, part: number): number {
  if (part < 4) return bytes[at + part]! & 63;
  return (bytes[at + part + 4]! & 15) | ((bytes[at + part - 4]! >> 2) & 48);
}

/** Minimum of one of eight parts, see {@link partScale}. */
function partLeast(bytes: Uint8Array, at: number, part: number): number {
  if (part < 4) return bytes[at + part + 4]! & 63;
  return (bytes[at + part + 4]! >> 4) | ((bytes[at + part]! >> 2) & 48);
}

/** d, dmin; 12 bytes of scales and minima; 128 bytes of two codes. Parts of 32. */
const q4_k: BlockReader = (bytes, at, out, to) => {
  const [d, dmin] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let part = 0; part < 8; part++) {
    const scale = d * partScale(bytes, at + 4, part);
    const least = dmin * partLeast(bytes, at + 4, part);
    const codes = at + 16 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let i = 0; i < 32; i++) {
      out[to + 32 * part + i] = scale * ((bytes[codes + i]! >> shift) & 15) - least;
    }
  }
};

/** As Q4_K, with 32 bytes of fifth bits before the codes: bit p of byte i belongs to number i of part p. */
const q5_k: BlockReader = (bytes, at, out, to) => {
  const [d, dmin] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let part = 0; part < 8; part++) {
    const scale = d * partScale(bytes, at + 4, part);
    const least = dmin * partLeast(bytes, at + 4, part);
    const codes = at + 48 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let i = 0; i < 32; i++) {
      const fifth = (bytes[at + 16 + i]! >> part) & 1;
      out[to + 32 * part + i] = scale * (((bytes[codes + i]! >> shift) & 15) | (fifth << 4)) - least;
    }
  }
};

/** 128 bytes of two codes' four lower bits; 64 bytes of four codes' two upper bits; 16 scales; d. */
const q6_k: BlockReader = (bytes, at, out, to) => {
  const d = halfAt(bytes, at + 208);
  for (let part = 0; part < 16; part++) {
    const scale = d * signed(bytes[at + 192 + part]!);
    const within = part & 7;
    const low = at + 64 * (part >> 3) + 32 * ((within >> 1) & 1) + 16 * (within & 1);
    const lowShift = 4 * (within >> 2);
    const high = at + 128 + 32 * (part >> 3) + 16 * (within & 1);
    const highShift = 2 * (within >> 1);
    for (let i = 0; i < 16; i++) {
      const code = ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> highShift) & 3) << 4);
      out[to + 16 * part + i] = scale * (code - 32);
    }
  }
};

const BLOCK_READERS: Readonly<Partial<Record<ReadableType, BlockReader>>> = {
  Q4_0: coded(codes4_0),
  Q4_1: q4_1,
  Q5_0: coded(codes5_0),
  Q5_1: q5_1,
  Q8_0: coded(codes8_0),
  Q2_K: q2_k,
  Q3_K: q3_k,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
};

/** Types whose numbers stand for themselves. */
const PLAIN: Readonly<Partial<Record<ReadableType, (bytes: Uint8Array<ArrayBuffer>) => Float32Array>>> = {
  F32: (bytes) => new Float32Array(bytes.buffer),
  F16: (bytes) => fromHalf(new Uint16Array(bytes.buffer)),
  BF16: (bytes) => fromBfloat16(new Uint16Array(bytes.buffer)),
};

/**
 * The numbers of whole blocks.
 *
 * @param bytes From the start of its buffer, which this call may keep; a multiple of the block's bytes.
 */
export function dequantize(type: ReadableType, bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const plain = PLAIN[type];
  if (plain !== undefined) return plain(bytes);
  const read = BLOCK_READERS[type];
  if (read === undefined) throw new RangeError(`nothing reads blocks of ${type}`);
  const { numbers, bytes: blockBytes } = READABLE_LAYOUTS[type];
  const blocks = bytes.length / blockBytes;
  const out = new Float32Array(blocks * numbers);
  for (let block = 0; block < blocks; block++) read(bytes, block * blockBytes, out, block * numbers);
  return out;
}
