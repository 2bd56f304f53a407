/**
 * @file Small stand-ins for models, exact and instant, for tests of everything around them.
 */

import type {
  ContinuationScorer,
  Decoder,
  DecoderStep,
  DecoderWire,
  KvCache,
  SharedStartRunner,
} from '../../src/inference/decoder.js';
import type { Encoder } from '../../src/inference/encoder.js';
import type { Projector } from '../../src/inference/projector.js';
import { tokenId, type TokenId } from '../../src/domain/units.js';
import type { CompletionTask } from '../../src/domain/task.js';
import { taskId } from '../../src/domain/task.js';
import { matrixOf, type Matrix } from '../../src/tensor/matrix.js';
import { promptFormat, type DecoderFacts } from '../../src/prompt/fim.js';
import type { Tokenizer } from '../../src/inference/tokenizer.js';

export const FAKE_CONTROLS = [
  '<|endoftext|>',
  '<|fim_prefix|>',
  '<|fim_middle|>',
  '<|fim_suffix|>',
  '<s>',
  '</s>',
  '<encoder-only>',
] as const;

/** One token a UTF-16 unit: id = 100 + unit; controls are 0, 1, 2, ... in the order above. */
export const fakeTokenizer: Tokenizer = {
  identity: 'fake-tokenizer',
  vocabularySize: 100 + 0x10000,
  specials: { before: [], after: [] },
  startsWithBlank: false,
  decodesPiecewise: true,
  encode: (text) => Array.from({ length: text.length }, (_, i) => tokenId(100 + text.charCodeAt(i))),
  canCut: () => true,
  decode: (ids) => String.fromCharCode(...ids.filter((id) => id >= 100).map((id) => id - 100)),
  controlToken: (name) => {
    const at = FAKE_CONTROLS.findIndex((control) => control === name);
    return at === -1 ? undefined : tokenId(at);
  },
};

export const fakeFacts: DecoderFacts = {
  modelType: 'qwen2',
  vocabularySize: fakeTokenizer.vocabularySize,
  endIds: [],
};
export const fakeFormat = promptFormat('qwen2.5-coder', fakeTokenizer, fakeFacts);

/**
 * A decoder of width 2 whose rows are [id, 1] and which answers every prompt with `answer`, then the end.
 * It keeps what it was given.
 */
export class FakeDecoder implements Decoder {
  readonly identity = 'fake-decoder';
  readonly device = 'cpu';
  readonly dtype = 'fp32';
  readonly width = 2;
  readonly vocabularySize = fakeTokenizer.vocabularySize;
  readonly maxPositions: number;
  readonly scorer: ContinuationScorer | null = null;
  readonly sharedStarts: SharedStartRunner | null = null;
  readonly concurrent: boolean = false;
  readonly wire: DecoderWire | null = null;
  readonly prompts: Matrix[] = [];
  openCaches = 0;
  readonly #answer: readonly TokenId[];

  constructor(answer: string, maxPositions = 100_000) {
    this.#answer = [...fakeTokenizer.encode(answer), tokenId(0)];
    this.maxPositions = maxPositions;
  }

  embed(ids: readonly TokenId[]): Matrix {
    return matrixOf(ids.length, 2, Float32Array.from(ids.flatMap((id) => [id, 1])));
  }

  prefill(inputs: Matrix): Promise<DecoderStep> {
    this.prompts.push(inputs);
    return Promise.resolve(this.#step(0, inputs.rows));
  }

  decode(_token: TokenId, cache: KvCache): Promise<DecoderStep> {
    const index = (cache as KvCache & { index: number }).index + 1;
    cache.dispose();
    return Promise.resolve(this.#step(index, cache.length + 1));
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #step(index: number, length: number): DecoderStep {
    this.openCaches++;
    let isOpen = true;
    const cache: KvCache & { index: number } = {
      length,
      index,
      dispose: () => {
        if (isOpen) this.openCaches--;
        isOpen = false;
      },
    };
    return { token: this.#answer[index] ?? tokenId(0), logits: new Float32Array(1), cache };
  }
}

/** Vectors of width 3: [number of ids, first id, 1]. */
export const fakeEncoder: Encoder = {
  identity: 'fake-encoder',
  width: 3,
  maxTokens: 64,
  encode: (inputs) =>
    Promise.resolve(
      matrixOf(
        inputs.length,
        3,
        Float32Array.from(inputs.flatMap((ids) => [ids.length, ids[0] ?? 0, ids.length === 0 ? 0 : 1])),
      ),
    ),
  dispose: () => Promise.resolve(),
};

/** Drops the third number of each vector. */
export const fakeProjector: Projector = {
  identity: 'fake-projector',
  layers: 3,
  inputWidth: 3,
  hiddenWidths: [4, 4],
  outputWidth: 2,
  project: (vectors) =>
    Promise.resolve(
      matrixOf(
        vectors.rows,
        2,
        Float32Array.from(
          { length: vectors.rows * 2 },
          (_, i) => vectors.data[Math.floor(i / 2) * 3 + (i % 2)]!,
        ),
      ),
    ),
  dispose: () => Promise.resolve(),
};

/**
 * k soft tokens of width 2 a vector: soft token j of a vector is [first number, 100 j + second number].
 *
 * @param k Soft tokens a chunk.
 */
export function wideProjector(k: number): Projector {
  return {
    ...fakeProjector,
    identity: `wide-projector-${k}`,
    outputWidth: 2 * k,
    project: ({ rows, data }) =>
      Promise.resolve(
        matrixOf(
          rows,
          2 * k,
          Float32Array.from({ length: rows * 2 * k }, (_, i) => {
            const [vector, at] = [Math.floor(i / (2 * k)), i % (2 * k)];
            return data[vector * 3 + (at % 2)]! + (at % 2 === 1 ? 100 * Math.floor(at / 2) : 0);
          }),
        ),
      ),
  };
}

/** A task in repository `r`, file `main.ts`, with the given texts. */
export function fakeTask(id: string, prefix: string, reference: string, suffix: string): CompletionTask {
  return {
    id: taskId(id),
    repository: 'r',
    path: 'main.ts',
    language: 'typescript',
    prefix,
    reference,
    suffix,
    crossFile: null,
  };
}

/** A clock that moves on by one millisecond with every look. */
export function tickingClock(): () => number {
  let now = 0;
  return () => now++;
}
