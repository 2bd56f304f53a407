/**
 * @file The optimizers that a stage of a recipe can name.
 */

import { adamwStep, type AdamWSetting, type Moments } from './adamw.js';
import { lambStep } from './lamb.js';

/** One step, in place. */
export type OptimizerStep = (
  parameters: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  moments: Moments,
  rate: number,
  setting: AdamWSetting,
) => void;

export const OPTIMIZERS = ['adamw', 'lamb'] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export const OPTIMIZER_STEPS: Readonly<Record<OptimizerName, OptimizerStep>> = {
  adamw: adamwStep,
  lamb: lambStep,
};
