/**
 * @file A training as a function: from a request to a folder with a bundle.
 *
 * The steps, one after the other: **open** data and models -> **start** or take up where a checkpoint stands -> **train**
 * stage by stage -> **publish** bundle, card and curves.
 */

import { resolve } from 'node:path';
import { UsageError } from '../../domain/errors.js';
import type { Surroundings } from '../events.js';
import { PACKAGE } from '../../run/environment.js';
import { freshMoments } from '../../training/optimizer/adamw.js';
import {
  firstPosition,
  readCheckpoint,
  saveCheckpoint,
  type Position,
  type TrainingState,
} from '../../training/loop/checkpoint.js';
import { openMetrics, readMetrics } from '../../training/loop/metrics-file.js';
import {
  endStage,
  startingConstants,
  stepsOf,
  train,
  type TrainingReporter,
} from '../../training/loop/train.js';
import { shownChunks } from '../../training/samples/sample.js';
import { startOf } from '../../training/start/mean-of-chunk.js';
import { claimTrainFolder, describeTraining, trainFolder, type TrainFolder } from './folder.js';
import { openTraining, type Training } from './open.js';
import { writeBundle, writeCurves } from './publish.js';
import { validationLine } from './report-lines.js';
import { trainSettings, type TrainRequest } from './request.js';

/** What a training came to. */
export type TrainOutcome =
  | {
      readonly kind: 'finished';
      /** The bundle's folder, absolute. */
      readonly bundle: string;
      readonly folder: string;
      /** Of each stage. */
      readonly stages: Position['finished'];
      readonly samples: { readonly training: number; readonly validation: number };
    }
  | { readonly kind: 'interrupted'; readonly folder: string; readonly hasCheckpoint: boolean };

/**
 * Trains a projector, or goes on with one.
 *
 * @throws {UsageError}   If the settings contradict each other or the training that is to be continued.
 * @throws {DataError}    If data cannot be used, a loss is no number, or the folder cannot be written.
 * @throws {ModelError}   If a model cannot be used or has no gradients.
 * @throws {JournalError} If the folder holds a training already, or one that another process works on.
 */
export async function trainProjector(
  request: TrainRequest,
  surroundings: Surroundings,
): Promise<TrainOutcome> {
  const settings = trainSettings(request);
  const folder = trainFolder(settings.out);
  const lock = await claimTrainFolder(folder, settings.resume, surroundings);
  try {
    const training = await openTraining(settings, folder, surroundings);
    if (training === null) return { kind: 'interrupted', folder: folder.path, hasCheckpoint: false };
    try {
      return await carryOut(training, folder, surroundings);
    } finally {
      surroundings.onEvent({ kind: 'stopped' });
      await training.dispose();
    }
  } finally {
    await lock.release();
  }
}

async function carryOut(
  training: Training,
  folder: TrainFolder,
  surroundings: Surroundings,
): Promise<TrainOutcome> {
  const { world, recipe, prefixNote, settings } = training;
  const note = (line: string): void => {
    surroundings.onEvent({ kind: 'noted', line });
  };
  const fingerprint = await describeTraining(folder, training.spec, {
    startedAt: surroundings.wallClock().toISOString(),
    program: `${PACKAGE.name} ${PACKAGE.version}`,
  });
  sayData(training, note);
  if (world.shape.keepsPrefix) note(prefixNote);
  const known = readCheckpoint(folder.checkpoint, fingerprint);
  if (settings.bundleOnly) return publishSoFar(training, folder, known, note);
  const state = known ?? (await firstState(training, fingerprint, note));
  if (known === null) await saveCheckpoint(folder.checkpoint, state);
  const metrics = await openMetrics(folder.metrics, state.position);
  let isDone = false;
  try {
    isDone = await train({
      ...{ world, recipe, state, checkpoint: folder.checkpoint },
      ...{ signal: surroundings.signal, clock: surroundings.clock },
      reporter: reporterOf(surroundings, (line) => metrics.append(line)),
    });
  } finally {
    await metrics.close();
  }
  const lines = await readMetrics(folder.metrics);
  if (lines.length > 0) await writeCurves(folder.curves, training.name, lines);
  if (!isDone) return { kind: 'interrupted', folder: folder.path, hasCheckpoint: true };
  return publish(training, folder, state);
}

async function publish(
  training: Training,
  folder: TrainFolder,
  { parameters, position }: TrainingState,
): Promise<TrainOutcome> {
  const { training: samples, validation } = training.world.data;
  await writeBundle(training, folder, parameters, position);
  return {
    kind: 'finished',
    bundle: resolve(folder.bundle),
    folder: folder.path,
    stages: position.finished,
    samples: { training: samples.length, validation: validation.length },
  };
}

/** Writes the bundle as if the stage at work ended here. The checkpoint stays, so that the training can go on. */
async function publishSoFar(
  training: Training,
  folder: TrainFolder,
  state: TrainingState | null,
  note: (line: string) => void,
): Promise<TrainOutcome> {
  const stage = state === null ? undefined : training.recipe.stages[state.position.stage];
  if (state !== null && stage !== undefined && state.position.best !== null) {
    const steps = stepsOf(stage, training.world.data.training.length);
    note(
      `stage ${stage.name}: the bundle is that of step ${state.position.best.step}, of ${state.position.step} that are done`,
    );
    endStage(state, stage, steps);
  }
  if (state === null || state.position.finished.length === 0) {
    throw new UsageError(`--bundle-only: nothing in ${folder.path} is validated yet`, [
      'go on with --resume alone; the first validation comes before the first step',
    ]);
  }
  // The best parameters are kept apart: a stage that has begun may have changed the others already.
  return publish(training, folder, { ...state, parameters: state.best });
}

function sayData({ world, data, settings }: Training, note: (line: string) => void): void {
  const { exact, near } = data.duplicates;
  if (settings.exclude.length > 0) {
    note(`left out as they stand in ${settings.exclude.join(', ')}: ${exact} holes exactly, ${near} nearly`);
  }
  const { by, held } = data.split;
  note(
    `${world.data.training.length} holes to train on, ${world.data.validation.length} to validate on, ` +
      `${world.data.chunks.ids.length} chunks; apart by ${by}: ${held.slice(0, 8).join(', ')}${held.length > 8 ? ', …' : ''}`,
  );
}

/** Parameters before the first step. */
async function firstState(
  { world, recipe, earlier }: Training,
  fingerprint: string,
  note: (line: string) => void,
): Promise<TrainingState> {
  const { decoder, projector, data, tokensPerChunk, seed } = world;
  if (earlier !== null) note(earlier.note);
  const { parameters, explained } =
    earlier?.parts.includes('projector') === true
      ? { parameters: new Map<string, Float32Array>(), explained: null }
      : await startOf(recipe.start, {
          ...{ decoder, projector, chunks: data.chunks, tokensPerChunk, seed },
          rows: shownChunks(data.training),
        });
  if (explained !== null) {
    note(
      `start: explains ${(100 * explained).toFixed(1)} % of the wanted outputs’ variance on chunks held back`,
    );
  }
  if (recipe.constants > 0) parameters.set(...startingConstants(world, recipe.constants));
  for (const [name, values] of earlier?.parameters ?? []) parameters.set(name, values);
  return {
    position: firstPosition(fingerprint),
    parameters,
    moments: freshMoments(parameters),
    best: new Map(),
  };
}

/** Steps as a bar with an estimate, validations as lines above it. */
function reporterOf({ onEvent }: Surroundings, append: TrainingReporter['metrics']): TrainingReporter {
  let stage = { name: '', steps: 0, done: 0 };
  let losses = '';
  /** The bar counts what is left, so that its estimate is that of the steps of this process. */
  const showBar = (): void => {
    const { name, steps, done } = stage;
    onEvent({
      kind: 'started',
      work: done === 0 ? name : `${name} from ${done}`,
      total: steps - done,
      unit: 'steps',
    });
  };
  const say = (line: string): void => {
    onEvent({ kind: 'noted', line });
  };
  return {
    stage(name, steps, done) {
      stage = { name, steps, done };
      showBar();
    },
    step() {
      stage = { ...stage, done: stage.done + 1 };
      onEvent({ kind: 'advanced', steps: 1 });
    },
    async metrics(line) {
      if (line.kind === 'step') {
        losses = Object.entries(line.losses)
          .map(([name, value]) => `${name} ${value.toFixed(3)}`)
          .join(', ');
      }
      await append(line);
    },
    validated(name, step, result, isBest) {
      say(validationLine(name, step, result, isBest));
      if (losses !== '') say(`  losses of the last step: ${losses}`);
      losses = '';
      // A line has taken the bar away.
      showBar();
    },
    noted: say,
  };
}
