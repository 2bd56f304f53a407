/**
 * @file The loop of a training: stages, steps, validations and checkpoints.
 *
 * Each stage begins with fresh moments and the best parameters of the stage before. Its first validation comes before
 * its first step. A training that is ended between two steps goes on from its checkpoint with the same bits.
 */

import type { Clock } from '../../domain/clock.js';
import { DataError } from '../../domain/errors.js';
import { DEFAULT_ADAMW, freshMoments } from '../optimizer/adamw.js';
import { OPTIMIZER_STEPS } from '../optimizer/all.js';
import { clipByNorm } from '../optimizer/clip.js';
import { rateAt } from '../optimizer/schedule.js';
import type { Recipe, Stage } from '../recipes/recipe.js';
import { centringOf, type Centring } from './centring.js';
import { saveCheckpoint, type TrainingState } from './checkpoint.js';
import type { MetricsLine } from './metrics-file.js';
import { BatchOrder, rngFor } from './order.js';
import { batchGradients } from './step.js';
import { criterionOf, validate, type KeptScores, type ValidationResult } from './validation.js';
import { CONSTANTS, type TrainingWorld } from './world.js';

/** Told of what happens. */
export interface TrainingReporter {
  /** A stage of so many steps begins, or goes on behind so many. */
  stage(name: string, steps: number, done: number): void;
  /** A step is done. */
  step(): void;
  /** A line for `metrics.jsonl`, in order. */
  metrics(line: MetricsLine): Promise<void>;
  validated(stage: string, step: number, result: ValidationResult, isBest: boolean): void;
  noted(line: string): void;
}

export interface TrainingRun {
  readonly world: TrainingWorld;
  readonly recipe: Recipe;
  /** Changed in place. */
  readonly state: TrainingState;
  readonly checkpoint: string;
  readonly reporter: TrainingReporter;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Between two checkpoints that no validation asks for. */
const CHECKPOINT_EVERY_MS = 120_000;

/**
 * Goes through all stages that are left.
 *
 * @returns Whether all of them are done; false where the signal ended the work, with a checkpoint of what is done.
 * @throws {DataError} If a loss is no number, or the checkpoint cannot be written.
 */
export async function train(run: TrainingRun): Promise<boolean> {
  const { recipe, state } = run;
  while (state.position.stage < recipe.stages.length) {
    if (!(await trainStage(run, recipe.stages[state.position.stage]!))) return false;
  }
  return true;
}

/** Optimizer steps of a stage. */
export function stepsOf({ steps, epochs, batch, accumulation }: Stage, samples: number): number {
  if (steps !== undefined) return steps;
  return Math.max(1, Math.round(((epochs ?? 1) * Math.ceil(samples / batch)) / accumulation));
}

/** Samples that a stage sees in so many steps. */
export function samplesSeen({ batch, accumulation }: Stage, steps: number): number {
  return steps * batch * accumulation;
}

async function trainStage(run: TrainingRun, stage: Stage): Promise<boolean> {
  const { world, recipe, state, reporter, signal, clock } = run;
  const steps = stepsOf(stage, world.data.training.length);
  const lengths = world.data.training.map(
    ({ target, after, chunks }) => target.length + after.length + chunks.length,
  );
  const order = new BatchOrder(lengths, stage.batch, [world.seed, 'order', state.position.stage]);
  const centre = stage.centred === true ? centringOf(world) : null;
  if (state.position.step === 0) {
    state.moments = freshMoments(state.parameters);
    await centre?.(state.parameters);
  }
  reporter.stage(stage.name, steps, state.position.step);
  let savedAt = clock();
  const kept: KeptScores = new Map();
  for (;;) {
    const { step, validatedAt } = state.position;
    const isDue = step % stage.validateEvery === 0 || step === steps;
    if (isDue && validatedAt !== step) {
      if (!(await validateNow(run, stage, kept))) return interrupted(run);
      await saveCheckpoint(run.checkpoint, state);
      savedAt = clock();
    }
    if (step === steps || isExhausted(run, stage)) break;
    if (signal.aborted) return interrupted(run);
    await oneStep(run, stage, { order, centre, steps });
    reporter.step();
    if (clock() - savedAt >= CHECKPOINT_EVERY_MS) {
      await saveCheckpoint(run.checkpoint, state);
      savedAt = clock();
    }
  }
  finishStage(run, stage, steps);
  if (state.position.stage < recipe.stages.length) state.moments = freshMoments(state.parameters);
  await saveCheckpoint(run.checkpoint, state);
  return true;
}

/** Whether too many validations have passed without a better one. */
function isExhausted({ state }: TrainingRun, { patience }: Stage): boolean {
  return patience !== null && state.position.sinceBest >= patience;
}

async function interrupted({ state, checkpoint }: TrainingRun): Promise<false> {
  await saveCheckpoint(checkpoint, state);
  return false;
}

/** One step of the optimizer: `accumulation` batches, clipped, at the rate of the step. */
async function oneStep(
  run: TrainingRun,
  stage: Stage,
  {
    order,
    centre,
    steps,
  }: { readonly order: BatchOrder; readonly centre: Centring | null; readonly steps: number },
): Promise<void> {
  const { world, state, reporter, clock } = run;
  const startedAt = clock();
  const { position } = state;
  const sum = new Map<string, Float32Array>();
  const losses: Record<string, number> = {};
  for (let n = 0; n < stage.accumulation; n++) {
    const at = position.step * stage.accumulation + n;
    const samples = order.batch(at).map((i) => world.data.training[i]!);
    const rng = rngFor(world.seed, 'batch', position.stage, at);
    const result = await batchGradients(world, stage, state.parameters, samples, rng);
    for (const [name, values] of result.gradients) {
      const into = sum.get(name) ?? new Float32Array(values.length);
      for (let i = 0; i < values.length; i++) into[i]! += values[i]! / stage.accumulation;
      sum.set(name, into);
    }
    for (const [name, value] of Object.entries(result.losses)) {
      losses[name] = (losses[name] ?? 0) + value / stage.accumulation;
    }
  }
  const norm = clipByNorm(sum, stage.clip);
  const step = position.step + 1;
  requireNumbers(stage, step, { ...losses, 'length of the gradient': norm });
  const { rate, schedule: name, warmup } = stage;
  const now = rateAt({ name, rate, warmup, steps }, step);
  const setting = { ...DEFAULT_ADAMW, weightDecay: stage.weightDecay };
  OPTIMIZER_STEPS[stage.optimizer](state.parameters, sum, state.moments, now, setting);
  await centre?.(state.parameters);
  state.position = { ...position, step };
  await reporter.metrics({
    ...{
      kind: 'step',
      stage: stage.name,
      stageIndex: position.stage,
      step,
      samples: samplesSeen(stage, step),
    },
    ...{ rate: now, gradientNorm: norm, losses, ms: Math.round(clock() - startedAt) },
  });
}

/** @throws {DataError} Naming the first value that is none. */
function requireNumbers({ name }: Stage, step: number, values: Readonly<Record<string, number>>): void {
  const broken = Object.entries(values).find(([, value]) => !Number.isFinite(value));
  if (broken === undefined) return;
  throw new DataError(`stage ${name}, step ${step}: the ${broken[0]} is ${broken[1]}`, [
    'the last checkpoint is from before this step; a lower rate or a shorter clip in the recipe may help',
  ]);
}

/** Validates and keeps what is best. @returns False if it was ended on the way. */
async function validateNow(run: TrainingRun, stage: Stage, kept: KeptScores): Promise<boolean> {
  const { world, state, reporter, signal } = run;
  const { position } = state;
  const result = await validate(world, state.parameters, stage, kept, () => signal.aborted);
  if (result === null) return false;
  const criterion = criterionOf(result, stage.losses);
  const isBest = position.best === null || criterion.value < position.best.criterion.value;
  state.position = {
    ...position,
    validatedAt: position.step,
    best: isBest ? { step: position.step, criterion, validation: result } : position.best,
    sinceBest: isBest ? 0 : position.sinceBest + 1,
  };
  if (isBest) state.best = copyOf(state.parameters);
  await reporter.metrics({
    ...{ kind: 'validation', stage: stage.name, stageIndex: position.stage, step: position.step },
    ...{ samples: samplesSeen(stage, position.step), isBest, criterion, validation: result },
  });
  reporter.validated(stage.name, position.step, result, isBest);
  return true;
}

function finishStage({ state, reporter }: TrainingRun, stage: Stage, steps: number): void {
  const { step, sinceBest } = state.position;
  if (step < steps) {
    reporter.noted(
      `${stage.name}: ended at step ${step} of ${steps}, ${sinceBest} validations behind the best one`,
    );
  }
  endStage(state, stage, steps);
}

/**
 * Ends the stage at work: its best parameters go on to the next one.
 *
 * @param state Changed in place.
 * @param steps That the stage was to have.
 * @throws {RangeError} If the stage was not validated yet.
 */
export function endStage(state: TrainingState, stage: Stage, steps: number): void {
  const { position } = state;
  const best = position.best;
  if (best === null) throw new RangeError(`stage ${stage.name} was not validated`);
  for (const [name, values] of state.best) state.parameters.get(name)!.set(values);
  state.position = {
    ...position,
    ...{ stage: position.stage + 1, step: 0, validatedAt: null, best: null, sinceBest: 0 },
    finished: [
      ...position.finished,
      {
        name: stage.name,
        steps: position.step,
        samples: samplesSeen(stage, position.step),
        endedEarly: position.step < steps,
        best,
      },
    ],
  };
}

function copyOf(parameters: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map([...parameters].map(([name, values]) => [name, values.slice()]));
}

/** Vectors that a constant prompt starts as: embeddings of ids that are taught, drawn by the seed, [c, C]. */
export function startingConstants(
  { decoder, data, seed }: TrainingWorld,
  count: number,
): readonly [string, Float32Array] {
  const rng = rngFor(seed, CONSTANTS);
  const ids = data.training.flatMap(({ target }) => target);
  return [CONSTANTS, decoder.embed(Array.from({ length: count }, () => ids[rng.int(ids.length)]!)).data];
}
