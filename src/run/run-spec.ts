/**
 * @file Everything that decides a number, and its fingerprint.
 *
 * Two runs with one fingerprint may be compared, resumed and merged. Not part of it: the output
 * folder, the shard, verbosity, and where on this machine things lie.
 */

import { canonicalJson, sha256, type Json } from './canonical-json.js';

export interface RunSpec {
  readonly program: { readonly name: string; readonly version: string; readonly onnxruntime: string };
  readonly dataset: {
    readonly id: string;
    readonly contentHash: string;
    /** Tasks of the whole run, before sharding. */
    readonly taskCount: number;
    /** SHA-256 over the ids of those tasks, in order. */
    readonly taskIdsHash: string;
  };
  readonly models: {
    readonly decoder: string;
    readonly decoderTokenizer: string;
    readonly promptFamily: string;
    /** Null where no configuration of the run uses them. */
    readonly compression: {
      readonly encoder: string;
      readonly encoderTokenizer: string;
      readonly projector: string;
      readonly maxTokens: number;
      readonly normalize: boolean;
    } | null;
    readonly retrieverEncoder: { readonly encoder: string; readonly tokenizer: string } | null;
  };
  readonly pipelines: readonly string[];
  readonly retrievers: readonly string[];
  readonly retrievalProfile: string;
  readonly metricProfile: string;
  readonly topK: number;
  readonly contextPlacement: string;
  readonly maxPromptTokens: number;
  readonly contextTokens: number;
  readonly maxNewTokens: number;
  readonly device: string;
  readonly dtype: string;
  readonly threads: number;
  readonly ttftRepeats: number;
  readonly seed: number;
}

/**
 * SHA-256 of the run spec in canonical form.
 *
 * @example // the order in which fields were written does not matter, a changed seed does
 */
export function fingerprint(spec: RunSpec): string {
  return sha256(canonicalJson(toJson(spec)));
}

/** A run spec holds JSON values only; this states it to the compiler, field by field. */
function toJson(spec: RunSpec): Json {
  const { program, dataset, models, ...rest } = spec;
  const { compression, retrieverEncoder, ...ids } = models;
  return {
    ...rest,
    program: { ...program },
    dataset: { ...dataset },
    models: {
      ...ids,
      compression: compression === null ? null : { ...compression },
      retrieverEncoder: retrieverEncoder === null ? null : { ...retrieverEncoder },
    },
  };
}
