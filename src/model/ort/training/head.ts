/**
 * @file The end of a decoder: what targets cost, and the gradient at the hidden rows that they are read from.
 *
 * Flow: hidden rows at targets -> **a few rows at a time: logits, cross entropy, divergence** -> nats, gradient.
 * Logits are as wide as the vocabulary: 110 rows of 152,000 are 67 MB, and the gradient needs some six such arrays.
 *
 * Shape letters: N rows, C width, V vocabulary.
 */

import { Tensor, type InferenceSession } from '../runtime.js';

import type { DecoderArchitecture } from '../../../onnx/decoder-graph.js';
import { buildHeadGraph, HEAD_IO, HEAD_ROLES, type HeadRole } from '../../../onnx/training/head-graph.js';
import type { WeightInput } from '../../../onnx/training/weight-inputs.js';
import { runSession } from '../run-session.js';
import { createSession, floatOutput, type ModelOptions } from '../session.js';
import type { WeightTensors } from './weight-tensors.js';

/** Numbers of one array of logits, 64 MiB in fp32. */
const MOST_LOGITS = 1 << 24;

/** A row that has a target. */
export interface TargetRow {
  /** Its hidden vector behind the last layer, [C]. */
  readonly hidden: Float32Array;
  readonly target: number;
}

/** A row whose loss is differentiated: `crossEntropy` * nats + `divergence` * divergence. */
export interface WeighedRow extends TargetRow {
  readonly crossEntropy: number;
  /** The teacher's logits, [V]; null where there is no teacher. */
  readonly teacher: { readonly divergence: number; readonly logits: Float32Array } | null;
}

export interface RowGradient {
  readonly nats: number;
  readonly divergence: number | null;
  /** [C]. */
  readonly gradient: Float32Array;
}

interface Role {
  readonly session: InferenceSession;
  readonly weights: readonly WeightInput[];
}

export class DecoderHead {
  readonly #width: number;
  readonly #vocabulary: number;
  readonly #tensors: WeightTensors;
  readonly #roles: ReadonlyMap<HeadRole, Role>;

  private constructor(
    { width, vocabularySize }: DecoderArchitecture,
    tensors: WeightTensors,
    roles: ReadonlyMap<HeadRole, Role>,
  ) {
    this.#width = width;
    this.#vocabulary = vocabularySize;
    this.#tensors = tensors;
    this.#roles = roles;
  }

  /**
   * Builds the graphs and asks for their weights, which must be read before the first run.
   *
   * @throws {ModelError} If the runtime cannot load them.
   */
  static async open(
    architecture: DecoderArchitecture,
    tensors: WeightTensors,
    options: ModelOptions,
  ): Promise<DecoderHead> {
    const roles = new Map<HeadRole, Role>();
    for (const role of HEAD_ROLES) {
      const { graph, weights } = buildHeadGraph(architecture, role);
      tensors.ask(weights);
      roles.set(role, { session: await createSession(graph, role, options), weights });
    }
    return new DecoderHead(architecture, tensors, roles);
  }

  /** Logits of each row, N arrays [V]. */
  async logits(rows: readonly Pick<TargetRow, 'hidden'>[]): Promise<Float32Array[]> {
    return this.#inPieces(rows, async (piece) => {
      const logits = floatOutput(await this.#run('logits', piece, {}), HEAD_IO.logits);
      return piece.map((_, i) => logits.subarray(i * this.#vocabulary, (i + 1) * this.#vocabulary));
    });
  }

  /** Cross entropy of each target, in nats. */
  async losses(rows: readonly TargetRow[]): Promise<number[]> {
    return this.#inPieces(rows, async (piece) => {
      const results = await this.#run('losses', piece, { [HEAD_IO.targets]: targetsOf(piece) });
      return [...floatOutput(results, HEAD_IO.nats)];
    });
  }

  /** Losses and gradients. All rows have a teacher, or none has. */
  async gradients(rows: readonly WeighedRow[]): Promise<RowGradient[]> {
    const [first] = rows;
    if (first === undefined) return [];
    const hasTeacher = first.teacher !== null;
    return this.#inPieces(rows, async (piece) => {
      const feeds = {
        [HEAD_IO.targets]: targetsOf(piece),
        [HEAD_IO.natsGradient]: column(piece.map(({ crossEntropy }) => crossEntropy)),
        ...(hasTeacher ? this.#teacherFeeds(piece) : {}),
      };
      const results = await this.#run(hasTeacher ? 'gradients-with-teacher' : 'gradients', piece, feeds);
      const nats = floatOutput(results, HEAD_IO.nats);
      const divergences = hasTeacher ? floatOutput(results, HEAD_IO.divergences) : null;
      const gradients = floatOutput(results, HEAD_IO.rowsGradient);
      return piece.map((_, i) => ({
        nats: nats[i]!,
        divergence: divergences === null ? null : divergences[i]!,
        gradient: gradients.subarray(i * this.#width, (i + 1) * this.#width),
      }));
    });
  }

  async dispose(): Promise<void> {
    for (const { session } of this.#roles.values()) await session.release();
  }

  #teacherFeeds(piece: readonly WeighedRow[]): InferenceSession.FeedsType {
    const V = this.#vocabulary;
    const logits = new Float32Array(piece.length * V);
    for (const [i, { teacher }] of piece.entries()) logits.set(teacher!.logits, i * V);
    return {
      [HEAD_IO.teacher]: new Tensor('float32', logits, [piece.length, V]),
      [HEAD_IO.divergencesGradient]: column(piece.map(({ teacher }) => teacher!.divergence)),
    };
  }

  async #inPieces<T, R>(rows: readonly T[], run: (piece: readonly T[]) => Promise<R[]>): Promise<R[]> {
    const step = Math.max(1, Math.floor(MOST_LOGITS / this.#vocabulary));
    const results: R[] = [];
    for (let from = 0; from < rows.length; from += step) {
      results.push(...(await run(rows.slice(from, from + step))));
    }
    return results;
  }

  #run(
    name: HeadRole,
    piece: readonly Pick<TargetRow, 'hidden'>[],
    feeds: InferenceSession.FeedsType,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const { session, weights } = this.#roles.get(name)!;
    const hidden = new Float32Array(piece.length * this.#width);
    for (const [i, row] of piece.entries()) hidden.set(row.hidden, i * this.#width);
    return runSession(session, {
      ...feeds,
      ...this.#tensors.feeds(weights),
      [HEAD_IO.rows]: new Tensor('float32', hidden, [piece.length, this.#width]),
    });
  }
}

function targetsOf(rows: readonly TargetRow[]): Tensor {
  const ids = BigInt64Array.from(rows, ({ target }) => BigInt(target));
  return new Tensor('int64', ids, [rows.length, 1]);
}

function column(numbers: readonly number[]): Tensor {
  return new Tensor('float32', Float32Array.from(numbers), [numbers.length, 1]);
}
