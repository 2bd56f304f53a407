/**
 * @file A decoder and a projector of a few lines with exact gradients, for tests of training.
 *
 * The decoder's hidden state is the mean of all embeddings up to a position, and its logits are the products of the
 * hidden state with the embedding table: h_t = (1 / (t + 1)) * sum over s <= t of x_s, logits = W h_t. The projector is
 * one Linear layer.
 */

import { tokenId, type TokenId } from '../../src/domain/units.js';
import { fromHalf, toHalf } from '../../src/onnx/half.js';
import type {
  DifferentiableDecoder,
  DifferentiableProjector,
  FrozenPrefix,
  ParameterValues,
  TrainingSequence,
} from '../../src/inference/differentiable.js';
import { createRng } from '../../src/tensor/rng.js';
import { matrixOf, row, type Matrix } from '../../src/tensor/matrix.js';

/** @param vocabulary V; @param width C. */
export function linearDecoder(vocabulary: number, width: number, seed = 1): DifferentiableDecoder {
  const rng = createRng(seed);
  const embeddings = matrixOf(
    vocabulary,
    width,
    Float32Array.from({ length: vocabulary * width }, () => rng.normal()),
  );
  const embed = (ids: readonly TokenId[]): Matrix => {
    const made = matrixOf(ids.length, width, new Float32Array(ids.length * width));
    for (const [t, id] of ids.entries()) row(made, t).set(row(embeddings, id));
    return made;
  };
  /** Hidden states, [T, C], and how many positions each is the mean of. */
  const hidden = ({
    prefix,
    inputs,
  }: Pick<TrainingSequence, 'prefix' | 'inputs'>): { states: Matrix; past: number } => {
    const sum = new Float64Array(width);
    const past = prefix?.positions ?? 0;
    const kept = prefix === null ? new Float32Array(0) : fromHalf(prefix.layers[0]!.keys);
    for (const [i, value] of kept.entries()) sum[i % width]! += value;
    const states = matrixOf(inputs.rows, width, new Float32Array(inputs.data.length));
    for (let t = 0; t < inputs.rows; t++) {
      for (let c = 0; c < width; c++) {
        sum[c]! += inputs.data[t * width + c]!;
        states.data[t * width + c] = sum[c]! / (past + t + 1);
      }
    }
    return { states, past };
  };
  const logitsOf = (state: Float32Array): Float32Array =>
    Float32Array.from({ length: vocabulary }, (_, v) =>
      row(embeddings, v).reduce((sum, value, c) => sum + value * state[c]!, 0),
    );
  const logSoftmax = (logits: Float32Array): Float64Array => {
    const most = logits.reduce((a, b) => Math.max(a, b));
    const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0)) + most;
    return Float64Array.from(logits, (value) => value - total);
  };
  const asked = ({ targets }: TrainingSequence): (readonly [t: number, id: TokenId])[] =>
    targets.flatMap((id, t) => (id === null ? [] : [[t, id] as const]));
  const nats = (sequence: TrainingSequence): Float64Array => {
    const { states } = hidden(sequence);
    return Float64Array.from(asked(sequence), ([t, id]) => -logSoftmax(logitsOf(row(states, t)))[id]!);
  };
  return {
    identity: `linear-${seed}`,
    ...{ width, vocabularySize: vocabulary, layers: 1, kvHeads: 1, headWidth: width, maxPositions: 10_000 },
    ...{ embed, embeddings },
    prefixOf: (inputs) => {
      const bits = toHalf(inputs.data);
      return Promise.resolve({
        positions: inputs.rows,
        layers: [{ keys: bits, values: bits.slice() }],
      } satisfies FrozenPrefix);
    },
    hiddenStates: (inputs) => Promise.resolve(inputs),
    losses: (sequences) => Promise.resolve(sequences.map((sequence) => ({ nats: nats(sequence) }))),
    logits: (sequence) => {
      const { states } = hidden(sequence);
      const rows = asked(sequence).map(([t]) => logitsOf(row(states, t)));
      return Promise.resolve(
        matrixOf(rows.length, vocabulary, Float32Array.from(rows.flatMap((one) => [...one]))),
      );
    },
    gradients: (sequences, weights) =>
      Promise.resolve(
        sequences.map((sequence, i) => {
          const { states, past } = hidden(sequence);
          const { crossEntropy, teacher } = weights[i]!;
          const gradient = matrixOf(states.rows, width, new Float32Array(states.data.length));
          const divergences: number[] = [];
          for (const [n, [t, id]] of asked(sequence).entries()) {
            const own = logSoftmax(logitsOf(row(states, t)));
            const wanted = teacher === null ? null : logSoftmax(row(teacher.logits, n));
            if (wanted !== null) {
              divergences.push(wanted.reduce((sum, log, v) => sum + Math.exp(log) * (log - own[v]!), 0));
            }
            for (let v = 0; v < vocabulary; v++) {
              const p = Math.exp(own[v]!);
              let slope = crossEntropy * (p - (v === id ? 1 : 0));
              if (wanted !== null) slope += teacher!.divergence * (p - Math.exp(wanted[v]!));
              for (let c = 0; c < width; c++) {
                const atState = (slope * embeddings.data[v * width + c]!) / (past + t + 1);
                // Every position up to t has a part in the mean.
                for (let s = 0; s <= t; s++) gradient.data[s * width + c]! += atState;
              }
            }
          }
          return {
            nats: nats(sequence),
            divergences: teacher === null ? null : Float64Array.from(divergences),
            gradient,
          };
        }),
      ),
    dispose: () => Promise.resolve(),
  };
}

/** One Linear layer, [N, E] -> [N, out]. */
export function linearProjector(inputs: number, outputs: number): DifferentiableProjector {
  const parts = (parameters: ParameterValues): { weight: Float32Array; bias: Float32Array } => ({
    weight: parameters.get('linear_1.weight')!,
    bias: parameters.get('linear_1.bias')!,
  });
  return {
    shapes: new Map([
      ['linear_1.weight', [outputs, inputs]],
      ['linear_1.bias', [outputs]],
    ]),
    forward(parameters, vectors) {
      const { weight, bias } = parts(parameters);
      const made = matrixOf(vectors.rows, outputs, new Float32Array(vectors.rows * outputs));
      for (let n = 0; n < vectors.rows; n++) {
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o]!;
          for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i]! * vectors.data[n * inputs + i]!;
          made.data[n * outputs + o] = sum;
        }
      }
      return Promise.resolve(made);
    },
    backward(_, vectors, { data }) {
      const weight = new Float32Array(outputs * inputs);
      const bias = new Float32Array(outputs);
      for (let n = 0; n < vectors.rows; n++) {
        for (let o = 0; o < outputs; o++) {
          bias[o]! += data[n * outputs + o]!;
          for (let i = 0; i < inputs; i++) {
            weight[o * inputs + i]! += data[n * outputs + o]! * vectors.data[n * inputs + i]!;
          }
        }
      }
      return Promise.resolve(
        new Map([
          ['linear_1.weight', weight],
          ['linear_1.bias', bias],
        ]),
      );
    },
    dispose: () => Promise.resolve(),
  };
}

/** Ids from a seed. */
export function randomIds(count: number, vocabulary: number, seed: number): TokenId[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => tokenId(rng.int(vocabulary)));
}
