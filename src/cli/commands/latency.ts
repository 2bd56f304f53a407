/**
 * @file `llava-eval run --latency-only`: prompts of given lengths, timed; no tasks and no text.
 */

import { existsSync } from 'node:fs';
import { EXIT, JournalError, ModelError, UsageError, type ExitCode } from '../../domain/errors.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { publishLatency } from '../../report/publish/latency-publish.js';
import { renderLatencyTable } from '../../report/terminal/latency-report.js';
import { describeHardware, gitState, ONNXRUNTIME_VERSION, PACKAGE } from '../../run/environment.js';
import {
  armsOf,
  measureLatency,
  promptTokens,
  type LatencyPlan,
  type LatencySample,
  type PromptLengths,
} from '../../run/latency.js';
import { latencyFingerprint, latencyRun, writeLatencyRun, type LatencySpec } from '../../run/latency-json.js';
import { assertWritable, defaultFolder, makeFolder, runFolder } from '../../run/run-folder.js';
import { loadDecoder, type LoadedDecoder } from '../../comparison/compose.js';
import { fetchProgress, SILENT, terminalProgress } from '../terminal/progress.js';
import type { RunOptions } from '../flags/run-options.js';
import type { Shell } from '../terminal/shell.js';

/** Of the paper (arXiv 2510.19644): text and soft tokens always 490 tokens apart. */
const PAPER_LENGTHS: readonly PromptLengths[] = [
  { fullRag: 2500, compressed: 2010, noContext: null },
  { fullRag: 2000, compressed: 1510, noContext: null },
  { fullRag: 1500, compressed: 1010, noContext: null },
];
const DEFAULT_MODEL = 'nano';
/** One a chunk, of the ten chunks that a run retrieves by default. */
const DEFAULT_SOFT_TOKENS = 10;
/** The interval of the sign test then leaves three rounds out at either end. */
const DEFAULT_ROUNDS = 15;

/** Carries out the command. */
export async function runLatency(given: RunOptions, shell: Shell): Promise<ExitCode> {
  const progress = given.quiet === true ? SILENT : terminalProgress(shell.stderr);
  const startedAt = shell.wallClock();
  const bundle = given.model ?? DEFAULT_MODEL;
  const folder = runFolder(given.out ?? defaultFolder(startedAt, `latency-${given.decoder ?? bundle}`));
  await assertWritable(folder.path);
  if (existsSync(folder.latency) || existsSync(folder.journal)) {
    throw new JournalError(`${folder.path}: holds a run already`, ['choose another folder with --out']);
  }
  const plan: LatencyPlan = {
    lengths: given.promptLengths ?? PAPER_LENGTHS,
    softTokens: given.softTokens ?? DEFAULT_SOFT_TOKENS,
    maxNewTokens: given.maxNewTokens ?? 50,
    rounds: given.ttftRepeats ?? DEFAULT_ROUNDS,
    seed: given.seed ?? 0,
  };
  requireRoom(plan);
  const threads = given.threads ?? defaultThreads();
  const dtype = given.dtype ?? 'fp32';
  const loaded = await loadDecoder({
    ...{ bundle, decoder: given.decoder, device: given.device ?? 'auto', dtype, threads },
    requireDevice: given.requireDevice ?? false,
    fetching: { progress: fetchProgress(progress), signal: shell.interrupt },
  });
  try {
    requirePositions(plan, loaded);
    const { name, hasRandomWeights, origin, files, device, proof, decoder } = loaded;
    const { lengths, ...numbers } = plan;
    const spec: LatencySpec = {
      program: { name: PACKAGE.name, version: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION },
      decoder: decoder.identity,
      lengths: [...lengths],
      ...numbers,
      ...{ device, dtype, threads },
    };
    await makeFolder(folder.path);
    const started = latencyRun({
      given,
      spec,
      fingerprint: latencyFingerprint(spec),
      startedAt: startedAt.toISOString(),
      finishedAt: null,
      hardware: describeHardware(),
      git: gitState(process.cwd()),
      decoder: { name, hasRandomWeights, origin, files: { ...files } },
      deviceProof: proof,
    });
    await writeLatencyRun(folder.runJson, started);

    const samples: LatencySample[] = [];
    progress.start('timing', plan.rounds * armsOf(plan).length);
    const isComplete = await measureLatency(
      plan,
      { decoder, clock: shell.clock },
      {
        isCancelled: () => shell.interrupt.aborted,
        onSample: () => {
          progress.advance(1);
        },
        onRound: async (round) => {
          samples.push(...round);
          await publishLatency(folder, started, samples);
        },
      },
    );
    progress.stop();
    if (!isComplete) {
      const rounds = samples.at(-1)?.round ?? 0;
      progress.note(`interrupted: ${rounds} of ${plan.rounds} rounds are kept in ${folder.path}`);
      return EXIT.interrupted;
    }
    const finished = { ...started, finishedAt: shell.wallClock().toISOString() };
    const summary = await publishLatency(folder, finished, samples);
    await writeLatencyRun(folder.runJson, finished);
    shell.stdout.write(
      given.json === true ? `${JSON.stringify(summary)}\n` : renderLatencyTable(finished, summary),
    );
    progress.note(`\neverything is in ${folder.path}: latency.json has every sample`);
    return EXIT.done;
  } finally {
    progress.stop();
    await loaded.decoder.dispose();
  }
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
