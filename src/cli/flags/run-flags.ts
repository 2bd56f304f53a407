/**
 * @file The flags of `run`, and those of them that `probe` shares. None has a default here: an absent flag must not hide the configuration file.
 */

import { Option, type Command } from 'commander';
import { formatNames } from '../../datasets/formats/all.js';
import { LANGUAGES } from '../../domain/languages.js';
import { DEVICE_REQUESTS, DTYPES } from '../../inference/device.js';
import { metricProfileNames } from '../../metrics/registry.js';
import { runnablePipelines } from '../../pipelines/all.js';
import {
  DEFAULT_PIPELINES,
  obeysCompressionRatio,
  pipelineInRole,
  pipelineNames,
  usesExpansion,
} from '../../pipelines/kinds.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';
import { RETRIEVAL_PROFILES } from '../../retrieval/profile.js';
import { DEFAULT_RETRIEVERS, retrieversInWords } from '../../retrieval/kinds.js';
import { ON_BY_DEFAULT } from '../../run/command-line.js';
import { CONFIG_FILE } from './config-file.js';
import {
  anyWholeNumber,
  limit,
  listOf,
  maxFailures,
  oneMore,
  oneOf,
  promptLengths,
  ratio,
  retrieverList,
  shard,
  sweep,
  wholeNumber,
  words,
} from './options.js';

/** Adds a flag to a command. */
type Add = <T>(flags: string, description: string, parse?: (text: string, before?: T) => T) => void;

const list = (names: readonly string[]): string => names.join(', ');

/** How flags are added to a command. */
function adderOf(command: Command): Add {
  return (flags, description, parse) => {
    const option = new Option(flags, description);
    if (parse !== undefined) option.argParser(parse);
    command.addOption(option);
  };
}

/** Declares every flag of `run`. */
export function addRunFlags(command: Command): Command {
  const add = adderOf(command);
  addTaskFlags(add);
  addModelFlags(add);
  addMethodFlags(add);
  addPromptFlags(add);
  addDeviceFlags(add);
  addFolderFlags(add);
  addLatencyFlags(add);
  add('--config <file>', `settings in JSON (default: ${CONFIG_FILE}, if there is one)`);
  // Commander would set the positive forms of flags that were not given.
  for (const key of ON_BY_DEFAULT) command.setOptionValueWithSource(key, undefined, undefined);
  return command;
}

/**
 * Declares the flags of `probe`: those of `run` that decide the soft tokens and what is asked about them, and its own.
 */
export function addProbeFlags(command: Command): Command {
  const add = adderOf(command);
  addTaskFlags(add);
  addModelFlags(add);
  addRetrievalFlags(add);
  addMetricFlag(add);
  addWindowFlags(add);
  addExecutionFlags(add);
  add('--chunks <n>', 'chunks whose vectors are compared, at most (default: 2000)', wholeNumber(2));
  add(
    '--recall-tokens <n>',
    'longest continuation in which the names of a chunk are looked for (default: 32)',
    wholeNumber(1),
  );
  add('--seed <n>', 'what is drawn: other chunks, directions of noise (default: 0)', anyWholeNumber);
  add('--out <dir>', 'folder of the probe (default: a new one under results/)');
  addVectorCacheFlag(add);
  addPluginFlag(add);
  addOutputFlags(add, 'probe.json');
  command.setOptionValueWithSource('vectorCache', undefined, undefined);
  return command;
}

/** Which tasks are answered. */
function addTaskFlags(add: Add): void {
  add(
    '--dataset <id|file|dir>',
    'benchmark, .jsonl or .parquet file, or a folder with code (default: npm-ts-lines)',
  );
  add('--repos <path>', 'where the repositories of a file of records lie: a folder or an archive');
  add(
    '--format <name>',
    `schema of the records (default: told from them): ${list(formatNames())}`,
    oneOf(formatNames()),
  );
  add(
    '--language <name>',
    `only lines of this language, of a folder with code: ${list(LANGUAGES)} (default: all)`,
    oneOf(LANGUAGES),
  );
  add('--limit <n>', 'how many tasks, spread evenly; "all" for every one', limit);
  add('--tasks <ids>', 'only these task ids, separated by commas', words);
  add('--skip-invalid', 'leave damaged records out and count them');
}

/** Which models answer them. */
function addModelFlags(add: Add): void {
  add(
    '--model <bundle>',
    'decoder, encoder and projector in one: nano, a folder or a hub id (default: nano)',
  );
  add(
    '--decoder <model>',
    'folder, .gguf or .onnx file, or hub id[@revision] to use instead of the bundle’s decoder; vllm:URL for one that ' +
      'a server runs (vllm:URL,URL for replicas)',
  );
  add(
    '--decoder-files <model>',
    'with vllm:URL: folder, .gguf file or hub id of its model; the embedding table and the tokenizer are read of it',
  );
  add(
    '--allow-prefix-cache',
    'with vllm:URL: take a server that remembers prompts, so that some times are too short',
  );
  add(
    '--tokenizer <model>',
    'folder or hub id[@revision] of a tokenizer to use instead of the decoder’s own',
  );
  add('--encoder <model>', 'folder or hub id[@revision] to use instead of the bundle’s encoder');
  add('--projector <file>', '.safetensors, .pth or .ckpt, here or as id/path on the hub');
  add(
    '--soft-prompt <file>',
    `a tuned constant prompt [n, C] for all pipelines but ${pipelineInRole('no-retrieval')}, as .safetensors`,
  );
  add('--retriever-encoder <model>', 'encoder of the unixcoder retriever (default: the encoder)');
  add(
    '--prompt-family <name>',
    `how the decoder is prompted: ${list(PROMPT_FAMILIES)} (default: recognized)`,
    oneOf(PROMPT_FAMILIES),
  );
  add(
    '--prompt-template <text>',
    'the same written down: control tokens around {prefix} and {suffix}, in any order',
  );
  add(
    '--encoder-input <form>',
    `what stands around a chunk: ${list(ENCODER_INPUTS)} (default: the encoder’s)`,
    oneOf(ENCODER_INPUTS),
  );
}

/** What is compared, and how it is scored. */
function addMethodFlags(add: Add): void {
  add(
    '--pipelines <names>',
    `any of ${list(runnablePipelines())} (default: ${list(DEFAULT_PIPELINES)})`,
    listOf(runnablePipelines()),
  );
  addRetrievalFlags(add);
  addMetricFlag(add);
  add(
    '--compression-ratio <r>',
    `what --context-tokens is divided by, for ${list(pipelineNames().filter(obeysCompressionRatio))} ` +
      '(default: as many tokens as soft tokens take)',
    ratio,
  );
  add(
    '--expand <m>',
    `chunks that ${list(pipelineNames().filter(usesExpansion)) || 'no pipeline'} shows as text, the best first (default: 1)`,
    wholeNumber(0),
  );
  add(
    '--sweep <setting=1,2,…>',
    'every pipeline at each of several values in one run: top-k=1,3,10 or compression-ratio=1,2,4',
    sweep,
  );
  addPluginFlag(add);
}

/** Which chunks a task gets. */
function addRetrievalFlags(add: Add): void {
  add(
    '--retrievers <names>',
    `any of ${retrieversInWords()} (default: ${list(DEFAULT_RETRIEVERS)})`,
    retrieverList,
  );
  add(
    '--retrieval-profile <name>',
    `constants of retrieval: ${list(RETRIEVAL_PROFILES)}`,
    oneOf(RETRIEVAL_PROFILES),
  );
  add('--top-k <k>', 'chunks per task (default: as many as the retrieval profile gives)', wholeNumber(1));
}

function addMetricFlag(add: Add): void {
  add(
    '--metric-profile <name>',
    `how completions are scored: ${list(metricProfileNames())}`,
    oneOf(metricProfileNames()),
  );
}

function addPluginFlag(add: Add): void {
  add(
    '--plugin <file>',
    'a file of JavaScript that adds pipelines, retrievers, metric profiles or record formats; several: once for ' +
      'each. It runs with your rights',
    oneMore,
  );
}

/** What a prompt may hold. */
function addPromptFlags(add: Add): void {
  addWindowFlags(add);
  add(
    '--context-tokens <n>',
    'budget of the cross-file block as text (default: the bundle’s)',
    wholeNumber(1),
  );
}

/** What a prompt without cross-file text may hold. */
function addWindowFlags(add: Add): void {
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
  add('--max-new-tokens <n>', 'longest completion (default: 50)', wholeNumber(1));
}

/** Where and how often it is timed. */
function addDeviceFlags(add: Add): void {
  addExecutionFlags(add);
  add(
    '--ttft-repeats <n>',
    'timed prefills per task and configuration (default: 1); rounds with --latency-only',
    wholeNumber(1),
  );
  add('--no-timing', 'quality alone: prefill every prompt once, and time nothing');
  add(
    '--concurrency <n>',
    'tasks in flight, with --no-timing and a decoder that takes several sequences at once (default: 1)',
    wholeNumber(1),
  );
  add('--no-likelihood', 'leave out how likely the decoder finds the true completions');
  add('--seed <n>', 'order of the configurations, resampling (default: 0)', anyWholeNumber);
}

/** Where the models run. */
function addExecutionFlags(add: Add): void {
  add('--device <name>', `${list(DEVICE_REQUESTS)} (default: auto)`, oneOf(DEVICE_REQUESTS));
  add('--dtype <name>', `${list(DTYPES)} (default: fp32)`, oneOf(DTYPES));
  add('--threads <n>', 'threads of the runtime (default: physical cores)', wholeNumber(1));
  add('--require-device', 'fail before the first task if any part of the decoder runs elsewhere');
}

/** What is kept, and where. */
function addFolderFlags(add: Add): void {
  add(
    '--shard <i/n|auto>',
    'only the i-th of n fixed parts of the tasks; auto: the part that Slurm, Kubernetes, AWS Batch or GitLab gave ' +
      'this process, in a folder of its own in --out, continued if it is there',
    shard,
  );
  add('--out <dir>', 'run folder (default: a new one under results/)');
  add('--resume', 'continue the run in --out; without one, start it');
  add('--retry-failed', 'with --resume: answer again what failed');
  add(
    '--max-failures <n|p%>',
    'end the run when more records have failed, or a larger share of all (default: go on whatever fails)',
    maxFailures,
  );
  addVectorCacheFlag(add);
  addOutputFlags(add, 'summary.json');
}

function addVectorCacheFlag(add: Add): void {
  add('--no-vector-cache', 'encode every chunk again, and keep no vector for the next run');
}

/** @param file What is printed as JSON. */
function addOutputFlags(add: Add, file: string): void {
  add('--json', `print ${file} instead of the table`);
  add('--quiet', 'no progress and no notes on stderr');
}

/** Runs without tasks. */
function addLatencyFlags(add: Add): void {
  add('--latency-only', 'no tasks: time prompts of given lengths, with any decoder or synthetic:<shape>');
  add(
    '--prompt-lengths <full/compressed,…>',
    `tokens, for --latency-only; a third number is ${pipelineInRole('no-retrieval')} (default: the paper’s)`,
    promptLengths,
  );
  add('--soft-tokens <n>', 'of a compressed prompt, for --latency-only (default: 10)', wholeNumber(1));
}
