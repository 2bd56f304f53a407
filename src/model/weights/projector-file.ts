/**
 * @file What the tensors of a file say about the projector they are.
 */

import { ModelError } from '../../domain/errors.js';
import type { ProjectorArchitecture } from '../../onnx/projector-graph.js';
import { openTensors } from './checkpoint.js';
import { findPrefix, type TensorStore } from './safetensors.js';

/** Names under which training frameworks store a projector; LlavaCode's checkpoints use the first. */
const PROJECTOR_PREFIXES = ['model.multi_modal_projector.', 'multi_modal_projector.', ''] as const;

export interface ProjectorFile {
  readonly architecture: ProjectorArchitecture;
  /** Stands before the names of its tensors. */
  readonly prefix: string;
}

/**
 * Depth and widths from the shapes of the tensors.
 *
 * @throws {ModelError} If there are not 2, 3 or 4 Linear layers.
 */
export function readProjector(file: TensorStore): ProjectorFile {
  const prefix = findPrefix(file, 'linear_1.weight', PROJECTOR_PREFIXES);
  const matrices: (readonly number[])[] = [];
  for (;;) {
    const info = file.tensors.get(`${prefix}linear_${matrices.length + 1}.weight`);
    if (info === undefined) break;
    matrices.push(info.shape);
  }
  const layers = matrices.length;
  const inputWidth = matrices[0]?.[1];
  const outputWidth = matrices.at(-1)?.[0];
  if (
    (layers !== 2 && layers !== 3 && layers !== 4) ||
    inputWidth === undefined ||
    outputWidth === undefined
  ) {
    throw new ModelError(`${file.path}: found ${layers} Linear layers of a projector, expected 2, 3 or 4`, [
      'their weights are called linear_1.weight, linear_2.weight and so on',
    ]);
  }
  const hiddenWidths = matrices.slice(0, -1).map(([rows]) => rows ?? 0);
  return { architecture: { layers, inputWidth, hiddenWidths, outputWidth }, prefix };
}

/**
 * The widths of the projector in a file, without its weights.
 *
 * @throws {ModelError} As {@link readProjector}, and if the file cannot be read.
 */
export async function projectorWidths(path: string): Promise<ProjectorArchitecture> {
  const file = await openTensors(path);
  try {
    return readProjector(file).architecture;
  } finally {
    file.close();
  }
}
