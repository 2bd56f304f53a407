/**
 * @file Opens what training runs: a frozen decoder with gradients at its inputs, and a projector with gradients of its
 * parameters.
 *
 * Flow: folder or GGUF file -> weights, fp32, in memory once -> graphs without weights -> **decoder**.
 */

import { ModelError } from '../../../domain/errors.js';
import type {
  DifferentiableDecoder,
  DifferentiableProjector,
  PrefixDtype,
} from '../../../inference/differentiable.js';
import { tensorNames } from '../../../onnx/causal-layers.js';
import { embeddingTensor } from '../../../onnx/decoder-graph.js';
import type { ProjectorArchitecture } from '../../../onnx/projector-graph.js';
import { matrixOf } from '../../../tensor/matrix.js';
import { decoderFiles } from '../../decoder-files.js';
import { isExport } from '../../folder/export-files.js';
import type { ModelOptions } from '../session.js';
import { OrtDifferentiableDecoder } from './differentiable-decoder.js';
import { OrtDifferentiableProjector } from './differentiable-projector.js';
import { DecoderHead } from './head.js';
import { DecoderLayers } from './layers.js';
import { buildPrefixGraph, IntegerPrefixes } from './prefixes.js';
import { WeightTensors } from './weight-tensors.js';

/** Training runs on the CPU in fp32. */
export type TrainingOptions = Pick<ModelOptions, 'threads' | 'cacheDir' | 'onNote'>;

export interface DecoderTrainingOptions extends TrainingOptions {
  /** fp32 if absent. Whoever keeps prefixes must keep those of the two apart. */
  readonly prefixes?: PrefixDtype;
}

/**
 * Opens a decoder for training. Its weights are held in fp32 whatever the file holds: 2 GB for half a billion.
 *
 * @param path Folder with `config.json` and safetensors, or a GGUF file.
 * @throws {ModelError} If a file is missing or damaged, the architecture is not supported, weights and configuration do
 *   not belong together, or the reference is a ready-made ONNX export, which has no gradients.
 */
export async function openDifferentiableDecoder(
  path: string,
  { prefixes = 'fp32', ...options }: DecoderTrainingOptions,
): Promise<DifferentiableDecoder> {
  if (isExport(path)) {
    throw new ModelError(`${path}: a ready-made ONNX export cannot be trained through`, [
      'gradients are derived from the graph that this program builds; give the safetensors folder or a GGUF file',
    ]);
  }
  const opened = await decoderFiles(path).openWeights();
  try {
    const { architecture, weights } = opened;
    const { vocabularySize: V, width: C, learnedPositions } = architecture;
    const tensors = new WeightTensors(weights);
    const { name } = embeddingTensor(architecture);
    const readEmbeddings = weights.tensor(name, [V, C]);
    const positionsName = architecture.rope === null ? tensorNames(architecture).positions : null;
    const readPositions =
      positionsName === null ? null : weights.tensor(positionsName, [learnedPositions, C]);
    const settings = { ...options, device: 'cpu', dtype: 'fp32' } as const;
    const layers = await DecoderLayers.open(architecture, tensors, settings);
    const head = await DecoderHead.open(architecture, tensors, settings);
    const prefixGraph = prefixes === 'fp32' ? null : buildPrefixGraph(architecture, weights);
    const identity = await opened.identify();
    const table = readEmbeddings();
    if (architecture.tiedHead) tensors.put(name, table, [V, C]);
    tensors.read();
    const integerPrefixes =
      prefixGraph === null ? null : await IntegerPrefixes.open(prefixGraph, architecture, identity, settings);
    return new OrtDifferentiableDecoder({
      architecture,
      identity,
      embeddings: matrixOf(V, C, table),
      positions: readPositions === null ? null : matrixOf(learnedPositions, C, readPositions()),
      layers,
      head,
      integerPrefixes,
    });
  } finally {
    opened.close();
  }
}

/** Opens a projector whose parameters the caller holds. */
export function openDifferentiableProjector(
  architecture: ProjectorArchitecture,
  options: TrainingOptions,
): Promise<DifferentiableProjector> {
  return OrtDifferentiableProjector.open(architecture, { ...options, device: 'cpu', dtype: 'fp32' });
}
