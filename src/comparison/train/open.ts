/**
 * @file Opens everything that a training works on: models, samples, chunk vectors, and the spec that names them.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../domain/errors.js';
import type { TokenId } from '../../domain/units.js';
import type { DifferentiableProjector } from '../../inference/differentiable.js';
import { openDifferentiableProjector } from '../../model/ort/training/open.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { writeEncoderStatistics, type EncoderStatistics } from '../../model/weights/encoder-statistics.js';
import type { Pooling } from '../../onnx/encoder-graph.js';
import type { ProjectorArchitecture } from '../../onnx/projector-graph.js';
import { PACKAGE } from '../../run/environment.js';
import { matrixOf, meanRow, rowsAt, type Matrix } from '../../tensor/matrix.js';
import { openRecipe } from '../../training/recipes/all.js';
import type { Recipe } from '../../training/recipes/recipe.js';
import { shownChunks } from '../../training/samples/sample.js';
import { stepsOf } from '../../training/loop/train.js';
import type { TrainingWorld } from '../../training/loop/world.js';
import { inverseDocumentFrequency } from '../../training/start/mean-of-chunk.js';
import { prefixBytes, PrefixStore } from '../../training/store/prefix-store.js';
import { fetchingWith, type Surroundings } from '../events.js';
import { readEarlier, type Earlier } from './earlier.js';
import type { TrainFolder, TrainSpec } from './folder.js';
import { findHoles, type DataFacts } from './holes.js';
import {
  openLayersEncoder,
  openOwnEncoder,
  openTrainedDecoder,
  type TrainedDecoder,
  type TrainedEncoder,
} from './models.js';
import { prefixCost } from './report-lines.js';
import { trainedReferenceEnd } from './reference-end.js';
import { CHUNK_TOKENS, type TrainSettings } from './request.js';
import {
  barePrompt,
  chunkIds,
  ChunkTexts,
  chunkVectors,
  projectorInputs,
  promptShape,
  samplesOf,
} from './samples.js';

/** A training, open. */
export interface Training {
  readonly name: string;
  readonly settings: TrainSettings;
  readonly recipe: Recipe;
  readonly data: DataFacts;
  readonly model: TrainedDecoder;
  readonly encoder: TrainedEncoder & { readonly pooling: Pooling };
  readonly world: TrainingWorld;
  /** What is taken over from an earlier training; null without one. */
  readonly earlier: Earlier | null;
  /** What kept prefixes take, in words. */
  readonly prefixNote: string;
  readonly spec: TrainSpec;
  dispose(): Promise<void>;
}

/**
 * Opens a training. The caller disposes of it.
 *
 * @returns Null if it was stopped.
 * @throws {UsageError | DataError | ModelError} If settings, data or models cannot be used.
 */
export async function openTraining(
  settings: TrainSettings,
  folder: TrainFolder,
  surroundings: Surroundings,
): Promise<Training | null> {
  const recipe = await openRecipe(settings.recipe);
  const threads = settings.threads ?? defaultThreads();
  const found = await findHoles(settings, surroundings);
  const training = await found.retrieve(found.training, 'retrieving');
  const validation = training === null ? null : await found.retrieve(found.validation, 'retrieving');
  if (training === null || validation === null) return null;
  const opened: { dispose(): Promise<void> }[] = [];
  const dispose = async (): Promise<void> => {
    for (const one of opened.splice(0).reverse()) await one.dispose();
  };
  try {
    const model = await openTrainedDecoder(settings, threads, fetchingWith(surroundings));
    opened.push(model.decoder);
    const end = await trainedReferenceEnd(model);
    const texts = new ChunkTexts();
    const teacherTokens = teacherTokensOf(recipe);
    const making = { settings, model, end, texts, teacherTokens, surroundings };
    const samples = {
      training: samplesOf(training, making, 'training'),
      validation: samplesOf(validation, making, 'validation'),
    };
    requireSamples(samples, settings);
    const ids = chunkIds(texts, model);
    const counted = shownChunks(samples.training);
    const made = await encodeChunks(settings, model, { texts, ids, counted }, folder, threads, surroundings);
    if (made === null) {
      await dispose();
      return null;
    }
    opened.push(made.encoder.encoder);
    const projector = await openProjectorFor(
      settings,
      made.encoder.encoder.width,
      model.decoder.width,
      threads,
    );
    opened.push(projector);
    const keepsTrainingPrefixes =
      settings.prefixDir !== undefined || seenOften(recipe, samples.training.length);
    const shape = promptShape(settings, model);
    const world: TrainingWorld = {
      ...{ decoder: model.decoder, projector, shape, keepsTrainingPrefixes },
      data: { ...samples, chunks: { ids, vectors: projectorInputs(made.vectors, made.encoder) } },
      prefixes: await PrefixStore.open(
        model.decoder,
        join(settings.prefixDir ?? folder.prefixes, settings.prefixDtype),
        settings.prefixBytes,
      ),
      tokensPerChunk: settings.softTokensPerChunk,
      seed: settings.seed,
      bare: barePrompt(settings, model),
      completions: { tokenizer: model.tokenizer, stop: model.format.stop },
    };
    const kept = [...samples.validation, ...(keepsTrainingPrefixes ? samples.training : [])];
    const prefixNote = shape.keepsPrefix
      ? prefixCost(
          kept.map(({ before }) => before.length),
          prefixBytes(model.decoder),
          settings.prefixBytes,
        )
      : 'Soft tokens stand before the code, so that the whole prompt is run in every step.';
    const { encoder } = made;
    const earlier =
      settings.from === undefined
        ? null
        : await readEarlier(settings.from, world, encoder.encoder.identity, recipe.constants);
    return {
      ...{ settings, recipe, model, world, prefixNote, earlier, dispose, data: found.facts },
      name: settings.name ?? `${recipe.name}-projector`,
      encoder,
      spec: { ...specOf(settings, recipe, found.facts, model, encoder, end), from: earlier?.files ?? null },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** @throws {UsageError} If a side has no sample. */
function requireSamples(
  { training, validation }: Pick<TrainingWorld['data'], 'training' | 'validation'>,
  { filter }: TrainSettings,
): void {
  if (training.length > 0 && validation.length > 0) return;
  throw new UsageError(
    `of the holes with chunks ${training.length} are left to train on and ${validation.length} to validate on`,
    [filter === 'all' ? 'give more code with --dataset' : `--filter ${filter} may drop too many`],
  );
}

/** Most tokens of text that a teacher of the recipe reads; null without one. */
function teacherTokensOf({ stages }: Recipe): number | null {
  const asked = stages.flatMap(({ losses: { divergence } }) =>
    divergence === undefined ? [] : [divergence.contextTokens],
  );
  return asked.length === 0 ? null : Math.max(...asked);
}

/** Whether samples are seen more than once on average, so that their prefixes are worth their place. */
function seenOften({ stages }: Recipe, samples: number): boolean {
  const seen = stages.reduce(
    (sum, stage) => sum + stepsOf(stage, samples) * stage.batch * stage.accumulation,
    0,
  );
  return seen > 1.5 * samples;
}

interface EncodedChunks {
  readonly encoder: Training['encoder'];
  /** As the encoder gives them, [M, E]. */
  readonly vectors: Matrix;
}

/** The chunks of all holes. */
interface EncodedTexts {
  readonly texts: ChunkTexts;
  /** In the decoder's ids. */
  readonly ids: readonly (readonly TokenId[])[];
  /** Those that statistics are counted over: what validation holes alone show has no part in them. */
  readonly counted: readonly number[];
}

/** The vectors of all chunks. Statistics of an encoder that is part of the decoder are counted here, and written. */
async function encodeChunks(
  settings: TrainSettings,
  model: TrainedDecoder,
  { texts, ids, counted }: EncodedTexts,
  folder: TrainFolder,
  threads: number,
  surroundings: Surroundings,
): Promise<EncodedChunks | null> {
  const choice = settings.encoder;
  if (choice.kind === 'files') {
    const encoder = await openOwnEncoder(choice.reference, settings, threads, fetchingWith(surroundings));
    const vectors = await chunkVectors(texts, encoder, folder.vectors, surroundings);
    return vectors === null ? null : { encoder: { ...encoder, pooling: poolingFor(encoder) }, vectors };
  }
  const { width, vocabularySize } = model.decoder;
  const trained = counted.map((i) => ids[i]!);
  const idf = choice.layers === 0 ? inverseDocumentFrequency(trained, vocabularySize) : null;
  const open = (statistics: EncoderStatistics): Promise<TrainedEncoder> =>
    openLayersEncoder(model, choice.layers, statistics, threads);
  const counting = await open({ mean: new Float32Array(width), idf });
  try {
    const raw = await chunkVectors(texts, counting, folder.vectors, surroundings);
    if (raw === null) return null;
    const mean = meanRow(rowsAt(raw, counted));
    await writeEncoderStatistics(folder.statistics, { mean, idf });
    const data = raw.data.map((value, i) => value - mean[i % width]!);
    return {
      encoder: { ...(await open({ mean, idf })), pooling: 'mean' },
      vectors: matrixOf(raw.rows, width, data),
    };
  } finally {
    await counting.encoder.dispose();
  }
}

function poolingFor({ encoder }: TrainedEncoder): Pooling {
  return 'pooling' in encoder && encoder.pooling === 'last-token' ? 'last-token' : 'mean';
}

/** LlavaCode's widths for one soft token; k of them come from a wider last layer. */
function openProjectorFor(
  { projectorLayers: layers, softTokensPerChunk: k }: TrainSettings,
  inputWidth: number,
  C: number,
  threads: number,
): Promise<DifferentiableProjector> {
  const hidden = { 2: [C], 3: [2 * C, 2 * C], 4: [3 * C, 4 * C, 2 * C] };
  const architecture: ProjectorArchitecture = {
    layers,
    inputWidth,
    hiddenWidths: hidden[layers],
    outputWidth: k * C,
  };
  return openDifferentiableProjector(architecture, { threads });
}

/** Everything that decides a number. Paths, threads and limits of the disk do not. */
function specOf(
  settings: TrainSettings,
  recipe: Recipe,
  data: DataFacts,
  { decoder, tokenizer, family }: TrainedDecoder,
  encoder: TrainedEncoder,
  referenceEnd: string,
): TrainSpec {
  const { contextPlacement, maxPromptTokens, prefixDtype, softTokensPerChunk, projectorLayers, seed } =
    settings;
  const { filter, retriever, retrievalProfile, validationTasks, limit, targetLines } = settings;
  return z.record(z.string(), z.json()).parse({
    ...{ program: PACKAGE.version, recipe, data, seed },
    decoder: { identity: decoder.identity, tokenizer: tokenizer.identity, family, referenceEnd },
    encoder: {
      ...{ identity: encoder.encoder.identity, input: encoder.input },
      ...{ maxTokens: encoder.maxTokens, normalize: encoder.normalize },
    },
    prompt: { contextPlacement, maxPromptTokens, prefixDtype, chunkTokens: CHUNK_TOKENS },
    holes: { filter, retriever, retrievalProfile, validationTasks, limit, targetLines },
    projector: { layers: projectorLayers, softTokensPerChunk },
  });
}
