/**
 * @file Reads the rotary position embedding out of a configuration.
 *
 * Transformers 4 and 5 spell it differently. The base stands at the top level, in `rope_parameters` or in
 * `rope_scaling`, and the kind is called `rope_type` or `type`.
 */

import { z } from 'zod';

import { ModelError } from '../../domain/errors.js';
import type { Rope, RopeScaling } from '../../onnx/rotary.js';
import { count, refuse } from './config-fields.js';

const factor = z.number().positive();

const scalingSchema = z.strictObject({
  rope_type: z.string().optional(),
  /** Older spelling of `rope_type`. */
  type: z.string().optional(),
  rope_theta: factor.optional(),
  partial_rotary_factor: z.literal(1).optional(),
  factor: factor.optional(),
  original_max_position_embeddings: count.optional(),
  low_freq_factor: factor.optional(),
  high_freq_factor: factor.optional(),
  beta_fast: factor.nullish(),
  beta_slow: factor.nullish(),
  attention_factor: factor.nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().nullish(),
});

/** The fields of a configuration that say how positions are rotated. */
export const ropeFields = {
  rope_theta: factor.nullish(),
  rope_scaling: scalingSchema.nullish(),
  rope_parameters: scalingSchema.nullish(),
  partial_rotary_factor: z.literal(1).nullish(),
};

/** What {@link ropeFields} yield. */
export interface RopeConfig {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: z.infer<typeof scalingSchema> | null | undefined;
  readonly rope_parameters?: z.infer<typeof scalingSchema> | null | undefined;
  readonly max_position_embeddings: number;
}

/** Rotary base where a configuration names none; the default of the published configuration classes. */
const DEFAULT_THETA = 10_000;

/**
 * The rotation of a configuration.
 *
 * @throws {ModelError} If its kind is not computed, or a kind lacks a number that it needs.
 */
export function readRope(config: RopeConfig, where: string): Rope {
  const given = config.rope_parameters ?? config.rope_scaling ?? {};
  const theta = given.rope_theta ?? config.rope_theta ?? DEFAULT_THETA;
  const kind = given.rope_type ?? given.type ?? 'default';
  const need = (field: 'factor' | 'low_freq_factor' | 'high_freq_factor'): number => {
    const value = given[field];
    if (value === undefined) throw new ModelError(`${where}: rope type ${kind} needs "${field}"`);
    return value;
  };
  const originalPositions = given.original_max_position_embeddings ?? config.max_position_embeddings;
  const scaling = (): RopeScaling => {
    switch (kind) {
      case 'default':
        return { kind: 'none' };
      case 'dynamic':
        // This kind stretches only sequences beyond max_position_embeddings, and no sequence here is that long.
        return { kind: 'none' };
      case 'linear':
        return { kind: 'linear', factor: need('factor') };
      case 'llama3':
        return {
          kind: 'llama3',
          factor: need('factor'),
          lowFrequencyFactor: need('low_freq_factor'),
          highFrequencyFactor: need('high_freq_factor'),
          originalPositions,
        };
      case 'yarn':
        return {
          kind: 'yarn',
          factor: need('factor'),
          originalPositions,
          fastTurns: given.beta_fast ?? 32,
          slowTurns: given.beta_slow ?? 1,
          magnitude: given.attention_factor ?? yarnMagnitude(need('factor'), given),
          wholeBorders: given.truncate ?? true,
        };
      default:
        return refuse(where, 'rope type', kind, 'default, linear, dynamic, llama3 and yarn');
    }
  };
  return { theta, scaling: scaling() };
}

/** The factor of cosines and sines that keeps the entropy of attention; equation 22 of YaRN. */
function yarnMagnitude(
  stretch: number,
  {
    mscale,
    mscale_all_dim: allDims,
  }: { mscale?: number | null | undefined; mscale_all_dim?: number | null | undefined },
): number {
  const of = (weight: number): number => (stretch <= 1 ? 1 : 0.1 * weight * Math.log(stretch) + 1);
  return mscale && allDims ? of(mscale) / of(allDims) : of(1);
}
