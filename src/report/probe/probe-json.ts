/**
 * @file `probe.json`: what a probe measured, and what it says. Percentages are in percent, nats in nats a token.
 *
 * Readings of single tasks and chunks stand beside the means over them, so that others can take other means.
 */

import { z } from 'zod';
import { COSINE_BINS } from '../../probe/agreement.js';
import { CARRIED } from '../../probe/identifiers.js';
import { PERTURBATIONS } from '../../probe/perturbations.js';
import { runSpecSchema } from '../../run/run-spec.js';

export const PROBE_SCHEMA = 'llava-eval/probe@1';

const count = z.int().nonnegative();
const fraction = z.number().min(0).max(1);
const nats = z.number().nonnegative();
const interval = z.tuple([z.number(), z.number()]).readonly();

/** A mean over tasks or chunks; null of nothing. Below two values it has no interval. */
const estimate = z.strictObject({ mean: z.number().nullable(), ci95: interval.nullable() });

/** A paired difference, `of` minus `base`. */
const difference = z.strictObject({
  delta: z.number().nullable(),
  ci95: interval.nullable(),
  /** Corrected for the differences of its table (Holm); null where nothing differs. */
  pAdjusted: z.number().nullable(),
  /** For nats, `better` means fewer. */
  verdict: z.enum(['better', 'worse', 'tied']),
  /** Pairs in which `of` is better than `base`, and worse. */
  won: count,
  lost: count,
});

const geometry = z.strictObject({
  vectors: count,
  width: count,
  meanCosine: z.number(),
  effectiveRank: z.number().min(1),
});

const bins = z.array(fraction).length(COSINE_BINS);

const perturbation = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('interpolated'), alpha: fraction }),
  z.strictObject({ kind: z.literal('noise'), ratio: z.number().positive() }),
  z.strictObject({ kind: z.literal('random') }),
]);

const reading = z.strictObject({
  nats: nats.nullable(),
  completion: z.string(),
  /** ES to the completion behind unchanged soft tokens, a fraction. */
  similarity: fraction,
});

const smoothness = z.strictObject({
  /** Of the unchanged soft tokens. */
  unchanged: estimate,
  rows: z.array(
    z.strictObject({
      perturbation,
      /** Against the unchanged soft tokens; null where no likelihood was measured. */
      nats: difference.nullable(),
      /** Share of tasks with another completion. */
      changed: estimate,
      /** ES to the completion behind unchanged soft tokens. */
      similarity: estimate,
    }),
  ),
  /** Tasks that were asked for and not read, by reason. */
  unread: z.strictObject({ noChunks: count, promptTooLong: count, noOtherChunk: count }),
  /** Readings whose likelihood is not finite or was not measured. */
  withoutNats: count,
  tasks: z.array(
    z.strictObject({
      taskId: z.string(),
      repository: z.string(),
      softTokens: count,
      unchanged: reading.omit({ similarity: true }),
      /** In the order of `rows`. */
      perturbed: z.array(reading).length(PERTURBATIONS.length),
    }),
  ),
});

const identifiers = z.strictObject({
  rows: z.array(
    z.strictObject({
      behind: z.enum(CARRIED),
      /** Of the names, a token. */
      nats: estimate,
      /** Share of the names that the continuation holds. */
      recall: estimate,
    }),
  ),
  /** Of the chunk's own soft tokens, against the others. */
  differences: z.array(
    z.strictObject({ base: z.enum(CARRIED), nats: difference.nullable(), recall: difference }),
  ),
  /** Chunks without a name that the other chunk lacks, or without another chunk. */
  unread: count,
  chunks: z.array(
    z.strictObject({
      taskId: z.string(),
      repository: z.string(),
      names: z.int().positive(),
      scoredTokens: z.int().positive(),
      readings: z.record(z.enum(CARRIED), z.strictObject({ nats: nats.nullable(), recalled: count })),
    }),
  ),
});

const collapse = z.strictObject({
  /** Different chunks that were found, and those that were measured. */
  found: count,
  measured: count,
  encoder: geometry,
  /** All soft tokens, as the decoder reads them. */
  softTokens: geometry,
  /** Of a soft token. */
  meanNorm: z.number().nonnegative(),
  agreement: z.strictObject({
    meanSquare: z.number().nonnegative(),
    frobenius: z.number().nonnegative(),
    correlation: z.number().min(-1.000_001).max(1.000_001).nullable(),
    encoded: bins,
    projected: bins,
  }),
});

export const probeSchema = z.strictObject({
  schema: z.literal(PROBE_SCHEMA),
  /** As a run of `compressed` alone would have it. */
  spec: runSpecSchema,
  /** For people. */
  models: z.strictObject({ bundle: z.string(), decoder: z.string(), encoder: z.string() }),
  /** What a run has no setting for. */
  limits: z.strictObject({ chunks: z.int().positive(), recallTokens: z.int().positive() }),
  collapse,
  smoothness,
  identifiers,
});

export type Probe = z.infer<typeof probeSchema>;
export type ProbeDifference = z.infer<typeof difference>;
export type ProbeEstimate = z.infer<typeof estimate>;
