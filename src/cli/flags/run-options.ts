/**
 * @file What `run` can be told, by flag or in `llava-eval.config.json`; flags win, then the file, then
 * the model's own defaults, then the program's.
 */

import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { UsageError, messageOf } from '../../domain/errors.js';
import { FORMAT_NAMES } from '../../datasets/formats/all.js';
import { METRIC_PROFILES } from '../../metrics/registry.js';
import { DEVICE_REQUESTS, DTYPES } from '../../inference/device.js';
import { DEFAULT_PIPELINES, PIPELINES } from '../../pipelines/pipeline.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';
import { RETRIEVAL_PROFILES } from '../../retrieval/profile.js';
import {
  DEFAULT_RETRIEVERS,
  retrieverNamed,
  RETRIEVERS_IN_WORDS,
  retrieverSchema,
} from '../../retrieval/kinds.js';
import {
  limit,
  listOf,
  oneOf,
  promptLengths,
  retrieverList,
  shard,
  sweep,
  wholeNumber,
  words,
} from './options.js';

export const CONFIG_FILE = 'llava-eval.config.json';

const positive = z.int().positive();
const text = z.string().min(1);

/** The parts of a fused retriever may stand in any order, as on the command line. */
const givenRetriever = z.preprocess(
  (name) => (typeof name === 'string' ? (retrieverNamed(name) ?? name) : name),
  retrieverSchema,
);

/** Every setting of a run; the keys are those of the flags in camel case. */
const runOptionsSchema = z
  .strictObject({
    dataset: text,
    repos: text,
    format: z.enum(FORMAT_NAMES),
    limit: z.union([positive, z.literal('all')]),
    tasks: z.array(text).min(1),
    skipInvalid: z.boolean(),
    model: text,
    decoder: text,
    encoder: text,
    projector: text,
    retrieverEncoder: text,
    promptFamily: z.enum(PROMPT_FAMILIES),
    encoderInput: z.enum(ENCODER_INPUTS),
    pipelines: z.array(z.enum(PIPELINES)).min(1),
    retrievers: z.array(givenRetriever).min(1),
    retrievalProfile: z.enum(RETRIEVAL_PROFILES),
    metricProfile: z.enum(METRIC_PROFILES),
    topK: positive,
    sweep: z.strictObject({ topK: z.array(positive).min(1) }),
    contextPlacement: z.enum(CONTEXT_PLACEMENTS),
    maxPromptTokens: positive,
    contextTokens: positive,
    maxNewTokens: positive,
    device: z.enum(DEVICE_REQUESTS),
    dtype: z.enum(DTYPES),
    threads: positive,
    requireDevice: z.boolean(),
    latencyOnly: z.boolean(),
    promptLengths: z
      .array(z.strictObject({ fullRag: positive, compressed: positive, noContext: positive.nullable() }))
      .min(1),
    softTokens: positive,
    ttftRepeats: positive,
    seed: z.int(),
    shard: z.strictObject({ index: positive, count: positive }),
    out: text,
    resume: z.boolean(),
    vectorCache: z.boolean(),
    json: z.boolean(),
    quiet: z.boolean(),
  })
  .partial();

export type RunOptions = z.infer<typeof runOptionsSchema>;

/** Declares the flags. None has a default here: an absent flag must not hide the configuration file. */
export function addRunOptions(command: Command): Command {
  const add = (flags: string, description: string, parse?: (text: string) => unknown): void => {
    const option = new Option(flags, description);
    if (parse !== undefined) option.argParser(parse);
    command.addOption(option);
  };
  const list = (names: readonly string[]): string => names.join(', ');
  add(
    '--dataset <id|file|dir>',
    'benchmark, .jsonl or .parquet file, or a folder with code (default: npm-ts-lines)',
  );
  add('--repos <path>', 'where the repositories of a file of records lie: a folder or an archive');
  add(
    '--format <name>',
    `schema of the records (default: told from them): ${list(FORMAT_NAMES)}`,
    oneOf(FORMAT_NAMES),
  );
  add('--limit <n>', 'how many tasks, spread evenly; "all" for every one', limit);
  add('--tasks <ids>', 'only these task ids, separated by commas', words);
  add('--skip-invalid', 'leave damaged records out and count them');
  add(
    '--model <bundle>',
    'decoder, encoder and projector in one: nano, a folder or a hub id (default: nano)',
  );
  add('--decoder <model>', 'folder or hub id[@revision] to use instead of the bundle’s decoder');
  add('--encoder <model>', 'folder or hub id[@revision] to use instead of the bundle’s encoder');
  add('--projector <file>', '.safetensors, .pth or .ckpt, here or as id/path on the hub');
  add('--retriever-encoder <model>', 'encoder of the unixcoder retriever (default: the encoder)');
  add(
    '--prompt-family <name>',
    `how the decoder is prompted: ${list(PROMPT_FAMILIES)} (default: recognized)`,
    oneOf(PROMPT_FAMILIES),
  );
  add(
    '--encoder-input <form>',
    `what stands around a chunk: ${list(ENCODER_INPUTS)} (default: the encoder’s)`,
    oneOf(ENCODER_INPUTS),
  );
  add(
    '--pipelines <names>',
    `any of ${list(PIPELINES)} (default: ${list(DEFAULT_PIPELINES)})`,
    listOf(PIPELINES),
  );
  add(
    '--retrievers <names>',
    `any of ${RETRIEVERS_IN_WORDS} (default: ${list(DEFAULT_RETRIEVERS)})`,
    retrieverList,
  );
  add(
    '--retrieval-profile <name>',
    `constants of retrieval: ${list(RETRIEVAL_PROFILES)}`,
    oneOf(RETRIEVAL_PROFILES),
  );
  add(
    '--metric-profile <name>',
    `how completions are scored: ${list(METRIC_PROFILES)}`,
    oneOf(METRIC_PROFILES),
  );
  add('--top-k <k>', 'chunks per task (default: 10)', wholeNumber(1));
  add('--sweep <top-k=1,3,…>', 'every retrieval pipeline at each of several top-k, in one run', sweep);
  add(
    '--context-placement <place>',
    `${list(CONTEXT_PLACEMENTS)} (default: the bundle’s)`,
    oneOf(CONTEXT_PLACEMENTS),
  );
  add(
    '--max-prompt-tokens <n>',
    'window for in-file context and new tokens (default: the bundle’s)',
    wholeNumber(1),
  );
  add(
    '--context-tokens <n>',
    'budget of the cross-file block as text (default: the bundle’s)',
    wholeNumber(1),
  );
  add('--max-new-tokens <n>', 'longest completion (default: 50)', wholeNumber(1));
  add('--device <name>', `${list(DEVICE_REQUESTS)} (default: auto)`, oneOf(DEVICE_REQUESTS));
  add('--dtype <name>', `${list(DTYPES)} (default: fp32)`, oneOf(DTYPES));
  add('--threads <n>', 'threads of the runtime (default: physical cores)', wholeNumber(1));
  add('--require-device', 'fail before the first task if any part of the decoder runs elsewhere');
  add(
    '--ttft-repeats <n>',
    'timed prefills per task and configuration (default: 1); rounds with --latency-only',
    wholeNumber(1),
  );
  add(
    '--seed <n>',
    'order of the configurations, resampling (default: 0)',
    wholeNumber(Number.MIN_SAFE_INTEGER),
  );
  add('--shard <i/n>', 'only the i-th of n fixed parts of the tasks', shard);
  add('--out <dir>', 'run folder (default: a new one under results/)');
  add('--resume', 'continue the run in --out');
  add('--no-vector-cache', 'encode every chunk again, and keep no vector for the next run');
  // Commander would set the positive form of a flag that was not given.
  command.setOptionValueWithSource('vectorCache', undefined, undefined);
  add('--json', 'print summary.json instead of the table');
  add('--quiet', 'no progress and no notes on stderr');
  add('--latency-only', 'no tasks: time prompts of given lengths, with any decoder or synthetic:<shape>');
  add(
    '--prompt-lengths <full/compressed,…>',
    'tokens, for --latency-only; a third number is no-context (default: the paper’s)',
    promptLengths,
  );
  add('--soft-tokens <n>', 'of a compressed prompt, for --latency-only (default: 10)', wholeNumber(1));
  add('--config <file>', `settings in JSON (default: ${CONFIG_FILE}, if there is one)`);
  return command;
}

/**
 * Reads the configuration file.
 *
 * @param path As given by `--config`; undefined looks for the default name and accepts its absence.
 * @throws {UsageError} If it cannot be read, is not JSON, or has an unknown or ill-typed key.
 */
export async function readConfigFile(path: string | undefined): Promise<RunOptions> {
  const file = path ?? CONFIG_FILE;
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    if (path === undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new UsageError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (error) {
    throw new UsageError(`${file}: not JSON: ${messageOf(error)}`, [], { cause: error });
  }
  return checked(json, file);
}

/**
 * Joins flags and file; a flag that was given wins, and `--top-k` wins over a sweep of the file as well as
 * the other way round.
 *
 * @throws {UsageError} On an ill-typed value, or on both of them in one place.
 */
export function mergeRunOptions(flags: Readonly<Record<string, unknown>>, file: RunOptions): RunOptions {
  const given = checked(
    Object.fromEntries(
      Object.entries(flags).filter(([key, value]) => key !== 'config' && value !== undefined),
    ),
    'command line',
  );
  if (given.latencyOnly === true || (file.latencyOnly === true && given.latencyOnly === undefined)) {
    return mergeLatencyOptions(given, file);
  }
  const stray = LATENCY_KEYS.filter((key) => given[key] !== undefined);
  if (stray.length > 0) {
    throw new UsageError(`command line: ${stray.map(flagOf).join(' and ')} only with --latency-only`, [
      'a run over tasks takes its prompts from the tasks',
    ]);
  }
  const isChunkCount = (key: string): boolean => key === 'topK' || key === 'sweep';
  const isGiven = Object.keys(given).some(isChunkCount);
  const kept = Object.entries(file).filter(([key]) => !(isGiven && isChunkCount(key)));
  return { ...Object.fromEntries(kept), ...given };
}

/** Settings that only `--latency-only` has. */
const LATENCY_KEYS = ['promptLengths', 'softTokens'] as const satisfies readonly (keyof RunOptions)[];

/** Settings that mean something where there are no tasks. */
const KEYS_WITHOUT_TASKS: ReadonlySet<string> = new Set<keyof RunOptions>([
  ...LATENCY_KEYS,
  ...(['latencyOnly', 'model', 'decoder', 'device', 'dtype', 'threads', 'requireDevice'] as const),
  ...(['ttftRepeats', 'maxNewTokens', 'seed', 'out', 'json', 'quiet'] as const),
]);

/**
 * Flags that need tasks are refused; the same settings of a file, which serves other runs too, are left out.
 */
function mergeLatencyOptions(given: RunOptions, file: RunOptions): RunOptions {
  const stray = Object.keys(given).filter((key) => !KEYS_WITHOUT_TASKS.has(key));
  if (stray.length > 0) {
    throw new UsageError(`command line: --latency-only does not go with ${stray.map(flagOf).join(', ')}`, [
      'it times prompts of given lengths: there are no tasks, nothing is retrieved and nothing scored',
      `it takes ${[...KEYS_WITHOUT_TASKS]
        .filter((key) => key !== 'latencyOnly')
        .map(flagOf)
        .join(', ')}`,
    ]);
  }
  const kept = Object.entries(file).filter(([key]) => KEYS_WITHOUT_TASKS.has(key));
  return { ...Object.fromEntries(kept), ...given };
}

/** @example flagOf('maxNewTokens') // => '--max-new-tokens' */
function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function checked(value: unknown, where: string): RunOptions {
  const parsed = runOptionsSchema.safeParse(value);
  if (parsed.success) {
    if (parsed.data.topK !== undefined && parsed.data.sweep !== undefined) {
      throw new UsageError(`${where}: --top-k and --sweep exclude each other`, [
        'a sweep runs every top-k it lists; put the one you want among them',
      ]);
    }
    return parsed.data;
  }
  throw new UsageError(
    `${where}: ${parsed.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`).join('; ')}`,
    ['the keys are those of the flags of `llava-eval run`, in camel case'],
  );
}
