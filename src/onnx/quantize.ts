/**
 * @file Round-to-nearest quantization of weight matrices, in blocks of a row or a row at a time.
 *
 * Flow: rows of a checkpoint -> **codes, scales, zero points** -> operators of a quantized graph.
 * No calibration data and no search: every number is rounded to the nearest representable one, so the
 * same checkpoint gives the same graph everywhere. Pure: arrays in, new arrays out.
 *
 * Shape letters: R rows (outputs of a Linear layer), K columns (its inputs), G blocks of a row.
 *
 * Source of the packed layout: `com.microsoft.MatMulNBits` (onnxruntime/docs/ContribOperators.md):
 * codes of one row, block after block, low bits first; a weight is (code - zero point) * scale.
 */

/** How a row is cut and rounded. */
export interface BlockFormat {
  readonly bits: 4 | 8;
  /** Columns that share a scale; a power of two, at least 16. The last block of a row may be padded. */
  readonly blockSize: number;
  /**
   * Zero lies at the middle code, whatever would suit the block. The format gives up one code of the range for that,
   * and stores no zero points.
   */
  readonly isSymmetric: boolean;
}

/** Blocks of 64 cost 8.5 bits a weight. They are symmetric, since 8 bits leave an error of half a percent anyway. */
export const INT8_BLOCKS: BlockFormat = { bits: 8, blockSize: 64, isSymmetric: true };

/** Blocks of 32 with a zero point each cost 5.1 bits a weight. */
export const INT4_BLOCKS: BlockFormat = { bits: 4, blockSize: 32, isSymmetric: false };

/** G: blocks of a row. */
export function blockCount(cols: number, { blockSize }: BlockFormat): number {
  return Math.ceil(cols / blockSize);
}

/** Bytes of the codes of one block. */
export function blockBytes({ bits, blockSize }: BlockFormat): number {
  return (blockSize * bits) / 8;
}

/** Bytes of the zero points of one row. */
export function zeroPointBytes(cols: number, format: BlockFormat): number {
  return Math.ceil((blockCount(cols, format) * format.bits) / 8);
}

interface BlockParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Scale and zero point of the numbers [start, end).
 *
 * The scale is rounded to Float32 first, since that is what the runtime multiplies with.
 */
function blockParameters(
  data: Float32Array,
  start: number,
  end: number,
  { bits, isSymmetric }: BlockFormat,
): BlockParameters {
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    const value = data[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const levels = 2 ** bits;
  if (isSymmetric) {
    const scale = Math.fround(Math.max(high, -low) / (levels / 2 - 1));
    return { scale: scale || 1, zeroPoint: levels / 2 };
  }
  // Zero is inside [low, high], so that it is represented exactly.
  const scale = Math.fround((high - low) / (levels - 1)) || 1;
  return { scale, zeroPoint: Math.min(levels - 1, Math.round(-low / scale)) };
}

/** Calls `visit` for every block of every row. */
function forEachBlock(
  data: Float32Array,
  cols: number,
  format: BlockFormat,
  visit: (row: number, block: number, start: number, end: number) => void,
): void {
  const blocks = blockCount(cols, format);
  for (let row = 0; row < data.length / cols; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * cols + block * format.blockSize;
      visit(row, block, start, Math.min(start + format.blockSize, (row + 1) * cols));
    }
  }
}

/** The scales of rows [R, K] -> [R, G]. */
export function blockScales(data: Float32Array, cols: number, format: BlockFormat): Float32Array {
  const blocks = blockCount(cols, format);
  const scales = new Float32Array((data.length / cols) * blocks);
  forEachBlock(data, cols, format, (row, block, start, end) => {
    scales[row * blocks + block] = blockParameters(data, start, end, format).scale;
  });
  return scales;
}

/** The packed zero points of rows [R, K] -> [R, bytes]. */
export function blockZeroPoints(data: Float32Array, cols: number, format: BlockFormat): Uint8Array {
  const bytes = zeroPointBytes(cols, format);
  const packed = new Uint8Array((data.length / cols) * bytes);
  forEachBlock(data, cols, format, (row, block, start, end) => {
    const { zeroPoint } = blockParameters(data, start, end, format);
    putCode(packed, row * bytes, block, zeroPoint, format.bits);
  });
  return packed;
}

/** The packed codes of rows [R, K] -> [R, G, bytes]; padding has the code of zero. */
export function blockCodes(data: Float32Array, cols: number, format: BlockFormat): Uint8Array {
  const { bits, blockSize } = format;
  const bytes = blockBytes(format);
  const rowBytes = blockCount(cols, format) * bytes;
  const highest = 2 ** bits - 1;
  const packed = new Uint8Array((data.length / cols) * rowBytes);
  forEachBlock(data, cols, format, (row, block, start, end) => {
    const { scale, zeroPoint } = blockParameters(data, start, end, format);
    const at = row * rowBytes + block * bytes;
    for (let i = 0; i < blockSize; i++) {
      const value = start + i < end ? data[start + i]! : 0;
      const code = Math.round(value / scale) + zeroPoint;
      putCode(packed, at, i, Math.min(highest, Math.max(0, code)), bits);
    }
  });
  return packed;
}

/**
 * Signed codes [R, K] as {@link blockCodes} packs them: zero is the middle code.
 *
 * @param cols K, a multiple of the block's size.
 */
export function packCodes(codes: Int8Array, cols: number, format: BlockFormat): Uint8Array {
  const { bits } = format;
  const packed = new Uint8Array((codes.length / cols) * blockCount(cols, format) * blockBytes(format));
  const middle = 2 ** (bits - 1);
  for (let i = 0; i < codes.length; i++) putCode(packed, 0, i, codes[i]! + middle, bits);
  return packed;
}

/** Sets code `index` behind byte `at`; the bits there must be zero. */
function putCode(packed: Uint8Array, at: number, index: number, code: number, bits: 4 | 8): void {
  if (bits === 8) packed[at + index] = code;
  else packed[at + (index >> 1)]! |= index % 2 === 0 ? code : code << 4;
}

/**
 * Largest code of a row with one scale.
 *
 * It has seven bits, not eight. Processors without VNNI instructions add products of unsigned and signed bytes in pairs
 * of 16 bits, and 2 * 255 * 63 is the most that fits. With eight bits they would saturate silently, and a model would
 * give other completions on another machine.
 */
const ROW_CODE_LIMIT = 63;

/** One symmetric scale a row: [R, K] -> [R]. */
export function rowScales(data: Float32Array, cols: number): Float32Array {
  const scales = new Float32Array(data.length / cols);
  for (let row = 0; row < scales.length; row++) {
    let largest = 0;
    for (let i = row * cols; i < (row + 1) * cols; i++) largest = Math.max(largest, Math.abs(data[i]!));
    scales[row] = largest / ROW_CODE_LIMIT || 1;
  }
  return scales;
}

/** The codes under {@link rowScales}, transposed for a product from the right: [R, K] -> [K, R]. */
export function rowCodesTransposed(data: Float32Array, cols: number): Int8Array {
  const scales = rowScales(data, cols);
  const rows = scales.length;
  const codes = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    const scale = scales[row]!;
    for (let col = 0; col < cols; col++)
      codes[col * rows + row] = Math.round(data[row * cols + col]! / scale);
  }
  return codes;
}
