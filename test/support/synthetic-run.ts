/**
 * @file A run that never happened, for tests of what is made from one: seeded, with known effects.
 *
 * EM is Bernoulli, TTFT grows with the prompt and has log-normal noise. All texts are made up here.
 */

import { LLAVACODE } from '../../src/metrics/llavacode.js';
import {
  isControl,
  kindOf,
  usesRetrieval,
  usesSoftTokens,
  type PipelineName,
} from '../../src/pipelines/kinds.js';
import type { RetrieverName } from '../../src/retrieval/kinds.js';
import { configurations } from '../../src/run/configurations.js';
import type { Likelihood, TaskRecord, Timing } from '../../src/run/record.js';
import { runJson, type RunJson } from '../../src/run/run-json.js';
import type { RunSpec } from '../../src/run/run-spec.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import type { TaskEvidence } from '../../src/run/task-evidence.js';
import { without } from './without.js';

export interface SyntheticOptions {
  readonly tasks: number;
  readonly seed?: number;
  readonly pipelines?: readonly PipelineName[];
  readonly retrievers?: readonly RetrieverName[];
  readonly topK?: readonly number[];
  /** Text put into every chunk, reference and completion: for markup that must stay text. */
  readonly hostile?: string;
  /** Tasks, from the first, that fail under full-rag. */
  readonly failures?: number;
  /** Characters of code before and after each hole. */
  readonly contextCharacters?: number;
  /** Whether records have the likelihood of the reference; true by default. */
  readonly likelihood?: boolean;
  /** Whether records have times; true by default. */
  readonly timed?: boolean;
}

export interface SyntheticRun {
  readonly run: RunJson;
  readonly records: TaskRecord[];
  readonly evidence: TaskEvidence[];
}

const WORDS = ['total', 'price', 'router', 'queue', 'message', 'clock', 'retry', 'cart', 'item', 'limit'];
const REPOSITORIES = ['relay', 'shop', 'ledger', 'atlas'];

interface Effect {
  /** Probability of a right answer. */
  readonly right: number;
  /** Prompt tokens at k chunks. */
  readonly tokens: (k: number) => number;
}

const EFFECTS: Readonly<Partial<Record<PipelineName, Effect>>> = {
  'no-context': { right: 0.2, tokens: () => 540 },
  'full-rag': { right: 0.34, tokens: (k) => 540 + 52 * k },
  'budget-rag': { right: 0.22, tokens: (k) => 540 + k },
  compressed: { right: 0.28, tokens: (k) => 540 + k },
  'compressed-random': { right: 0.2, tokens: (k) => 540 + k },
  'full-rag-shuffled': { right: 0.2, tokens: (k) => 540 + 52 * k },
  'compressed-shuffled': { right: 0.2, tokens: (k) => 540 + k },
};
/** Of a pipeline that is not listed. */
const OTHER_EFFECT: Effect = { right: 0.25, tokens: (k) => 540 + 2 * k };

/** Makes the run. */
export function syntheticRun(options: SyntheticOptions): SyntheticRun {
  const {
    tasks,
    seed = 1,
    pipelines = ['no-context', 'full-rag', 'compressed'],
    retrievers = ['jaccard', 'bm25'],
    topK = [10],
    hostile = '',
    failures = 0,
    contextCharacters = 400,
    likelihood = true,
    timed = true,
  } = options;
  const rng = createRng(seed);
  // Draws of its own, so that a run without likelihood is the same run in everything else.
  const natsRng = createRng(seed + 1);
  const axes = { pipelines, retrievers, topK };
  const evidence: TaskEvidence[] = [];
  const records: TaskRecord[] = [];
  for (let t = 0; t < tasks; t++) {
    const repository = REPOSITORIES[t % REPOSITORIES.length]!;
    const reference = `return ${word(rng)}.${word(rng)}(${word(rng)});${hostile}`;
    const chunks = Array.from({ length: 12 }, (_, c) => ({
      path: `src/${WORDS[(t + c) % WORDS.length]!}.ts`,
      startLine: 1 + 10 * c,
      endLine: 10 + 10 * c,
      text: `export function ${word(rng)}(${word(rng)}: number) {\n  return ${word(rng)};\n}${hostile}`,
    }));
    const taskId = `${repository}/${String(t).padStart(4, '0')}`;
    evidence.push({
      taskId,
      repository,
      path: `src/${word(rng)}.ts`,
      language: 'typescript',
      reference,
      left: `${filler(rng, contextCharacters)}export function ${word(rng)}() {\n  `,
      right: `\n}\n${filler(rng, contextCharacters / 2)}`,
      chunks,
      ...(likelihood ? { referencePieces: [...(reference.match(/\w+|\W/g) ?? []), ''] } : {}),
    });
    /** Nats a token of this task, whatever the pipeline. */
    const difficulty = 0.5 + 3 * natsRng.next() ** 2;
    for (const configuration of configurations(axes)) {
      const { pipeline } = configuration;
      const common = { taskId, repository, crossFile: t % 3 === 0, ...configuration };
      if (pipeline === 'full-rag' && t < failures) {
        records.push({
          ...common,
          status: 'failed',
          error: { stage: 'prefill', message: `out of memory${hostile}` },
        });
        continue;
      }
      const k = usesRetrieval(pipeline) ? configuration.topK! : 0;
      const { right, tokens } = EFFECTS[pipeline] ?? OTHER_EFFECT;
      const gain = k === 0 ? 1 : 0.8 + 0.2 * Math.min(1, k / 10);
      const raw = rng.next() < right * gain ? `${reference}\n` : `return ${word(rng)};${hostile}\n`;
      const scored = { prefix: '', reference, language: 'typescript' } as const;
      const completion = LLAVACODE.open(null).compared(raw, scored);
      const { exactMatch, editSimilarity } = LLAVACODE.open(null).scoreCompared(completion, scored);
      const ttftMs = tokens(k) * 0.05 * noise(rng);
      const retrieveMs = k === 0 ? 0 : 0.4;
      const isSoft = usesSoftTokens(pipeline);
      const [encodeMs, projectMs] = isSoft ? [isControl(pipeline) ? 0 : k * 4, 0.6] : [0, 0];
      const tokenizeMs = 3;
      const { shows } = kindOf(pipeline);
      const isText = shows.some((form) => form !== 'soft-tokens');
      const timing: Timing = {
        ...{ retrieveMs, tokenizeMs, encodeMs, projectMs, ttftMs },
        prefillMs: ttftMs * 0.98,
        ttftColdMs: retrieveMs + tokenizeMs + encodeMs + projectMs + ttftMs,
        decodeMs: 30,
        ttftSamplesMs: [ttftMs],
        control:
          pipeline === 'no-context'
            ? { ttftMs: tokens(k) * 0.05 * noise(rng), ttftSamplesMs: [ttftMs] }
            : null,
      };
      records.push({
        ...common,
        status: 'scored',
        completion,
        rawCompletion: raw,
        exactMatch,
        editSimilarity: editSimilarity!,
        promptTokens: tokens(k),
        softTokens: isSoft ? k : 0,
        contextTokens: isText ? tokens(k) - 540 : 0,
        contextCharacters: isText ? 2 * (tokens(k) - 540) : 0,
        ...(shows.includes('own-text') ? { contextText: 'of '.repeat(tokens(k) - 540) } : {}),
        chunks: chunks.slice(0, k).map(({ path, startLine, endLine }, i) => ({
          ...{ path, startLine, endLine },
          score: 1 - i / 20,
        })),
        // A pipeline that is right more often finds the reference likelier: 0.1 nats a token for ten points.
        ...(likelihood
          ? {
              likelihood: likelihoodOf(
                reference,
                difficulty - right * gain + 0.2 * natsRng.normal(),
                natsRng,
              ),
            }
          : {}),
        generatedTokens: 9,
        stopReason: 'settled',
        ...(timed ? { timing } : {}),
      });
    }
  }
  const run = runOf(axes, tasks, seed);
  return { run: timed ? run : { ...run, spec: untimed(run.spec) }, records, evidence };
}

/** The same settings in a run that is not timed. */
export function untimed(spec: RunSpec): RunSpec {
  return { ...without(spec, 'ttftRepeats'), timing: 'none' };
}

/** The likelihood of a reference whose tokens cost about so much each. */
function likelihoodOf(reference: string, natsPerToken: number, rng: Rng): Likelihood {
  const tokens = (reference.match(/\w+|\W/g) ?? []).length + 1;
  const tokenNats = Array.from({ length: tokens }, () =>
    Number((Math.max(0.01, natsPerToken) * 2 * rng.next()).toFixed(4)),
  );
  return {
    referenceNats: Number(tokenNats.reduce((a, b) => a + b, 0).toFixed(6)),
    endNats: tokenNats.at(-1)!,
    referenceTokens: tokens,
    referenceCharacters: Array.from(reference).length,
    tokenNats,
  };
}

/** The settings of a made-up run. */
export function specOf(
  axes: {
    readonly pipelines: readonly PipelineName[];
    readonly retrievers: readonly RetrieverName[];
    readonly topK: readonly number[];
  },
  tasks: number,
  seed: number,
): RunSpec {
  return {
    program: { name: 'llava-eval', version: '0.1.0', onnxruntime: '1.30.0' },
    dataset: {
      id: 'synthetic',
      contentHash: 'c'.repeat(64),
      taskCount: tasks,
      taskIdsHash: 'd'.repeat(64),
    },
    models: {
      decoder: 'a'.repeat(64),
      decoderTokenizer: 'b'.repeat(64),
      promptFamily: 'qwen2.5-coder',
      compression: null,
      retrieverEncoder: null,
    },
    pipelines: [...axes.pipelines],
    retrievers: [...axes.retrievers],
    topK: [...axes.topK],
    retrievalProfile: 'repoformer@2',
    metricProfile: 'llavacode@1',
    contextPlacement: 'before-prefix',
    maxPromptTokens: 2048,
    contextTokens: 512,
    maxNewTokens: 50,
    device: 'cpu',
    dtype: 'fp32',
    threads: 2,
    ttftRepeats: 1,
    seed,
  };
}

function runOf(
  axes: {
    readonly pipelines: readonly PipelineName[];
    readonly retrievers: readonly RetrieverName[];
    readonly topK: readonly number[];
  },
  tasks: number,
  seed: number,
): RunJson {
  return runJson({
    given: {},
    spec: specOf(axes, tasks, seed),
    fingerprint: 'f'.repeat(64),
    shard: null,
    startedAt: '2026-01-31T12:00:00.000Z',
    finishedAt: '2026-01-31T12:05:00.000Z',
    hardware: { cpu: 'a processor', cores: 2, memoryGiB: 8, platform: 'linux x64', node: '20.19.0' },
    git: null,
    models: { decoder: 'synthetic', encoder: null, retrieverEncoder: null, bundle: 'synthetic', sources: [] },
    data: [{ repository: 'relay', origin: 'made in a test', licence: 'Apache-2.0', size: null }],
    skippedRecords: 0,
    chunks: 100,
    deviceProof: null,
    resources: null,
  });
}

function word(rng: Rng): string {
  return WORDS[rng.int(WORDS.length)]!;
}

function filler(rng: Rng, characters: number): string {
  let text = '';
  while (text.length < characters) text += `const ${word(rng)} = ${word(rng)} + ${rng.int(100)};\n`;
  return text;
}

/** Log-normal around 1 with a spread of a tenth. */
function noise(rng: Rng): number {
  const normal = Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
  return Math.exp(0.1 * normal);
}
