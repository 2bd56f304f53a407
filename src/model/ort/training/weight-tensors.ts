/**
 * @file Weights as tensors that graphs are fed: each is in memory once, in the checkpoint's own layout.
 */

import { Tensor, type InferenceSession } from '../runtime.js';

import { concatenate, type WeightSource } from '../../../onnx/weights.js';
import type { WeightInput } from '../../../onnx/training/weight-inputs.js';

/** Asks a source for tensors now, and reads them later: a source reports missing ones together in between. */
export class WeightTensors {
  readonly #source: WeightSource;
  readonly #tensors = new Map<string, Tensor>();
  readonly #pending = new Map<string, () => Tensor>();

  constructor(source: WeightSource) {
    this.#source = source;
  }

  /** Asks for the weights of a graph. Several graphs may ask for the same. */
  ask(weights: readonly WeightInput[]): void {
    for (const weight of weights) {
      const key = keyOf(weight);
      if (this.#pending.has(key)) continue;
      const readers = weight.parts.map(({ name, shape }) => this.#source.tensor(name, shape));
      this.#pending.set(key, () => {
        const [first, ...rest] = readers.map((read) => read());
        const data = rest.length === 0 ? first! : concatenate(first!, ...rest);
        return new Tensor('float32', data, weight.shape);
      });
    }
  }

  /** A tensor that is in memory already and that graphs are to be fed under the name of the checkpoint. */
  put(name: string, data: Float32Array, shape: readonly number[]): void {
    const tensor = new Tensor('float32', data, shape);
    this.#pending.set(name, () => tensor);
  }

  /** Reads all that was asked for. The source may be closed afterwards. */
  read(): void {
    for (const [key, read] of this.#pending) this.#tensors.set(key, read());
    this.#pending.clear();
  }

  /** The weights of a graph, under the names by which it is fed. */
  feeds(weights: readonly WeightInput[]): InferenceSession.FeedsType {
    return Object.fromEntries(
      weights.map((weight) => {
        const tensor = this.#tensors.get(keyOf(weight));
        if (tensor === undefined) throw new Error(`nobody asked for the weight ${keyOf(weight)}`);
        return [weight.input, tensor];
      }),
    );
  }
}

const keyOf = ({ parts }: WeightInput): string => parts.map(({ name }) => name).join('+');
