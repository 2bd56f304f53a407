/**
 * @file From holes to samples: prompts in ids, one table of chunks, and their vectors.
 */

import type { RetrievedChunk } from '../../domain/chunk.js';
import { sha256 } from '../../domain/hash.js';
import type { TokenId } from '../../domain/units.js';
import { writePartsAtomically } from '../../files/atomic-file.js';
import { referenceOf, type ReferenceEnd } from '../../generation/reference.js';
import { settlingAt } from '../../metrics/llavacode.js';
import { SafetensorsFile } from '../../model/weights/safetensors.js';
import { safetensorsParts } from '../../model/weights/safetensors-writer.js';
import { inFileContext } from '../../pipelines/in-file.js';
import { assemblePrompt } from '../../prompt/assemble.js';
import { promptBudget } from '../../prompt/budget.js';
import { crossFileBlock } from '../../prompt/cross-file-block.js';
import { encoderInput, encoderTemplate } from '../../prompt/encoder-input.js';
import { encodeHead } from '../../prompt/truncate.js';
import { showsSuffix } from '../../prompt/fim.js';
import { matrixOf, normalizeRows, row, type Matrix } from '../../tensor/matrix.js';
import { holeFilter } from '../../training/data/filters.js';
import type { PromptShape, TrainingSample } from '../../training/samples/sample.js';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Surroundings } from '../events.js';
import { DEFAULT_NEW_TOKENS } from '../settings.js';
import type { Hole } from './holes.js';
import type { TrainedDecoder, TrainedEncoder } from './models.js';
import { CHUNK_TOKENS, type TrainSettings } from './request.js';

/** Most ids of a missing line that are taught; longer ones are cut. */
const MOST_TARGET_TOKENS = 64;

/** Texts of chunks, each once, in the order in which they were first seen. */
export class ChunkTexts {
  readonly #rows = new Map<string, number>();

  /** The row of a text, a new one if it was not seen. */
  rowOf(text: string): number {
    const known = this.#rows.get(text);
    if (known !== undefined) return known;
    this.#rows.set(text, this.#rows.size);
    return this.#rows.size - 1;
  }

  get texts(): readonly string[] {
    return [...this.#rows.keys()];
  }
}

/** What decides the ids of a sample. */
export interface SampleSetting {
  readonly settings: TrainSettings;
  readonly model: TrainedDecoder;
  readonly end: ReferenceEnd;
  readonly texts: ChunkTexts;
  /** Tokens of the chunks as text that a teacher reads; null without one. */
  readonly teacherTokens: number | null;
  readonly surroundings: Surroundings;
}

/** How the prompts of a training are put together. */
export function promptShape({ contextPlacement }: TrainSettings, { format }: TrainedDecoder): PromptShape {
  const isBefore = contextPlacement === 'before-prefix' || !showsSuffix(format);
  return { constantsFirst: isBefore, keepsPrefix: !isBefore };
}

/**
 * A hole of more lines: those that follow it are missing too, as far as the file has them.
 *
 * @example widened({ reference: 'b();', suffix: '\nc();\nd();\n' }, 2) // => { reference: 'b();\nc();', suffix: '\nd();\n' }
 */
export function widened<T extends Pick<Hole['task'], 'reference' | 'suffix'>>(task: T, lines: number): T {
  const ends = [...task.suffix.matchAll(/\r?\n/g)].map(({ index }) => index);
  // Code that goes on within the line of the hole is not a line of its own.
  if (lines === 1 || ends[0] !== 0) return task;
  const at = ends[lines - 1] ?? task.suffix.replace(/\r?\n$/, '').length;
  return { ...task, reference: task.reference + task.suffix.slice(0, at), suffix: task.suffix.slice(at) };
}

/**
 * Samples of holes, in their order.
 *
 * @param side Training holes are filtered and may miss more lines. Validation holes are as a run has them.
 */
export function samplesOf(
  holes: readonly Hole[],
  { settings, model, end, texts, teacherTokens, surroundings }: SampleSetting,
  side: 'training' | 'validation',
): TrainingSample[] {
  const { tokenizer, format } = model;
  const { maxPromptTokens, contextPlacement: placement, filter } = settings;
  const budget = promptBudget(
    { maxPromptTokens, maxNewTokens: DEFAULT_NEW_TOKENS, contextTokens: CHUNK_TOKENS },
    format,
  );
  const setting = { tokenizer, format, budget, placement, clock: surroundings.clock };
  const keeps = holeFilter(filter);
  const isTraining = side === 'training';
  const lines = isTraining ? settings.targetLines : 1;
  return holes.flatMap(({ task: hole, chunks }) => {
    const task = widened(hole, lines);
    const { left, right } = inFileContext(setting, task);
    if (
      isTraining &&
      !keeps({ task: hole, left: tokenizer.decode(left), right: tokenizer.decode(right), chunks })
    ) {
      return [];
    }
    const reference = referenceOf(task, { tokenizer, format, end, isSettled: settlingAt(task.reference) });
    if (reference === null) return [];
    const [stop] = reference.end ?? [];
    const target = [...reference.ids, ...(stop === undefined ? [] : [stop])].slice(
      0,
      lines * MOST_TARGET_TOKENS,
    );
    const { ids, context } = assemblePrompt(format, { left, right, context: { kind: 'none' }, placement });
    return [
      {
        ...{ id: task.id, repository: task.repository, reference: task.reference, target },
        before: ids.slice(0, context[0]),
        after: ids.slice(context[0]),
        chunks: chunks.map(({ text }) => texts.rowOf(text)),
        text: teacherTokens === null ? null : textOf(chunks, task.language, model, teacherTokens),
      },
    ];
  });
}

function textOf(
  chunks: readonly RetrievedChunk[],
  language: Hole['task']['language'],
  { tokenizer }: TrainedDecoder,
  tokens: number,
): TokenId[] {
  return encodeHead(tokenizer, crossFileBlock(chunks, language), tokens);
}

/** The prompt around soft tokens that stand alone. */
export function barePrompt(
  { contextPlacement: placement }: TrainSettings,
  { format }: TrainedDecoder,
): {
  readonly before: readonly TokenId[];
  readonly after: readonly TokenId[];
} {
  const { ids, context } = assemblePrompt(format, {
    left: [],
    right: [],
    context: { kind: 'none' },
    placement,
  });
  return { before: ids.slice(0, context[0]), after: ids.slice(context[0]) };
}

/** The first ids of each chunk, as the decoder reads them. */
export function chunkIds({ texts }: ChunkTexts, { tokenizer }: TrainedDecoder): TokenId[][] {
  return texts.map((text) => encodeHead(tokenizer, text, CHUNK_TOKENS));
}

/**
 * The vectors of chunks as the encoder gives them, [M, E], not normalized: from the work folder, or computed and kept.
 *
 * @returns Null if it was stopped.
 */
export async function chunkVectors(
  { texts }: ChunkTexts,
  { encoder, tokenizer, input, maxTokens }: TrainedEncoder,
  folder: string,
  { onEvent, signal }: Surroundings,
): Promise<Matrix | null> {
  const template = encoderTemplate(input, tokenizer, maxTokens);
  const inputs = texts.map((text) => encoderInput(template, encodeHead(tokenizer, text, maxTokens)));
  const key = sha256(JSON.stringify([encoder.identity, inputs.map((ids) => ids.join())]));
  const path = join(folder, `${key.slice(0, 32)}.safetensors`);
  if (existsSync(path)) {
    const file = SafetensorsFile.open(path);
    try {
      return matrixOf(texts.length, encoder.width, file.read('vectors'));
    } finally {
      file.close();
    }
  }
  const vectors = matrixOf(texts.length, encoder.width, new Float32Array(texts.length * encoder.width));
  onEvent({ kind: 'started', work: 'encoding', total: texts.length, unit: 'steps' });
  // Inputs of similar length go together.
  const order = [...inputs.keys()].sort((a, b) => inputs[b]!.length - inputs[a]!.length);
  for (let at = 0; at < order.length; at += ENCODED_TOGETHER) {
    if (signal.aborted) return null;
    const some = order.slice(at, at + ENCODED_TOGETHER);
    const made = await encoder.encode(
      some.map((i) => inputs[i]!),
      'independent',
    );
    for (const [r, i] of some.entries()) row(vectors, i).set(row(made, r));
    onEvent({ kind: 'advanced', steps: some.length });
  }
  onEvent({ kind: 'stopped' });
  await writePartsAtomically(
    path,
    safetensorsParts([{ name: 'vectors', shape: [vectors.rows, vectors.cols], data: vectors.data }]),
  );
  return vectors;
}

const ENCODED_TOGETHER = 64;

/** What the projector is given. */
export function projectorInputs(vectors: Matrix, { normalize }: TrainedEncoder): Matrix {
  return normalize ? normalizeRows(vectors) : vectors;
}
