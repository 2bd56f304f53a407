/**
 * @file The element types of GGUF: how many numbers a block holds and how many bytes it takes.
 *
 * Source: `ggml_type` and the block structures of ggml (github.com/ggml-org/ggml, ggml-common.h).
 */

/** Numbers of one block of the K types. */
const K = 256;

interface BlockLayout {
  /** What a file calls the type. */
  readonly id: number;
  /** Numbers that share a block; a row of a tensor holds whole blocks. */
  readonly numbers: number;
  /** Bytes of one block. */
  readonly bytes: number;
}

const layout = (id: number, numbers: number, bytes: number): BlockLayout => ({ id, numbers, bytes });

/** The types that `dequantize.ts` turns into Float32. */
export const READABLE_LAYOUTS = {
  F32: layout(0, 1, 4),
  F16: layout(1, 1, 2),
  Q4_0: layout(2, 32, 18),
  Q4_1: layout(3, 32, 20),
  Q5_0: layout(6, 32, 22),
  Q5_1: layout(7, 32, 24),
  Q8_0: layout(8, 32, 34),
  Q2_K: layout(10, K, 84),
  Q3_K: layout(11, K, 110),
  Q4_K: layout(12, K, 144),
  Q5_K: layout(13, K, 176),
  Q6_K: layout(14, K, 210),
  BF16: layout(30, 1, 2),
} as const satisfies Readonly<Record<string, BlockLayout>>;

export type ReadableType = keyof typeof READABLE_LAYOUTS;

/** All types with a layout, so that the ranges of all tensors of a file can be checked. */
const LAYOUTS: Readonly<Record<string, BlockLayout>> = {
  ...READABLE_LAYOUTS,
  Q8_1: layout(9, 32, 40),
  Q8_K: layout(15, K, 292),
  IQ2_XXS: layout(16, K, 66),
  IQ2_XS: layout(17, K, 74),
  IQ3_XXS: layout(18, K, 98),
  IQ1_S: layout(19, K, 50),
  IQ4_NL: layout(20, 32, 18),
  IQ3_S: layout(21, K, 110),
  IQ2_S: layout(22, K, 82),
  IQ4_XS: layout(23, K, 136),
  I8: layout(24, 1, 1),
  I16: layout(25, 1, 2),
  I32: layout(26, 1, 4),
  I64: layout(27, 1, 8),
  F64: layout(28, 1, 8),
  IQ1_M: layout(29, K, 56),
  TQ1_0: layout(34, K, 54),
  TQ2_0: layout(35, K, 66),
  MXFP4: layout(39, 32, 17),
  NVFP4: layout(40, 64, 36),
  Q1_0: layout(41, 128, 18),
};

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(LAYOUTS).map(([name, { id }]) => [id, name]),
);

/** Name and layout of the type with a number of a file, or undefined if this version knows none. */
export function elementType(id: number): (BlockLayout & { readonly name: string }) | undefined {
  const name = NAMES.get(id);
  return name === undefined ? undefined : { name, ...LAYOUTS[name]! };
}

/** Whether tensors of the type can be read. */
export function isReadableType(name: string): name is ReadableType {
  return Object.hasOwn(READABLE_LAYOUTS, name);
}

export const READABLE_TYPES = Object.keys(READABLE_LAYOUTS);
