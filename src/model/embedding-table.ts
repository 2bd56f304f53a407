/**
 * @file The embedding table of a decoder alone: what soft tokens are spliced into where a server runs the rest.
 *
 * Shape letters: C decoder width, V vocabulary.
 */

import { createHash } from 'node:crypto';

import { ModelError } from '../domain/errors.js';
import { embeddingTensor } from '../onnx/decoder-graph.js';
import { matrixOf, type Matrix } from '../tensor/matrix.js';
import { decoderFiles } from './decoder-files.js';

export interface EmbeddingTable {
  /** [V, C]. */
  readonly rows: Matrix;
  /** Hash of its numbers. */
  readonly identity: string;
  /** Longest sequence that the position encoding was made for. */
  readonly maxPositions: number;
}

/**
 * Reads the table and the configuration; of the other weights, nothing.
 *
 * @param path Folder with `config.json` and the weights, or a GGUF file.
 * @throws {ModelError} If there is no such tensor, it has another shape than the configuration says, or the architecture
 *   is not supported.
 */
export async function readEmbeddingTable(path: string): Promise<EmbeddingTable> {
  const opened = await decoderFiles(path).openWeights();
  try {
    const { architecture, weights } = opened;
    const { vocabularySize: V, width: C, maxPositions } = architecture;
    const { name } = embeddingTensor(architecture);
    const data = weights.tensor(name, [V, C])();
    if (data.length !== V * C) {
      throw new ModelError(
        `${path}: ${name} has ${data.length} numbers, and the configuration says [${V}, ${C}]`,
        ['weights and configuration must belong together'],
      );
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const identity = createHash('sha256').update(`embedding table ${V} ${C}\n`).update(bytes).digest('hex');
    return { rows: matrixOf(V, C, data), identity, maxPositions };
  } finally {
    opened.close();
  }
}
