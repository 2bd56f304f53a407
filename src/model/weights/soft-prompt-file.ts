/**
 * @file Reads a tuned constant prompt: one tensor [n, C] in a file of its own.
 */

import { ModelError } from '../../domain/errors.js';
import { matrixOf, type Matrix } from '../../tensor/matrix.js';
import { openTensors } from './checkpoint.js';

/** A constant prompt is a few vectors. A file of more is something else, such as an embedding table. */
const MOST_VECTORS = 512;

/**
 * The vectors of a file, as prompt tuning trains them (arXiv:2104.08691).
 *
 * @param path  A safetensors file, or a PyTorch state dict, with a single tensor of any name.
 * @param width Of the decoder, C.
 * @returns     [n, C], n >= 1.
 * @throws {ModelError} If the file cannot be read, holds another number of tensors, or one of another shape, or a number
 *         that is none.
 */
export async function readSoftPrompt(path: string, width: number): Promise<Matrix> {
  const file = await openTensors(path);
  try {
    const [first, ...others] = [...file.tensors];
    if (first === undefined || others.length > 0) {
      throw new ModelError(
        `${path}: holds ${file.tensors.size} tensors; a constant prompt is one tensor [n, C]`,
      );
    }
    const [name, { shape }] = first;
    const [rows, cols] = shape;
    if (shape.length !== 2 || rows === undefined || cols !== width || rows < 1 || rows > MOST_VECTORS) {
      throw new ModelError(
        `${path}: ${name} has the shape [${shape.join(', ')}]; the decoder is ${width} wide, so that a constant prompt ` +
          `for it is [1 to ${MOST_VECTORS}, ${width}]`,
        ['a constant prompt works only with the decoder that it was trained for'],
      );
    }
    const data = file.read(name);
    const broken = data.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new ModelError(`${path}: ${name} holds ${data[broken]!} in vector ${Math.floor(broken / width)}`);
    }
    return matrixOf(rows, width, data);
  } finally {
    file.close();
  }
}
