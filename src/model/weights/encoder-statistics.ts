/**
 * @file Numbers that were counted over the chunks of a training, for an encoder that is made of a decoder.
 *
 * One file of tensors:
 *
 *   mean [E]   the mean of all chunk vectors, which is taken off each of them
 *   idf [V]    inverse document frequency of each id; only where tokens are weighted by it
 */

import { ModelError } from '../../domain/errors.js';
import { writePartsAtomically } from '../../files/atomic-file.js';
import { SafetensorsFile } from './safetensors.js';
import { safetensorsParts } from './safetensors-writer.js';

export interface EncoderStatistics {
  readonly mean: Float32Array;
  /** Null where all tokens count alike. */
  readonly idf: Float32Array | null;
}

/** Writes the file. @throws {DataError} If it cannot be written. */
export async function writeEncoderStatistics(path: string, { mean, idf }: EncoderStatistics): Promise<void> {
  const vectors = [['mean', mean] as const, ...(idf === null ? [] : [['idf', idf] as const])];
  const tensors = vectors.map(([name, data]) => ({ name, shape: [data.length], data }));
  await writePartsAtomically(path, safetensorsParts(tensors));
}

/**
 * Reads the file.
 *
 * @param width      E.
 * @param vocabulary V, where the encoder weights its tokens; null where it does not.
 * @throws {ModelError} If the file cannot be read or is for another decoder.
 */
export function readEncoderStatistics(
  path: string,
  width: number,
  vocabulary: number | null,
): EncoderStatistics {
  const file = SafetensorsFile.open(path);
  try {
    const vector = (name: string, length: number): Float32Array => {
      const shape = file.tensors.get(name)?.shape ?? [];
      if (shape.join() === String(length)) return file.read(name);
      throw new ModelError(`${path}: ${name} is [${shape.join(', ')}], expected [${length}]`, [
        'the bundle was trained for another decoder',
      ]);
    };
    return { mean: vector('mean', width), idf: vocabulary === null ? null : vector('idf', vocabulary) };
  } finally {
    file.close();
  }
}
