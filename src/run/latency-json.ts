/**
 * @file The files of a run with `--latency-only`: `run.json` says what it was, `latency.json` what it measured.
 *
 * The program writes both anew after every round, whole or not at all. A run that is killed so keeps the rounds that it
 * finished.
 */

import { z } from 'zod';
import { JournalError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { sha256 } from '../domain/hash.js';
import { ms } from '../domain/units.js';
import { writeAtomically } from '../files/atomic-file.js';
import { canonicalJson } from '../domain/canonical-json.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { deviceProofSchema } from '../inference/device-proof.js';
import { servedFactsSchema } from '../serving/facts.js';
import { gitSchema, hardwareSchema } from './environment.js';
import { LATENCY_PIPELINES, MEASURES } from './latency.js';

export const LATENCY_RUN_SCHEMA = 'llava-eval/latency-run@1';
const LATENCY_SCHEMA = 'llava-eval/latency@1';

const count = z.int().positive();
const duration = z.number().nonnegative().transform(ms);

/** Everything that decides a number. */
const latencySpecSchema = z.strictObject({
  program: z.strictObject({ name: z.string(), version: z.string(), onnxruntime: z.string() }),
  /** Identity: a hash of the weights and the configuration, or of everything that random weights follow from. */
  decoder: z.string(),
  lengths: z.array(z.strictObject({ fullRag: count, compressed: count, noContext: count.nullable() })),
  softTokens: count,
  maxNewTokens: count,
  rounds: count,
  device: z.string(),
  dtype: z.string(),
  threads: count,
  seed: z.int(),
  /** The server that runs the decoder; absent where it runs on this machine. */
  server: z.exactOptional(servedFactsSchema),
});

export type LatencySpec = z.infer<typeof latencySpecSchema>;

/** SHA-256 of the spec in canonical form. */
export function latencyFingerprint(spec: LatencySpec): string {
  return sha256(canonicalJson(spec));
}

const latencyRunSchema = z.strictObject({
  schema: z.literal(LATENCY_RUN_SCHEMA),
  /** The settings as the user gave them. */
  given: z.record(z.string(), z.unknown()),
  spec: latencySpecSchema,
  fingerprint: z.string(),
  startedAt: z.string(),
  /** Null while rounds are missing. */
  finishedAt: z.string().nullable(),
  hardware: hardwareSchema,
  git: gitSchema.nullable(),
  decoder: z.strictObject({
    /** As the user wrote it. */
    name: z.string(),
    hasRandomWeights: z.boolean(),
    origin: z.strictObject({ id: z.string(), commit: z.string() }).nullable(),
    files: z.record(z.string(), z.string()),
  }),
  deviceProof: deviceProofSchema,
});

export type LatencyRun = z.infer<typeof latencyRunSchema>;

const latencySamplesSchema = z.strictObject({
  schema: z.literal(LATENCY_SCHEMA),
  fingerprint: z.string(),
  /** What `report.md` shows, a function of the samples. */
  summary: z.unknown(),
  samples: z.array(
    z.strictObject({
      round: count,
      lengths: z.int().nonnegative(),
      pipeline: z.enum(LATENCY_PIPELINES),
      measure: z.enum(MEASURES),
      isControl: z.boolean(),
      embedMs: duration,
      prefillMs: duration,
      decodeMs: duration.nullable(),
    }),
  ),
});

export type LatencySamples = z.infer<typeof latencySamplesSchema>;

/** Fills in the schema name. */
export function latencyRun(content: Omit<LatencyRun, 'schema'>): LatencyRun {
  return { schema: LATENCY_RUN_SCHEMA, ...content };
}

/** Writes `run.json`, whole or not at all. */
export function writeLatencyRun(path: string, run: LatencyRun): Promise<void> {
  return writeAtomically(path, `${JSON.stringify(run, null, 2)}\n`);
}

/** Writes `latency.json`, whole or not at all; a sample a line. */
export function writeLatencySamples(path: string, content: Omit<LatencySamples, 'schema'>): Promise<void> {
  const { fingerprint, summary, samples } = content;
  const head = JSON.stringify({ schema: LATENCY_SCHEMA, fingerprint, summary }, null, 2).slice(0, -2);
  const lines = samples.map((sample) => `    ${JSON.stringify(sample)}`).join(',\n');
  return writeAtomically(path, `${head},\n  "samples": [\n${lines}\n  ]\n}\n`);
}

/** Reads both files. @throws {JournalError} If one cannot be read or they belong to different runs. */
export async function readLatency(files: {
  readonly runJson: string;
  readonly latency: string;
}): Promise<{ readonly run: LatencyRun; readonly samples: LatencySamples['samples'] }> {
  const run = await readChecked(files.runJson, latencyRunSchema);
  const { fingerprint, samples } = await readChecked(files.latency, latencySamplesSchema);
  if (fingerprint !== run.fingerprint) {
    throw new JournalError(`${files.latency}: belongs to another run than the run.json beside it`, [
      'restore the folder as it was written',
    ]);
  }
  return { run, samples };
}

async function readChecked<S extends z.ZodType>(path: string, schema: S): Promise<z.infer<S>> {
  try {
    return schema.parse(parseJson(await readForeignText(path)));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const problem =
      issue === undefined ? messageOf(error) : `${issue.path.join('.') || 'file'}: ${issue.message}`;
    throw new JournalError(
      `${path}: cannot be used: ${problem}`,
      ['the folder of a run with --latency-only holds run.json and latency.json as they were written'],
      { cause: error },
    );
  }
}
