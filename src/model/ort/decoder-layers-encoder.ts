/**
 * @file An encoder that is the beginning of the decoder: no second model is on disk.
 *
 * The vector of a chunk is the mean, over its positions, of what the first N layers of the decoder make of it, less the
 * mean over the training chunks. With N = 0 nothing runs: it is the mean of the token embeddings, weighted by inverse
 * document frequency. With layers the first position is left out of the mean if there are others: decoders of this kind
 * use it as a place to attend to where there is nothing to attend to, so that it says little about the text.
 *
 * Chunks are run one by one, so a vector depends on nothing but its chunk.
 *
 * Shape letters: T positions, C width of the decoder and of the vectors.
 */

import { createHash } from 'node:crypto';

import { ModelError } from '../../domain/errors.js';
import type { TokenId } from '../../domain/units.js';
import type { Encoder } from '../../inference/encoder.js';
import { buildDecoderLayersGraph, LAYERS_IO } from '../../onnx/decoder-layers-graph.js';
import { matrixOf, row, type Matrix } from '../../tensor/matrix.js';
import { decoderFiles } from '../decoder-files.js';
import { isExport } from '../folder/export-files.js';
import type { EncoderStatistics } from '../weights/encoder-statistics.js';
import { runSession } from './run-session.js';
import { Tensor, type InferenceSession } from './runtime.js';
import { createSession, floatOutput, type ModelOptions } from './session.js';

/** The decoder whose beginning it is. */
export interface BeginningOf {
  readonly identity: string;
  readonly width: number;
  readonly vocabularySize: number;
  readonly maxPositions: number;
  embed(ids: readonly TokenId[]): Matrix;
}

export class DecoderLayersEncoder implements Encoder {
  readonly identity: string;
  readonly width: number;
  readonly maxTokens: number;
  readonly #decoder: BeginningOf;
  readonly #statistics: EncoderStatistics;
  /** Null without layers. */
  readonly #session: InferenceSession | null;

  private constructor(
    decoder: BeginningOf,
    layers: number,
    statistics: EncoderStatistics,
    session: InferenceSession | null,
  ) {
    const hash = createHash('sha256').update(`decoder layers ${layers}\n${decoder.identity}\n`);
    for (const values of [statistics.mean, statistics.idf]) if (values !== null) hash.update(values);
    this.identity = hash.digest('hex');
    this.width = decoder.width;
    this.maxTokens = decoder.maxPositions;
    this.#decoder = decoder;
    this.#statistics = statistics;
    this.#session = session;
  }

  /**
   * Opens the first layers.
   *
   * @param path Of the decoder's files.
   * @throws {ModelError} If the decoder has fewer layers, or is an export, which cannot be cut.
   */
  static async open(
    decoder: BeginningOf,
    path: string,
    layers: number,
    statistics: EncoderStatistics,
    options: ModelOptions,
  ): Promise<DecoderLayersEncoder> {
    const session = layers === 0 ? null : await openLayers(path, layers, options);
    return new DecoderLayersEncoder(decoder, layers, statistics, session);
  }

  async encode(inputs: readonly (readonly TokenId[])[]): Promise<Matrix> {
    const made = matrixOf(inputs.length, this.width, new Float32Array(inputs.length * this.width));
    for (const [i, ids] of inputs.entries()) {
      if (ids.length > this.maxTokens) {
        throw new RangeError(`input ${i} has ${ids.length} tokens; the encoder takes ${this.maxTokens}`);
      }
      if (ids.length > 0) row(made, i).set(await this.#vector(ids));
    }
    return made;
  }

  async dispose(): Promise<void> {
    await this.#session?.release();
  }

  async #vector(ids: readonly TokenId[]): Promise<Float32Array> {
    const embedded = this.#decoder.embed(ids);
    const states = this.#session === null ? embedded : await this.#run(this.#session, embedded);
    const { mean, idf } = this.#statistics;
    const isSkipped = (t: number): boolean => this.#session !== null && t === 0 && ids.length > 1;
    const sum = new Float64Array(this.width);
    let total = 0;
    for (const [t, id] of ids.entries()) {
      const weight = isSkipped(t) ? 0 : idf === null ? 1 : idf[id]!;
      total += weight;
      const state = row(states, t);
      for (let c = 0; c < sum.length; c++) sum[c]! += weight * state[c]!;
    }
    // Tokens that stand in every chunk have the weight 0; a chunk of nothing else has the mean vector.
    if (total === 0) return new Float32Array(this.width);
    return Float32Array.from(sum, (value, c) => value / total - mean[c]!);
  }

  async #run(session: InferenceSession, { rows: T, cols: C, data }: Matrix): Promise<Matrix> {
    const results = await runSession(session, {
      [LAYERS_IO.embeddings]: new Tensor('float32', data, [1, T, C]),
      [LAYERS_IO.lastKey]: new Tensor('int32', Int32Array.of(T - 1), [1]),
      [LAYERS_IO.totalKeys]: new Tensor('int32', Int32Array.of(T), []),
    });
    return matrixOf(T, C, floatOutput(results, LAYERS_IO.states));
  }
}

async function openLayers(path: string, layers: number, options: ModelOptions): Promise<InferenceSession> {
  if (isExport(path)) {
    throw new ModelError(`${path}: an ONNX export cannot be cut to its first ${layers} layers`, [
      'give the decoder as weights, or an encoder of its own',
    ]);
  }
  const opened = await decoderFiles(path).openWeights();
  try {
    if (layers > opened.architecture.layers) {
      throw new ModelError(`${path}: has ${opened.architecture.layers} layers, not ${layers}`, [
        'decoder-layers:N takes at most as many layers as the decoder has',
      ]);
    }
    const graph = buildDecoderLayersGraph(opened.architecture, opened.weights, layers);
    const identity = await opened.identify();
    return await createSession(graph, `${identity} layers ${layers}`, options);
  } finally {
    opened.close();
  }
}
