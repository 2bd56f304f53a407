/**
 * @file How a decoder graph is fed: the names of its inputs and outputs, and what its position inputs hold.
 *
 * Graphs that are built here and ready-made exports compute the same from the same embeddings and cache. They only ask
 * for positions in different ways.
 *
 * Shape letters: T new positions, S past positions, N positions with logits, V vocabulary, K key/value heads, D head
 * width.
 */

import { Tensor } from './runtime.js';

import { DECODER_IO, type DecoderArchitecture } from '../../onnx/decoder-graph.js';
import type { FloatType } from '../../onnx/graph.js';
import type { ExportedDecoderIo, PositionInput } from '../../onnx/exported-decoder-io.js';

export interface DecoderIo {
  /** float32 [1, T, C]. */
  readonly embeddings: string;
  /** float32; its last N V numbers are the logits of the last N positions, for the N asked for. */
  readonly logits: string;
  /** Keys and values of every layer: fed as `past`, handed out grown as `present`. */
  readonly caches: readonly { readonly past: string; readonly present: string }[];
  /** Shape of a cache without positions: [1, K, 0, D]. */
  readonly emptyCache: readonly number[];
  readonly cacheType: FloatType;
  /** The inputs that say which positions are new and which have logits: S past ones, T new ones, the last N of them. */
  readonly positions: (past: number, fresh: number, scored: number) => Readonly<Record<string, Tensor>>;
}

/** The inputs and outputs of a graph made by `buildDecoderGraph`. */
export function builtDecoderIo(
  { layers, kvHeads, headWidth }: Pick<DecoderArchitecture, 'layers' | 'kvHeads' | 'headWidth'>,
  cacheType: FloatType,
): DecoderIo {
  return {
    embeddings: DECODER_IO.embeddings,
    logits: DECODER_IO.logits,
    caches: Array.from({ length: layers }, (_, layer) => [
      { past: DECODER_IO.pastKey(layer), present: DECODER_IO.presentKey(layer) },
      { past: DECODER_IO.pastValue(layer), present: DECODER_IO.presentValue(layer) },
    ]).flat(),
    emptyCache: [1, kvHeads, 0, headWidth],
    cacheType,
    positions: (past, fresh, scored) => ({
      [DECODER_IO.lastKey]: new Tensor('int32', Int32Array.of(past + fresh - 1), [1]),
      [DECODER_IO.totalKeys]: new Tensor('int32', Int32Array.of(past + fresh), []),
      [DECODER_IO.firstScored]: new Tensor('int64', BigInt64Array.of(BigInt(fresh - scored)), [1]),
    }),
  };
}

/** The inputs and outputs of a ready-made export. */
export function exportedDecoderIo({ positions, scoredPositions, ...io }: ExportedDecoderIo): DecoderIo {
  return {
    ...io,
    positions: (past, fresh, scored) => ({
      ...Object.fromEntries(positions.map((name) => [name, positionTensor(name, past, fresh, scored)])),
      ...(scoredPositions === null
        ? {}
        : { [scoredPositions]: new Tensor('int64', counting(fresh - scored, scored), [scored]) }),
    }),
  };
}

/** So many whole numbers in a row. */
function counting(first: number, count: number): BigInt64Array {
  return BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i));
}

function positionTensor(name: PositionInput, past: number, fresh: number, scored: number): Tensor {
  const indices = (): BigInt64Array => counting(past, fresh);
  switch (name) {
    case 'attention_mask':
      return new Tensor('int64', new BigInt64Array(past + fresh).fill(1n), [1, past + fresh]);
    case 'position_ids':
      return new Tensor('int64', indices(), [1, fresh]);
    case 'cache_position':
      return new Tensor('int64', indices(), [fresh]);
    case 'num_logits_to_keep':
    case 'logits_to_keep':
      return new Tensor('int64', BigInt64Array.of(BigInt(scored)), []);
  }
}
