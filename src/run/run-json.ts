/**
 * @file `run.json` says about a run what its journal does not say. Reports are made from the two.
 */

import { z } from 'zod';
import { JournalError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { deviceProofSchema } from '../inference/device-proof.js';
import { writeAtomically } from '../files/atomic-file.js';
import { learnPlugins } from '../plugins/description.js';
import { gitSchema, hardwareSchema } from './environment.js';
import { olderVersion } from './journal.js';
import { LATENCY_RUN_SCHEMA } from './latency-json.js';
import { resourcesSchema } from './phases.js';
import { runSpecSchema } from './run-spec.js';

const RUN_SCHEMA = 'llava-eval/run@2';
const OLDER_RUN_SCHEMA = 'llava-eval/run@1';

const olderSchema = z.looseObject({ schema: z.literal(OLDER_RUN_SCHEMA) });

const latencySchema = z.looseObject({ schema: z.literal(LATENCY_RUN_SCHEMA) });

const runJsonSchema = z.strictObject({
  schema: z.literal(RUN_SCHEMA),
  /** The settings as the user gave them. */
  given: z.record(z.string(), z.unknown()),
  /** The resolved settings: everything that decides a number. */
  spec: runSpecSchema,
  fingerprint: z.string(),
  shard: z.strictObject({ index: z.int().positive(), count: z.int().positive() }).nullable(),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  hardware: hardwareSchema,
  git: gitSchema.nullable(),
  /** Names for people, and the source of every file in use. */
  models: z.strictObject({
    decoder: z.string(),
    encoder: z.string().nullable(),
    retrieverEncoder: z.string().nullable(),
    bundle: z.string(),
    sources: z.array(
      z.strictObject({
        role: z.enum([
          'bundle',
          'decoder',
          'tokenizer',
          'encoder',
          'projector',
          'constant-prompt',
          'retriever-encoder',
        ]),
        /** As the user wrote it. */
        reference: z.string(),
        /** Repository and commit on the hub; null for local files. */
        origin: z.strictObject({ id: z.string(), commit: z.string() }).nullable(),
        /** SHA-256 by path. */
        files: z.record(z.string(), z.string()),
      }),
    ),
  }),
  data: z.array(
    z.strictObject({
      repository: z.string(),
      origin: z.string(),
      licence: z.string().nullable(),
      size: z.strictObject({ files: z.int(), characters: z.int() }).nullable(),
    }),
  ),
  /** Damaged records left out with --skip-invalid. */
  skippedRecords: z.int(),
  /** Chunks over all repositories. */
  chunks: z.int(),
  /** Where the decoder ran; null in runs that were made before this was recorded. */
  deviceProof: deviceProofSchema.nullable().default(null),
  /** What the run took; null until it is finished, of joined shards, and in runs before this was recorded. */
  resources: resourcesSchema.nullable().default(null),
});

export type RunJson = z.infer<typeof runJsonSchema>;

/** Fills in the schema name. */
export function runJson(content: Omit<RunJson, 'schema'>): RunJson {
  return { schema: RUN_SCHEMA, ...content };
}

/** Writes it whole or not at all. */
export function writeRunJson(path: string, run: RunJson): Promise<void> {
  return writeAtomically(path, `${JSON.stringify(run, null, 2)}\n`);
}

/** @throws {JournalError} If the file cannot be read or was not written by this version. */
export async function readRunJson(path: string): Promise<RunJson> {
  try {
    const content: unknown = parseJson(await readForeignText(path));
    if (olderSchema.safeParse(content).success) throw olderVersion(path, OLDER_RUN_SCHEMA, RUN_SCHEMA);
    if (latencySchema.safeParse(content).success) {
      throw new JournalError(`${path}: is of a run with --latency-only, which has no tasks and no journal`, [
        'its latency.json holds what was measured; `llava-eval report` shows it again',
      ]);
    }
    const run = runJsonSchema.parse(content);
    // From here on reports, gate and compare know the names, whether or not the plug-ins are at hand.
    learnPlugins(run.spec.plugins ?? []);
    return run;
  } catch (error) {
    if (error instanceof JournalError) throw error;
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const problem =
      issue === undefined ? messageOf(error) : `${issue.path.join('.') || 'file'}: ${issue.message}`;
    throw new JournalError(
      `${path}: cannot be used: ${problem}`,
      ['a run folder, as written by `llava-eval run`, holds run.json and journal.jsonl'],
      { cause: error },
    );
  }
}
