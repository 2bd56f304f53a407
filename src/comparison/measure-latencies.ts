/**
 * @file Time to first token by prompt length as a function: no tasks, no text, any decoder.
 */

import { existsSync } from 'node:fs';
import { JournalError, ModelError, UsageError } from '../domain/errors.js';
import { portablePath, withPortablePaths } from '../files/portable-path.js';
import type { LatencySummary } from '../report/numbers/latency-summary.js';
import { publishLatency } from '../report/publish/latency-publish.js';
import { describeHardware, gitState, ONNXRUNTIME_VERSION, PACKAGE } from '../run/environment.js';
import {
  armsOf,
  measureLatency,
  promptTokens,
  type LatencyPlan,
  type LatencySample,
  type PromptLengths,
} from '../run/latency.js';
import {
  latencyFingerprint,
  latencyRun,
  writeLatencyRun,
  type LatencyRun,
  type LatencySpec,
} from '../run/latency-json.js';
import {
  assertWritable,
  defaultFolder,
  makeFolder,
  requireNothingForeign,
  runFolder,
  type RunFolder,
} from '../run/run-folder.js';
import { fetchingWith, type Surroundings } from './events.js';
import { loadDecoder, type LoadedDecoder } from './models/open-decoder.js';
import { withoutServers, type LatencyRequest } from './request.js';
import { isServed } from '../serving/address.js';
import { DEFAULT_MODEL, DEFAULT_NEW_TOKENS, deviceSelection, servedSelection } from './settings.js';

/** Of the paper (arXiv 2510.19644): text and soft tokens always 490 tokens apart. */
const PAPER_LENGTHS: readonly PromptLengths[] = [
  { fullRag: 2500, compressed: 2010, noContext: null },
  { fullRag: 2000, compressed: 1510, noContext: null },
  { fullRag: 1500, compressed: 1010, noContext: null },
];
/** One a chunk, of the ten chunks that a run retrieves by default. */
const DEFAULT_SOFT_TOKENS = 10;
/** The interval of the sign test then leaves three rounds out at either end. */
const DEFAULT_ROUNDS = 15;

/** What a measurement came to. */
export type LatencyOutcome =
  | {
      readonly kind: 'finished';
      readonly folder: string;
      readonly run: LatencyRun;
      readonly summary: LatencySummary;
    }
  | {
      readonly kind: 'interrupted';
      readonly folder: string;
      readonly rounds: { readonly kept: number; readonly expected: number };
    };

/**
 * Times prompts of given lengths and writes a run folder.
 *
 * @param request `{}` times the paper's lengths on the embedded decoder.
 * @throws {UsageError}   If a compressed prompt has no room for its soft tokens.
 * @throws {ModelError}   If the decoder cannot be used or is too short for the prompts.
 * @throws {DataError}    If the results cannot be written, or would replace files of somebody else.
 * @throws {JournalError} If the folder holds a run already.
 * @example
 * await measureLatencies({ decoder: 'synthetic:qwen2.5-coder-0.5b' }, quietSurroundings());
 */
export async function measureLatencies(
  request: LatencyRequest,
  surroundings: Surroundings,
): Promise<LatencyOutcome> {
  const startedAt = surroundings.wallClock();
  const plan = latencyPlan(request);
  requireRoom(plan);
  const models = {
    bundle: request.model ?? DEFAULT_MODEL,
    decoder: request.decoder,
    ...servedSelection(request, true),
  };
  const folder = await claimLatencyFolder(
    request.out ?? defaultFolder(startedAt, `latency-${decoderLabel(models)}`),
  );
  const loaded = await loadDecoder(
    models,
    deviceSelection(request),
    fetchingWith(surroundings),
    surroundings.clock,
  );
  try {
    requirePositions(plan, loaded);
    await makeFolder(folder.path);
    const run = describeLatencyRun(request, plan, loaded, startedAt);
    await writeLatencyRun(folder.runJson, run);
    return await measureRounds({ folder, plan, run, loaded, surroundings });
  } finally {
    surroundings.onEvent({ kind: 'stopped' });
    await loaded.decoder.dispose();
  }
}

/** For the name of a folder. */
function decoderLabel({
  decoder,
  bundle,
}: {
  readonly decoder: string | undefined;
  readonly bundle: string;
}): string {
  if (decoder === undefined) return bundle;
  return isServed(decoder) ? 'vllm' : decoder;
}

function latencyPlan(request: LatencyRequest): LatencyPlan {
  return {
    lengths: request.promptLengths ?? PAPER_LENGTHS,
    softTokens: request.softTokens ?? DEFAULT_SOFT_TOKENS,
    maxNewTokens: request.maxNewTokens ?? DEFAULT_NEW_TOKENS,
    rounds: request.ttftRepeats ?? DEFAULT_ROUNDS,
    seed: request.seed ?? 0,
  };
}

async function claimLatencyFolder(path: string): Promise<RunFolder> {
  const folder = runFolder(path);
  await assertWritable(path);
  if (existsSync(folder.latency) || existsSync(folder.journal)) {
    throw new JournalError(`${path}: holds a run already`, ['choose another folder with --out']);
  }
  requireNothingForeign(folder);
  return folder;
}

function describeLatencyRun(
  request: LatencyRequest,
  { lengths, ...numbers }: LatencyPlan,
  { name, hasRandomWeights, origin, files, execution, proof, decoder, served }: LoadedDecoder,
  startedAt: Date,
): LatencyRun {
  const spec: LatencySpec = {
    program: { name: PACKAGE.name, version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION },
    decoder: decoder.identity,
    lengths: [...lengths],
    ...numbers,
    ...execution,
    ...(served === null ? {} : { device: 'vllm', dtype: served.dtype ?? 'unknown', server: served }),
  };
  return latencyRun({
    given: withPortablePaths(withoutServers(request)),
    spec,
    fingerprint: latencyFingerprint(spec),
    startedAt: startedAt.toISOString(),
    finishedAt: null,
    hardware: describeHardware(),
    git: gitState(process.cwd()),
    decoder: { name: portablePath(name), hasRandomWeights, origin, files: { ...files } },
    deviceProof: proof,
  });
}

/** Times round after round; every complete round is published before the next begins. */
async function measureRounds(measurement: {
  readonly folder: RunFolder;
  readonly plan: LatencyPlan;
  readonly run: LatencyRun;
  readonly loaded: LoadedDecoder;
  readonly surroundings: Surroundings;
}): Promise<LatencyOutcome> {
  const { folder, plan, run, loaded, surroundings } = measurement;
  const { onEvent, signal, clock, wallClock } = surroundings;
  const samples: LatencySample[] = [];
  const total = plan.rounds * armsOf(plan).length;
  onEvent({ kind: 'started', work: 'timing', total, unit: 'steps' });
  const isComplete = await measureLatency(
    plan,
    { decoder: loaded.decoder, clock },
    {
      isCancelled: () => signal.aborted,
      onSample: () => {
        onEvent({ kind: 'advanced', steps: 1 });
      },
      onRound: async (round) => {
        samples.push(...round);
        await publishLatency(folder, run, samples);
      },
    },
  );
  onEvent({ kind: 'stopped' });
  if (!isComplete) {
    const kept = samples.at(-1)?.round ?? 0;
    return { kind: 'interrupted', folder: folder.path, rounds: { kept, expected: plan.rounds } };
  }
  const finished = { ...run, finishedAt: wallClock().toISOString() };
  const summary = await publishLatency(folder, finished, samples);
  await writeLatencyRun(folder.runJson, finished);
  return { kind: 'finished', folder: folder.path, run: finished, summary };
}

/** @throws {UsageError} If a compressed prompt is shorter than its soft tokens. */
function requireRoom({ lengths, softTokens }: LatencyPlan): void {
  for (const { fullRag, compressed } of lengths) {
    if (compressed > softTokens) continue;
    throw new UsageError(
      `--prompt-lengths ${fullRag}/${compressed}: ${compressed} tokens have no room for ${softTokens} soft tokens and text`,
      ['lengthen the compressed prompt, or lower --soft-tokens'],
    );
  }
}

/** @throws {ModelError} If the longest prompt and its line are beyond the decoder's positions. */
function requirePositions({ lengths, maxNewTokens }: LatencyPlan, { name, decoder }: LoadedDecoder): void {
  const longest = Math.max(...lengths.flatMap(promptTokens).map(([, tokens]) => tokens));
  const needed = longest + maxNewTokens - 1;
  if (needed <= decoder.maxPositions) return;
  throw new ModelError(
    `${name}: has ${decoder.maxPositions} positions, but ${longest} tokens and a line of ${maxNewTokens} need ${needed}`,
    [
      'give shorter --prompt-lengths or fewer --max-new-tokens',
      'synthetic:nano has the shape of nano and positions for the lengths of the paper',
    ],
  );
}
