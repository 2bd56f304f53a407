/**
 * @file How smooth is the space of soft tokens? The soft tokens of a task's prompt are moved, and two things are looked
 * at: how likely the decoder finds the true completion, and whether it writes another one.
 *
 * Nothing else of the prompt changes. The reading of a task is a baseline prompt and one prompt for each perturbation.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import type { StopRules } from '../generation/generate.js';
import { referenceOf, type Reference } from '../generation/reference.js';
import { textStream } from '../generation/text-stream.js';
import { editSimilarity } from '../metrics/edit-similarity.js';
import type { MetricProfile } from '../metrics/profile.js';
import type { Compressor } from '../pipelines/compressor.js';
import { compressedPipeline } from '../pipelines/compressed.js';
import { randomUnitVectors } from '../pipelines/compressed-random.js';
import { measureLikelihood } from '../run/likelihood.js';
import { stackRows, type Matrix } from '../tensor/matrix.js';
import { pooledSoftTokens, type ChunkPool, type OtherChunks } from './chunk-pool.js';
import { afterPrompt, continued, orNull, shownPrompt, type ProbedDecoder } from './decoder-parts.js';
import { PERTURBATIONS, perturbed, type Disturbance } from './perturbations.js';

/** What a task's prompt came to with some soft tokens. */
export interface SmoothnessReading {
  /** Of the true completion, a token; null where it was not measured. */
  readonly nats: number | null;
  /** The part of the completion that a metric compares. */
  readonly completion: string;
  /** ES of that part to the one behind unchanged soft tokens, a fraction; 1 if both are empty. */
  readonly similarity: number;
}

/** The readings of one task. */
export interface SmoothnessTask {
  readonly taskId: string;
  readonly repository: string;
  /** Of the prompt. */
  readonly softTokens: number;
  readonly unchanged: Omit<SmoothnessReading, 'similarity'>;
  /** One for each of `PERTURBATIONS`, in their order. */
  readonly perturbed: readonly SmoothnessReading[];
}

/** What all tasks are read with. */
export interface SmoothnessParts extends ProbedDecoder {
  readonly compressor: Compressor;
  readonly pool: ChunkPool;
  readonly others: OtherChunks;
  /** m of `perturbations.ts`. */
  readonly meanNorm: number;
  readonly metrics: MetricProfile;
  readonly maxNewTokens: number;
  readonly seed: number;
}

/** Why a task has no readings. */
export type Unread = 'no-chunks' | 'prompt-too-long' | 'no-other-chunk';

/**
 * Reads one task.
 *
 * @param chunks Best first.
 * @param onRead Told of each prompt that was read.
 */
export async function readSmoothness(
  task: CompletionTask,
  chunks: readonly RetrievedChunk[],
  parts: SmoothnessParts,
  onRead: () => void,
): Promise<SmoothnessTask | Unread> {
  if (chunks.length === 0) return 'no-chunks';
  const { decoder, maxNewTokens } = parts;
  const { prompt, soft } = await compressedPipeline({
    setting: parts.setting,
    compressor: () => parts.compressor,
  }).prepare(task, chunks);
  if (soft === null) throw new RangeError('a compressed prompt has soft tokens');
  const positions = shownPrompt(prompt, soft, parts).prompt.ids.length + maxNewTokens;
  if (positions > decoder.maxPositions) return 'prompt-too-long';
  const disturbance = disturbanceOf(task, chunks, soft, parts);
  if (disturbance === null) return 'no-other-chunk';

  const reference = trueCompletion(task, parts);
  const read = async (vectors: Matrix): Promise<Omit<SmoothnessReading, 'similarity'>> => {
    const reading = await afterPrompt(shownPrompt(prompt, vectors, parts), parts, async (step) => {
      // In this order: completing consumes the cache.
      const scored = await orNull(measureLikelihood(parts, reference, step));
      const tokens = await continued(step, parts, stopRules(task, parts));
      return {
        nats: scored === null ? null : scored.referenceNats / scored.referenceTokens,
        completion: parts.metrics.compared(parts.setting.tokenizer.decode(tokens), task),
      };
    });
    onRead();
    return reading;
  };
  const unchanged = await read(soft);
  const readings: SmoothnessReading[] = [];
  for (const by of PERTURBATIONS) {
    const reading = await read(perturbed(soft, by, disturbance));
    const similarity = editSimilarity(reading.completion, unchanged.completion) ?? 1;
    readings.push({ ...reading, similarity });
  }
  const { id, repository } = task;
  return { taskId: id, repository, softTokens: soft.rows, unchanged, perturbed: readings };
}

/** What the soft tokens of a task are moved by: drawn from the seed, the task and the place alone. */
function disturbanceOf(
  { id, repository, language }: CompletionTask,
  chunks: readonly RetrievedChunk[],
  soft: Matrix,
  { others, pool, seed, meanNorm }: SmoothnessParts,
): Disturbance | null {
  const borrower = { repository, language, own: new Set(chunks.map(({ text }) => text)) };
  const drawn = chunks.map((_, rank) => others.draw(borrower, [seed, 'other chunk', id, rank]));
  const rows = drawn.flatMap((index) => (index === null ? [] : [pooledSoftTokens(pool, index)]));
  if (rows.length < chunks.length) return null;
  const keys = Array.from({ length: soft.rows }, (_, r) => [seed, 'direction', id, r]);
  return { other: stackRows(rows, soft.cols), directions: randomUnitVectors(keys, soft.cols), meanNorm };
}

function trueCompletion(
  task: CompletionTask,
  { likelihood, setting, metrics }: SmoothnessParts,
): Reference | null {
  if (likelihood === null) return null;
  const { tokenizer, format } = setting;
  return referenceOf(task, { tokenizer, format, end: likelihood.end, isSettled: metrics.settling(task) });
}

/** A completion ends as in a run: by a stop token, or when nothing more would be compared. */
function stopRules(task: CompletionTask, { setting, metrics, maxNewTokens }: SmoothnessParts): StopRules {
  const isSettled = metrics.settling(task);
  const text = textStream(setting.tokenizer);
  return {
    tokens: setting.format.stop,
    maxNewTokens,
    isSettled: (token) => isSettled !== null && isSettled(text(token)),
  };
}
