/**
 * @file The layers of a decoder, one at a time, forward and backward.
 *
 * Flow: packed batch -> **layer after layer** -> hidden rows; gradient there -> **backwards** -> gradient at the inputs.
 * Memory at any time: the weights once; on the way back, of each layer the rows that entered it and the results of its
 * products but the last, L R (2 C + (H + 2 K) D + 2 F) numbers, or F with an ungated network; and what one layer
 * computes in between. R is at most 512, or the length of one sequence (`packed-batch.ts`).
 *
 * Shape letters: R rows, C width, L layers, S past positions, T new positions, H query heads, K key/value heads, D head
 * width, F feed-forward width.
 */

import { Tensor, type InferenceSession } from '../runtime.js';

import type { CausalArchitecture } from '../../../onnx/causal-layers.js';
import { ropeAt } from '../../../onnx/rotary.js';
import { buildLayerGraphs, LAYER_IO } from '../../../onnx/training/layer-graph.js';
import type { WeightInput } from '../../../onnx/training/weight-inputs.js';
import { runSession } from '../run-session.js';
import { createSession, floatOutput, type ModelOptions } from '../session.js';
import { pastOf, type PackedBatch } from './packed-batch.js';
import type { WeightTensors } from './weight-tensors.js';

/** Keys and values of the new positions of one layer, [B, K, T, D]. */
export type OnPresent = (layer: number, keys: Float32Array, values: Float32Array) => void;

/** What the way back needs of a layer: the rows that entered it, and results of its products. */
export interface LayerTrace {
  /** [R, C]. */
  readonly rows: Float32Array;
  readonly kept: InferenceSession.FeedsType;
}

interface Direction {
  readonly session: InferenceSession;
  /** The weights of each layer. */
  readonly weights: readonly (readonly WeightInput[])[];
}

/** All layers of one decoder. */
export class DecoderLayers {
  readonly #architecture: CausalArchitecture;
  readonly #tensors: WeightTensors;
  readonly #forward: Direction;
  readonly #backward: Direction;

  readonly #kept: readonly string[];

  private constructor(
    architecture: CausalArchitecture,
    tensors: WeightTensors,
    forward: Direction,
    backward: Direction,
    kept: readonly string[],
  ) {
    this.#architecture = architecture;
    this.#tensors = tensors;
    this.#forward = forward;
    this.#backward = backward;
    this.#kept = kept;
  }

  /**
   * Builds the two graphs and asks for the weights of all layers; they must be read before the first run.
   *
   * @throws {ModelError} If the runtime cannot load the graphs.
   */
  static async open(
    architecture: CausalArchitecture,
    tensors: WeightTensors,
    options: ModelOptions,
  ): Promise<DecoderLayers> {
    const graphs = Array.from({ length: architecture.layers }, (_, layer) =>
      buildLayerGraphs(architecture, layer),
    );
    const direction = async (role: 'forward' | 'backward'): Promise<Direction> => {
      const weights = graphs.map((layer) => layer[role].weights);
      for (const inputs of weights) tensors.ask(inputs);
      return { session: await createSession(graphs[0]![role].graph, role, options), weights };
    };
    const [forward, backward] = [await direction('forward'), await direction('backward')];
    return new DecoderLayers(architecture, tensors, forward, backward, graphs[0]!.kept);
  }

  /**
   * Runs the first layers.
   *
   * @param rows What enters the first layer, [R, C].
   * @param count How many layers.
   * @returns What the last of them gave, [R, C].
   */
  async forward(
    batch: PackedBatch,
    rows: Float32Array,
    count: number,
    watch: {
      /** Told the new keys and values of each layer. */
      readonly onPresent?: OnPresent;
      /** Gets what {@link backward} needs, layer after layer. */
      readonly trace?: LayerTrace[];
    } = {},
  ): Promise<Float32Array> {
    const { onPresent, trace } = watch;
    const shared = this.#sharedFeeds(batch);
    const { result, keys, values } = LAYER_IO;
    const wanted = [
      result,
      ...(onPresent === undefined ? [] : [keys, values]),
      ...(trace === undefined ? [] : this.#kept),
    ];
    let at = rows;
    for (let layer = 0; layer < count; layer++) {
      const feeds = this.#feeds(this.#forward, batch, layer, at, shared);
      const results = await runSession(this.#forward.session, feeds, wanted);
      onPresent?.(layer, floatOutput(results, keys), floatOutput(results, values));
      trace?.push({ rows: at, kept: Object.fromEntries(this.#kept.map((name) => [name, results[name]!])) });
      at = floatOutput(results, result);
    }
    return at;
  }

  /**
   * Passes a gradient back through all layers, and empties their traces on the way.
   *
   * @param trace As {@link forward} filled it.
   * @param gradient At what the last layer gave, [R, C].
   * @returns The gradient at what entered the first layer, [R, C].
   */
  async backward(batch: PackedBatch, trace: LayerTrace[], gradient: Float32Array): Promise<Float32Array> {
    const shared = this.#sharedFeeds(batch);
    let at = gradient;
    for (let own = trace.pop(); own !== undefined; own = trace.pop()) {
      const feeds = {
        ...this.#feeds(this.#backward, batch, trace.length, own.rows, shared),
        ...own.kept,
        [LAYER_IO.resultGradient]: this.#rows(batch, at),
      };
      at = floatOutput(await runSession(this.#backward.session, feeds), LAYER_IO.rowsGradient);
    }
    return at;
  }

  async dispose(): Promise<void> {
    await this.#forward.session.release();
    await this.#backward.session.release();
  }

  #rows({ rows }: PackedBatch, data: Float32Array): Tensor {
    return new Tensor('float32', data, [rows, this.#architecture.width]);
  }

  /** What is the same for all layers. */
  #sharedFeeds(batch: PackedBatch): InferenceSession.FeedsType {
    const { heads, kvHeads, headWidth: D, rope } = this.#architecture;
    const { sequences, rows, fresh, past } = batch;
    const B = sequences.length;
    const turned = (of: (angle: number) => number): Tensor =>
      new Tensor('float32', ropeAt(batch.positions, D, rope!, of), [rows, 1, D / 2]);
    return {
      ...(rope === null ? {} : { [LAYER_IO.cos]: turned(Math.cos), [LAYER_IO.sin]: turned(Math.sin) }),
      [LAYER_IO.slots]: new Tensor('int64', batch.slots, [B, fresh]),
      [LAYER_IO.places]: new Tensor('int64', batch.places, [rows]),
      [LAYER_IO.mask]: new Tensor('float32', batch.mask, [B, 1, (heads / kvHeads) * fresh, past + fresh]),
    };
  }

  #feeds(
    { weights }: Direction,
    batch: PackedBatch,
    layer: number,
    rows: Float32Array,
    shared: InferenceSession.FeedsType,
  ): InferenceSession.FeedsType {
    const { kvHeads, headWidth } = this.#architecture;
    const past = (of: 'keys' | 'values'): Tensor => {
      const shape = [batch.sequences.length, kvHeads, batch.past, headWidth];
      return new Tensor('float16', pastOf(batch, layer, of, this.#architecture), shape);
    };
    return {
      ...shared,
      ...this.#tensors.feeds(weights[layer]!),
      [LAYER_IO.rows]: this.#rows(batch, rows),
      [LAYER_IO.pastKeys]: past('keys'),
      [LAYER_IO.pastValues]: past('values'),
    };
  }
}
