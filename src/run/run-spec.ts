/**
 * @file Everything that decides a number, and its fingerprint.
 *
 * Two runs with one fingerprint may be resumed and merged. Not part of it: the output folder, the
 * shard, verbosity, and where on this machine things lie.
 */

import { z } from 'zod';
import { sha256 } from '../domain/hash.js';
import { REFERENCE_ENDS } from '../generation/reference.js';
import { CONTEXT_PLACEMENTS } from '../prompt/assemble.js';
import { pluginDescriptionSchema } from '../plugins/description.js';
import { servedFactsSchema } from '../serving/facts.js';
import { canonicalJson } from '../domain/canonical-json.js';

const count = z.int().positive();

export const runSpecSchema = z
  .strictObject({
    program: z.strictObject({ name: z.string(), version: z.string(), onnxruntime: z.string() }),
    dataset: z.strictObject({
      id: z.string(),
      contentHash: z.string(),
      /** Tasks of the whole run, before sharding. */
      taskCount: count,
      /** SHA-256 over the ids of those tasks, in order. */
      taskIdsHash: z.string(),
    }),
    /** Identities: hashes of weights, configurations and tokenizer files. */
    models: z.strictObject({
      decoder: z.string(),
      decoderTokenizer: z.string(),
      promptFamily: z.string(),
      /** Null where no configuration of the run compresses. */
      compression: z
        .strictObject({
          encoder: z.string(),
          encoderTokenizer: z.string(),
          projector: z.string(),
          input: z.string(),
          maxTokens: count,
          normalize: z.boolean(),
        })
        .nullable(),
      /** The tuned constant prompt, and its vectors; absent in a run without one. */
      softPrompt: z.exactOptional(z.strictObject({ identity: z.string(), tokens: count })),
      /** Null where no configuration of the run ranks by vectors. */
      retrieverEncoder: z.strictObject({ encoder: z.string(), tokenizer: z.string() }).nullable(),
    }),
    /** Names are open: a run may have those of plug-ins. */
    pipelines: z.array(z.string().min(1)),
    retrievers: z.array(z.string().min(1)),
    retrievalProfile: z.string(),
    metricProfile: z.string(),
    /** Several in a sweep, ascending; none where nothing is retrieved. */
    topK: z.array(count),
    contextPlacement: z.enum(CONTEXT_PLACEMENTS),
    maxPromptTokens: count,
    contextTokens: count,
    maxNewTokens: count,
    device: z.string(),
    dtype: z.string(),
    threads: count,
    /** Timed prefills for each configuration and task; absent where the run is not timed. */
    ttftRepeats: z.exactOptional(count),
    seed: z.int(),
    /** Soft tokens of a chunk; absent for one, so that such runs have the fingerprint they always had. */
    softTokensPerChunk: z.exactOptional(count),
    /** How the decoder ends a line, where the likelihood of the references is measured; absent where it is not. */
    referenceEnd: z.exactOptional(z.enum(REFERENCE_ENDS)),
    /** By what the text budget is divided, ascending; absent where nobody asked for a ratio. */
    compressionRatio: z.exactOptional(z.array(z.number().positive()).min(1)),
    /** Chunks that `expanded` shows as text; absent in runs without it. */
    expandedChunks: z.exactOptional(z.int().nonnegative()),
    /** The server that runs the decoder, and on what the encoders run; absent where the decoder runs on this machine. */
    server: z.exactOptional(
      z.strictObject({
        ...servedFactsSchema.shape,
        encoders: z.strictObject({ device: z.string(), dtype: z.string() }),
      }),
    ),
    /** What plug-ins brought, in the order given; absent where there are none. */
    plugins: z.exactOptional(z.array(pluginDescriptionSchema).min(1)),
    /** `none` where nothing is timed; absent for a run that is timed. */
    timing: z.exactOptional(z.literal('none')),
  })
  .refine(
    ({ timing, ttftRepeats }) => (timing === undefined) !== (ttftRepeats === undefined),
    'a run has ttftRepeats, or else timing "none"',
  );

export type RunSpec = z.infer<typeof runSpecSchema>;

/** Whether the records of a run have times. */
export function isTimed({ timing }: Pick<RunSpec, 'timing'>): boolean {
  return timing === undefined;
}

/**
 * SHA-256 of the run spec in canonical form.
 *
 * @example // the order in which fields were written does not matter, a changed seed does
 */
export function fingerprint(spec: RunSpec): string {
  return sha256(canonicalJson(spec));
}
