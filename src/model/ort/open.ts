/**
 * @file Opens the models of a bundle: it takes files and gives running models.
 *
 * Flow: folder -> configuration -> graph -> session -> **Decoder, Encoder, Projector**.
 */

import { join } from 'node:path';

import { messageOf, ModelError } from '../../domain/errors.js';
import { tokenId } from '../../domain/units.js';
import { buildDecoderGraph, embeddingTensor, type DecoderArchitecture } from '../../onnx/decoder-graph.js';
import { buildEncoderGraph, encoderEmbedding, poolingOf } from '../../onnx/encoder-graph.js';
import {
  buildProjectorGraph,
  isPublishedShape,
  type ProjectorArchitecture,
} from '../../onnx/projector-graph.js';
import type { WeightSource } from '../../onnx/weights.js';
import { matrixOf } from '../../tensor/matrix.js';
import { Checkpoint, openTensors } from '../weights/checkpoint.js';
import { readEncoderConfig } from '../architecture/config.js';
import { decoderFiles } from '../decoder-files.js';
import { isExport } from '../folder/export-files.js';
import { identityOf } from '../folder/model-hash.js';
import { precisionOf } from '../architecture/precision.js';
import type { ProjectorLayers } from '../../inference/projector.js';
import { readProjector } from '../weights/projector-file.js';
import { CheckpointWeights, findPrefix } from '../weights/safetensors.js';
import {
  syntheticArchitecture,
  syntheticIdentity,
  SyntheticWeights,
  type SyntheticShape,
} from '../architecture/synthetic.js';
import { softTokensPerChunk } from '../../inference/soft-tokens.js';
import { builtDecoderIo } from './decoder-io.js';
import { openExportedDecoder } from './open-export.js';
import { OrtDecoder } from './ort-decoder.js';
import { OrtEncoder } from './ort-encoder.js';
import { OrtProjector } from './ort-projector.js';
import { createSession, type ModelOptions } from './session.js';

/**
 * Opens a decoder.
 *
 * @param path Folder with `config.json` and the weights, as Hugging Face lays them out; a GGUF file; or a
 *   ready-made export: an ONNX file, or a folder that holds some and no safetensors.
 * @throws {ModelError} If a file is missing or damaged, the architecture is not supported, weights
 *   and configuration do not belong together, or the device cannot be used.
 */
export async function openDecoder(path: string, options: ModelOptions): Promise<OrtDecoder> {
  const decoder = isExport(path)
    ? await openExportedDecoder(path, options)
    : await openCheckpoint(path, options);
  return await triedDecoder(decoder, options);
}

function triedDecoder(decoder: OrtDecoder, options: ModelOptions): Promise<OrtDecoder> {
  return tried('decoder', decoder, options, async () => {
    const { width } = decoder;
    (await decoder.prefill(matrixOf(1, width, new Float32Array(width)))).cache.dispose();
  });
}

async function openCheckpoint(path: string, options: ModelOptions): Promise<OrtDecoder> {
  const files = decoderFiles(path);
  requireDevice(options);
  const opened = await files.openWeights();
  try {
    return await openBuilt(opened.architecture, opened.weights, options, () => opened.identify());
  } finally {
    opened.close();
  }
}

/**
 * Opens a decoder of a real shape with random weights, which are made on the way into the graph.
 *
 * @param layers To keep a shape but not its size.
 * @throws {ModelError} If the graph cannot be stored or the device cannot be used.
 */
export async function openSyntheticDecoder(
  shape: SyntheticShape,
  options: ModelOptions,
  layers?: number,
): Promise<OrtDecoder> {
  requireDevice(options);
  const decoder = await openBuilt(syntheticArchitecture(shape, layers), new SyntheticWeights(), options, () =>
    Promise.resolve(syntheticIdentity(shape, layers)),
  );
  return await triedDecoder(decoder, options);
}

/**
 * From an architecture and its weights to a running decoder.
 *
 * @param identify Called when all weights were asked for; hash of the weights and the configuration.
 */
async function openBuilt(
  architecture: DecoderArchitecture,
  weights: WeightSource,
  options: ModelOptions,
  identify: () => Promise<string>,
): Promise<OrtDecoder> {
  const { type, matrices } = precisionOf(options.dtype);
  const { vocabularySize, width, maxPositions } = architecture;
  const readEmbeddings = weights.tensor(embeddingTensor(architecture).name, [vocabularySize, width]);
  const graph = buildDecoderGraph(architecture, weights, type, matrices);
  const identity = await identify();
  const io = builtDecoderIo(architecture, type);
  const caches = io.caches.map(({ present }) => present);
  const session = await createSession(graph, identity, options, caches);
  const embeddings = matrixOf(vocabularySize, width, readEmbeddings());
  const { device, dtype } = options;
  return new OrtDecoder({ session, io, maxPositions, embeddings, identity, device, dtype });
}

/**
 * Opens an encoder. It runs in floating point: in fp16 if that is the dtype, else in fp32.
 *
 * @param dir As for {@link openDecoder}.
 * @param maxTokens Most ids of one input; what the encoder has positions for if absent.
 * @throws {ModelError} As {@link openDecoder}, and if `maxTokens` exceeds those positions.
 */
export async function openEncoder(
  dir: string,
  options: ModelOptions,
  maxTokens?: number,
): Promise<OrtEncoder> {
  const configPath = join(dir, 'config.json');
  const architecture = readEncoderConfig(configPath);
  const room = architecture.maxTokens;
  if (maxTokens !== undefined && maxTokens > room) {
    throw new ModelError(
      `${configPath}: the encoder has positions for ${room} tokens, not for ${maxTokens}`,
      ['lower "maxTokens" of the encoder in bundle.json'],
    );
  }
  const checkpoint = await Checkpoint.openFolder(dir);
  try {
    const embedding = encoderEmbedding(architecture);
    const prefix = findPrefix(checkpoint, embedding.name, embedding.prefixes);
    const weights = new CheckpointWeights(checkpoint, prefix);
    const graph = buildEncoderGraph(architecture, weights, precisionOf(options.dtype).type);
    weights.assertComplete(configPath);
    const label = { mean: 'encoder, mean of last layer', 'last-token': 'encoder, last token of last layer' };
    const files = [configPath, ...checkpoint.files];
    const identity = await identityOf(label[poolingOf(architecture)], files);
    const session = await createSession(graph, identity, options);
    const encoder = new OrtEncoder({ session, architecture, identity, maxTokens: maxTokens ?? room });
    return await tried('encoder', encoder, options, () => encoder.encode([[tokenId(0)]]));
  } finally {
    checkpoint.close();
  }
}

/** @throws {ModelError} If a device has no kernels for a dtype: it would run on the CPU unnoticed. */
function requireDevice({ device, dtype }: ModelOptions): void {
  if (dtype !== 'int8-dynamic' || device === 'cpu') return;
  throw new ModelError(`int8-dynamic runs on the cpu only, not on ${device}`, [
    `its integer products have no kernels on ${device}; use int8 or int4 there, or --device cpu`,
  ]);
}

/**
 * Opens a projector; depth and widths follow from its tensors. It runs in fp32 whatever the dtype.
 *
 * @param path A safetensors file, a PyTorch state dict or a Lightning checkpoint with `linear_1.weight`
 *   and so on, with or without the prefix of LlavaCode's checkpoints.
 * @param expected Depth that the bundle promises, if it does.
 * @throws {ModelError} As {@link openDecoder}, and if the depth is not the expected one.
 */
export async function openProjector(
  path: string,
  options: ModelOptions,
  expected?: ProjectorLayers,
): Promise<OrtProjector> {
  const file = await openTensors(path);
  try {
    const { architecture, prefix } = readProjector(file);
    if (expected !== undefined && architecture.layers !== expected) {
      throw new ModelError(`${path}: has ${architecture.layers} Linear layers, the bundle says ${expected}`, [
        'correct "layers" of the projector in bundle.json, or put the right file there',
      ]);
    }
    const weights = new CheckpointWeights(file, prefix);
    const graph = buildProjectorGraph(architecture, weights);
    weights.assertComplete('the widths of its Linear layers');
    const identity = await identityOf('projector', [path]);
    const session = await createSession(graph, identity, options);
    const projector = new OrtProjector({ session, architecture, identity });
    const { inputWidth } = architecture;
    const vector = matrixOf(1, inputWidth, new Float32Array(inputWidth));
    return await tried('projector', projector, options, () => projector.project(vector));
  } finally {
    file.close();
  }
}

/**
 * Runs a model once on the smallest input, so that a model that opens also works. Some devices find only then that they
 * lack half precision or memory.
 */
async function tried<M extends { dispose(): Promise<void> }>(
  role: string,
  model: M,
  { device, dtype }: ModelOptions,
  run: () => Promise<unknown>,
): Promise<M> {
  try {
    await run();
    return model;
  } catch (error) {
    await model.dispose();
    throw new ModelError(
      `the ${role} does not run on ${device} in ${dtype}: ${messageOf(error)}`,
      dtype === 'fp16' && device !== 'cpu'
        ? ['the device may lack half precision: run in fp32, or on another device']
        : ['the device may lack memory for it: run on another device'],
      { cause: error },
    );
  }
}

/**
 * Checks that a projector takes what the encoder gives and gives what the decoder takes.
 *
 * @param encoder Null where none is in use: then only the decoder's side is checked.
 * @returns The soft tokens it gives for a chunk.
 * @throws {ModelError} With the widths on both sides.
 */
export function checkProjectorFits(
  projector: Pick<ProjectorArchitecture, 'inputWidth' | 'hiddenWidths' | 'outputWidth'>,
  encoder: { readonly width: number } | null,
  decoder: { readonly width: number },
): number {
  const maps = `the projector maps ${projector.inputWidth} -> ${projector.outputWidth}`;
  const hints = [
    'a projector works only with the encoder and the decoder it was trained with',
    'give the right one with --projector, or leave compressed out of --pipelines',
  ];
  const tokensPerChunk = softTokensPerChunk(projector.outputWidth, decoder.width);
  if (tokensPerChunk === null || (tokensPerChunk > 1 && isPublishedShape(projector))) {
    throw new ModelError(
      `${maps} but the decoder is ${decoder.width} wide; it was trained for another decoder`,
      ['k soft tokens a chunk need an output of k times the width of the decoder', ...hints],
    );
  }
  if (encoder !== null && projector.inputWidth !== encoder.width) {
    throw new ModelError(
      `${maps} but the encoder is ${encoder.width} wide; it was trained for another encoder`,
      hints,
    );
  }
  return tokensPerChunk;
}
