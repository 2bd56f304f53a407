/**
 * @file What stays the same through a training: models, data, and how prompts are put together.
 *
 * Shape letters: N vectors, E encoder width, k soft tokens a chunk, C decoder width, c constant vectors.
 */

import type { TokenId } from '../../domain/units.js';
import type {
  DifferentiableDecoder,
  DifferentiableProjector,
  ParameterValues,
} from '../../inference/differentiable.js';
import type { Tokenizer } from '../../inference/tokenizer.js';
import { matrixOf, type Matrix } from '../../tensor/matrix.js';
import type { PromptShape, TrainingData, TrainingSample } from '../samples/sample.js';
import { placeSequence, type PlacedSequence, type ShownVectors } from '../samples/sequences.js';
import type { PrefixStore } from '../store/prefix-store.js';

/** The name of the constant prompt among the parameters, [c, C]. */
export const CONSTANTS = 'soft_prompt';

export interface TrainingWorld {
  readonly decoder: DifferentiableDecoder;
  readonly projector: DifferentiableProjector;
  readonly data: TrainingData;
  readonly shape: PromptShape;
  readonly prefixes: PrefixStore;
  /** Whether training samples are seen often enough that their prefixes are worth keeping. */
  readonly keepsTrainingPrefixes: boolean;
  /** k. */
  readonly tokensPerChunk: number;
  readonly seed: number;
  /** Put around the soft tokens of a chunk that is to be written out: begin and markers, then the middle marker. */
  readonly bare: { readonly before: readonly TokenId[]; readonly after: readonly TokenId[] };
  /** What rewards read completions with. */
  readonly completions: {
    readonly tokenizer: Pick<Tokenizer, 'decode'>;
    readonly stop: ReadonlySet<TokenId>;
  };
}

/** The constants among the parameters, [c, C]; null where the recipe has none. */
export function constantsOf(parameters: ParameterValues, width: number): Matrix | null {
  const values = parameters.get(CONSTANTS);
  return values === undefined ? null : matrixOf(values.length / width, width, values);
}

/** The parameters of the projector alone. */
export function projectorOf(parameters: ParameterValues): ParameterValues {
  return new Map([...parameters].filter(([name]) => name !== CONSTANTS));
}

/** The sequence of a hole with the given vectors before its middle marker, or before its code. */
export async function holeSequence(
  world: TrainingWorld,
  { before, after, target }: Pick<TrainingSample, 'before' | 'after' | 'target'>,
  vectors: ShownVectors,
  keepsPrefix: boolean,
): Promise<PlacedSequence> {
  const { decoder, shape, prefixes } = world;
  const prefix = shape.keepsPrefix && before.length > 0 ? await prefixes.of(before, keepsPrefix) : null;
  return placeSequence({ ...vectors, prefix, before, after, target }, shape, decoder);
}

/** The sequence in which the decoder writes the first ids of a chunk out of its soft tokens. Constants have no part in it. */
export function chunkSequence(
  { decoder, shape, data, bare }: TrainingWorld,
  chunk: number,
  soft: Matrix,
  tokens: number,
): PlacedSequence {
  const target = data.chunks.ids[chunk]!.slice(0, tokens);
  return placeSequence({ ...bare, prefix: null, target, soft, constants: null }, shape, decoder);
}

/** Mean of the nats of a sequence: nats a token. */
export function perToken({ nats }: { readonly nats: Float64Array }): number {
  return nats.reduce((sum, value) => sum + value, 0) / nats.length;
}
