/**
 * @file What a task costs as a run grows: time per task and memory from 100 to 100,000 tasks of ten configurations.
 *
 *     npm run bench:scale                    100, 1,000, 10,000 and 100,000 tasks
 *     npm run bench:scale -- 5000            another size
 *     npm run bench:scale -- --write         into docs/performance.md
 *     npm run bench:scale -- 5000 --keep DIR the run folder stays in DIR
 *
 * The real loop, journal, task file, resume and reports, over fifty made-up repositories of forty files,
 * ten configurations a task (no-context, and full-rag, budget-rag and compressed by BM25 at three top-k). Models cost
 * nothing here,
 * since theirs is the same for every task: the decoder is a stub that answers from a table, encoder and projector
 * give zeros, a token is a character. Each size is three processes: the run, a resumption of it that finds
 * everything recorded, and its report anew; memory is the largest resident set of each.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import type { Repository } from '../src/domain/task.js';
import { taskId, type CompletionTask } from '../src/domain/task.js';
import { formatBytes, tokenId, type TokenId } from '../src/domain/units.js';
import { metricProfile } from '../src/metrics/registry.js';
import type { Decoder, DecoderStep } from '../src/inference/decoder.js';
import { budgetRagPipeline } from '../src/pipelines/budget-rag.js';
import { compressedPipeline } from '../src/pipelines/compressed.js';
import { fullRagPipeline } from '../src/pipelines/full-rag.js';
import { noContextPipeline } from '../src/pipelines/no-context.js';
import type { Pipeline } from '../src/pipelines/pipeline.js';
import { promptFormat } from '../src/prompt/fim.js';
import { publish } from '../src/report/publish/publish.js';
import { lexicalTokens } from '../src/retrieval/lexical-tokens.js';
import { askingOf, retrievalProfile } from '../src/retrieval/profile.js';
import { configurations } from '../src/run/configurations.js';
import { execute } from '../src/run/execute.js';
import { JournalWriter, readJournal } from '../src/run/journal.js';
import { RecordTable } from '../src/run/record-table.js';
import { indexRepositories } from '../src/run/repository-index.js';
import { makeFolder, runFolder } from '../src/run/run-folder.js';
import { runJson, type RunJson } from '../src/run/run-json.js';
import { EvidenceWriter, scanTaskEvidence } from '../src/run/task-evidence.js';
import { matrixOf, type Matrix } from '../src/tensor/matrix.js';
import { createRng } from '../src/tensor/rng.js';
import { fakeTokenizer as tokenizer } from '../test/support/fakes.js';
import { markdownTable, measuredOn, writeBlock } from './page.js';

const SIZES = [100, 1000, 10_000, 100_000];
const REPOSITORIES = 50;
const FILES = 40;
const LINES = 60;
const FINGERPRINT = 'f'.repeat(64);

const MODES = ['run', 'resume', 'report'] as const;
type Mode = (typeof MODES)[number];

/** What one process says of itself. */
interface Measured {
  readonly seconds: number;
  /** Of `seconds`, the part that went into the index and into the reports. */
  readonly indexSeconds: number;
  readonly reportSeconds: number;
  readonly memoryBytes: number;
}

const WIDTH = 8;
const zeros = (rows: number): Matrix => matrixOf(rows, WIDTH, new Float32Array(rows * WIDTH));

/** Answers every prompt with one line, after a table. */
class StubDecoder implements Decoder {
  readonly scorer = null;
  readonly sharedStarts = null;
  readonly wire = null;
  readonly identity = 'stub';
  readonly device = 'cpu';
  readonly dtype = 'fp32';
  readonly width = WIDTH;
  readonly vocabularySize = tokenizer.vocabularySize;
  readonly maxPositions = 100_000;
  readonly concurrent = false;
  readonly #answer: readonly TokenId[] = tokenizer.encode('return total(items);\n');

  embed(ids: readonly TokenId[]): Matrix {
    return zeros(ids.length);
  }
  prefill(inputs: Matrix): Promise<DecoderStep> {
    return Promise.resolve(this.#step(0, inputs.rows));
  }
  decode(_token: TokenId, cache: DecoderStep['cache']): Promise<DecoderStep> {
    return Promise.resolve(
      this.#step((cache as DecoderStep['cache'] & { index: number }).index + 1, cache.length + 1),
    );
  }
  dispose(): Promise<void> {
    return Promise.resolve();
  }

  #step(index: number, length: number): DecoderStep {
    const cache = { index, length, dispose: () => undefined };
    return { token: this.#answer[index] ?? tokenId(0), logits: new Float32Array(1), cache };
  }
}

const WORDS = Array.from({ length: 400 }, (_, i) => `word${i.toString(36)}`);

function repositoryOf(name: string): Repository {
  const rng = createRng(Number(name.slice(1)) + 1);
  const line = (): string =>
    `  ${Array.from({ length: 5 }, () => WORDS[rng.int(WORDS.length)]!).join('.')}(${rng.int(1000)});`;
  const files = Array.from({ length: FILES }, (_, f) => ({
    path: `src/f${f}.ts`,
    text: Array.from({ length: LINES }, line).join('\n'),
  }));
  return { name, files };
}

/** The tasks take turns through the repositories, and in each through its files and their lines. */
function tasksOf(count: number): CompletionTask[] {
  const repositories = Array.from({ length: REPOSITORIES }, (_, r) => repositoryOf(`r${r}`));
  return Array.from({ length: count }, (_, t): CompletionTask => {
    const { name, files } = repositories[t % REPOSITORIES]!;
    const turn = Math.floor(t / REPOSITORIES);
    const { path, text } = files[turn % FILES]!;
    const lines = text.split('\n');
    const at = 10 + (Math.floor(turn / FILES) % 40);
    return {
      id: taskId(`${name}/${turn}`),
      repository: name,
      path,
      language: 'typescript',
      prefix: `${lines.slice(0, at).join('\n')}\n`,
      reference: lines[at]!,
      suffix: `\n${lines.slice(at + 1).join('\n')}`,
      crossFile: t % 3 === 0,
    };
  });
}

const AXES = {
  pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed'],
  retrievers: ['bm25'],
  topK: [2, 5, 10],
} as const;

function runOf(tasks: number): RunJson {
  return runJson({
    given: {},
    spec: {
      program: { name: 'llava-eval', version: '0', onnxruntime: '0' },
      dataset: { id: 'made-up', contentHash: '0', taskCount: tasks, taskIdsHash: '0' },
      models: {
        ...{ decoder: 'stub', decoderTokenizer: 'characters', promptFamily: 'qwen2.5-coder' },
        ...{ compression: null, retrieverEncoder: null },
      },
      ...{ pipelines: [...AXES.pipelines], retrievers: [...AXES.retrievers], topK: [...AXES.topK] },
      ...{
        retrievalProfile: 'repoformer@2',
        metricProfile: 'llavacode@1',
        contextPlacement: 'before-prefix',
      },
      ...{ maxPromptTokens: 480, contextTokens: 600, maxNewTokens: 30 },
      ...{ device: 'cpu', dtype: 'fp32', threads: 1, ttftRepeats: 1, seed: 0 },
    },
    fingerprint: FINGERPRINT,
    shard: null,
    startedAt: '2026-01-31T12:00:00.000Z',
    finishedAt: '2026-01-31T12:05:00.000Z',
    hardware: { cpu: 'any', cores: 1, memoryGiB: 1, platform: 'any', node: 'any' },
    git: null,
    models: { decoder: 'stub', encoder: null, retrieverEncoder: null, bundle: 'stub', sources: [] },
    data: [],
    skippedRecords: 0,
    chunks: 0,
    deviceProof: null,
    resources: null,
  });
}

async function measure(mode: Mode, count: number, out: string): Promise<Measured> {
  const start = performance.now();
  const folder = runFolder(out);
  const run = runOf(count);
  let indexMs = 0;
  const earlier = mode === 'run' ? null : await readJournal(folder.journal);
  const records = earlier?.records ?? new RecordTable();
  if (mode !== 'report') {
    const evidenced = earlier === null ? null : await scanTaskEvidence(folder.tasks);
    const tasks = tasksOf(count);
    const profile = retrievalProfile('repoformer');
    const indexStart = performance.now();
    const index = await indexRepositories(
      {
        tasks,
        repository: (name) => Promise.resolve(repositoryOf(name)),
        setting: { profile, asking: askingOf(profile, 'last-n', false)!, terms: lexicalTokens },
        retrievers: AXES.retrievers,
        resources: {
          embedder: () => {
            throw new Error('BM25 needs no encoder');
          },
        },
      },
      { start: () => undefined, advance: () => undefined, isCancelled: () => false },
    );
    indexMs = performance.now() - indexStart;
    const clock = (): number => performance.now();
    const facts = { modelType: 'qwen2', vocabularySize: tokenizer.vocabularySize, endIds: [] };
    const format = promptFormat('qwen2.5-coder', tokenizer, facts);
    const setting = {
      ...{ tokenizer, format, clock, placement: 'before-prefix' as const },
      budget: { leftTokens: 300, rightTokens: 150, contextTokens: 600 },
    };
    const none = { identity: 'none', dispose: () => Promise.resolve() };
    const pipelines = [
      noContextPipeline({ setting }),
      fullRagPipeline({ setting }),
      budgetRagPipeline({ setting, tokensPerChunk: 1, compressionRatio: null }),
      compressedPipeline({
        setting,
        compressor: () => ({
          encoder: {
            ...none,
            width: WIDTH,
            maxTokens: 512,
            encode: (inputs) => Promise.resolve(zeros(inputs.length)),
          },
          tokenizer,
          template: { before: [], after: [], maxTokens: 512 },
          normalize: true,
          tokensPerChunk: 1,
          projector: {
            ...none,
            layers: 2,
            hiddenWidths: [WIDTH],
            inputWidth: WIDTH,
            outputWidth: WIDTH,
            project: (v) => Promise.resolve(v),
          },
        }),
      }),
    ];
    await makeFolder(out);
    const journal =
      earlier === null
        ? await JournalWriter.create(folder.journal, FINGERPRINT)
        : await JournalWriter.reopen(folder.journal, earlier);
    const evidence = await EvidenceWriter.open(folder.tasks, evidenced);
    await execute(
      {
        ...{ tasks, configurations: configurations(AXES), maxNewTokens: 30, seed: 0 },
        timing: { kind: 'timed', ttftRepeats: 1 },
      },
      {
        ...{
          decoder: new StubDecoder(),
          tokenizer,
          format,
          clock,
          metrics: metricProfile('llavacode', null),
          likelihood: null,
          lender: null,
        },
        pipelines: new Map(pipelines.map((one): [Pipeline['name'], Pipeline] => [one.name, one])),
        retriever: (name, task) => index!.retriever(name, task),
      },
      {
        recorded: records,
        isCancelled: () => false,
        onTask: (task) => evidence.append(task),
        onRecord: async (record) => {
          await journal.append(record);
          records.add(record);
        },
      },
    );
    await evidence.close();
    await journal.close();
  }
  const reportStart = performance.now();
  await publish(folder, run, records);
  const end = performance.now();
  return {
    seconds: (end - start) / 1000,
    indexSeconds: indexMs / 1000,
    reportSeconds: (end - reportStart) / 1000,
    memoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

const [mode, sizeText, out] = process.argv.slice(2);
const asked = MODES.find((each) => each === mode);
if (asked !== undefined && out !== undefined) {
  process.stdout.write(JSON.stringify(await measure(asked, Number(sizeText), out)));
} else {
  const isWritten = process.argv.includes('--write');
  const chosen = process.argv.slice(2).filter((argument) => argument !== '--write');
  const rows: string[][] = [];
  for (const size of chosen.length === 0 ? SIZES : chosen.map(Number)) {
    const folder = mkdtempSync(join(tmpdir(), 'scale-'));
    try {
      const measured = new Map<Mode, Measured>();
      for (const each of MODES) {
        const child = spawnSync(
          process.execPath,
          ['--import', 'tsx', fileURLToPath(import.meta.url), each, String(size), folder],
          { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
        );
        if (child.status !== 0)
          throw new Error(`${each} of ${size} tasks ended with ${child.status ?? child.signal}`);
        measured.set(each, JSON.parse(child.stdout) as Measured);
      }
      const [run, resume, report] = MODES.map((each) => measured.get(each)!) as [
        Measured,
        Measured,
        Measured,
      ];
      const perTask = (seconds: number): string => ((seconds * 1000) / size).toFixed(2);
      const row = [
        String(size),
        perTask(run.seconds - run.indexSeconds - run.reportSeconds),
        perTask(run.indexSeconds),
        perTask(run.reportSeconds),
        run.seconds.toFixed(1),
        formatBytes(run.memoryBytes),
        `${resume.seconds.toFixed(1)} s, ${formatBytes(resume.memoryBytes)}`,
        `${report.seconds.toFixed(1)} s, ${formatBytes(report.memoryBytes)}`,
        formatBytes(statSync(join(folder, 'journal.jsonl')).size),
        formatBytes(statSync(join(folder, 'report.html')).size),
      ];
      rows.push(row);
      process.stderr.write(`${row.join('  ')}\n`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const table = markdownTable([
    [
      ...['tasks', 'loop, ms a task', 'index, ms a task', 'reports, ms a task', 'run, s', 'run, memory'],
      ...['resumed when whole', '`report`', 'journal', 'report.html'],
    ],
    ...rows,
  ]);
  process.stdout.write(`${measuredOn()}\n\n${table}\n`);
  if (isWritten) writeBlock('scale', table);
}
