/**
 * @file Readers of what runs leave behind, which may come from somebody else: run folders, baselines, settings.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfigFile } from '../../../src/cli/flags/config-file.js';
import { baselineOf, baselineSide, formatBaseline, readBaseline } from '../../../src/gate/baseline.js';
import { renderHtml } from '../../../src/report/html/document.js';
import { listedTasks, packTasks, readPageEvidence } from '../../../src/report/html/explorer-data.js';
import { renderMarkdown } from '../../../src/report/documents/markdown.js';
import { runJUnit } from '../../../src/report/documents/run-junit.js';
import { renderTable } from '../../../src/report/terminal/table.js';
import { reportView } from '../../../src/report/view/view.js';
import { DEFAULT_RULES, readRules, RULES_SCHEMA } from '../../../src/gate/rules.js';
import { configurations } from '../../../src/run/configurations.js';
import { readFinishedRun } from '../../../src/run/finished-run.js';
import { collectRecords } from '../../../src/run/journal.js';
import { readLatency } from '../../../src/run/latency-json.js';
import { RecordTable } from '../../../src/run/record-table.js';
import { readTaskEvidence } from '../../../src/run/task-evidence.js';
import { summarizeRun } from '../../../src/report/numbers/summarize-run.js';
import { syntheticRun, type SyntheticRun } from '../../support/synthetic-run.js';
import { bendJson, bendJsonLines } from '../mutate/json.js';
import type { FuzzTarget } from '../target.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const lines = (records: readonly unknown[]): Buffer =>
  Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));

const small = (): SyntheticRun => syntheticRun({ tasks: 5, retrievers: ['bm25'], failures: 1 });

const journalOf = ({ run, records }: SyntheticRun): Buffer =>
  lines([{ schema: 'llava-eval/journal@2', fingerprint: run.fingerprint }, ...records]);

/** The files of a run folder, except the one that is bent. */
const runFolderWithout =
  (left: string) =>
  (folder: string): void => {
    const content = small();
    const files = {
      'run.json': json(content.run),
      'journal.jsonl': journalOf(content),
      'tasks.jsonl': lines(content.evidence),
    };
    for (const [name, bytes] of Object.entries(files)) {
      if (name !== left) writeFileSync(join(folder, name), bytes);
    }
    mkdirSync(join(folder, 'unused'), { recursive: true });
  };

const ASSETS = { script: '', style: '' };

/** Everything that `report`, `compare` and `gate` make of a run folder, charts excepted. */
async function reportOf(folder: string): Promise<void> {
  const { run, records } = await readFinishedRun(folder);
  const tasks = join(folder, 'tasks.jsonl');
  await readTaskEvidence(tasks);
  const summary = summarizeRun(run, records);
  const view = reportView(summary, run, records);
  const listed = new Set(listedTasks(records, 'fit'));
  const packed = packTasks(
    configurations(run.spec),
    run.spec,
    await collectRecords(join(folder, 'journal.jsonl'), (id) => listed.has(id)),
    await readPageEvidence(tasks, records, 'fit'),
    'fit',
    records,
  );
  renderHtml(view, [], packed, ASSETS);
  renderMarkdown(view, []);
  Array.from(runJUnit(run, configurations(run.spec), records));
  renderTable(summary, run.deviceProof);
  formatBaseline(baselineOf({ path: folder, run, records }, 'fuzz', new Date(0)));
}

const latencyRun = {
  schema: 'llava-eval/latency-run@1',
  given: { latencyOnly: true },
  spec: {
    program: { name: 'llava-eval', version: '0.1.0', onnxruntime: '1.30.0' },
    decoder: 'random:qwen2.5-coder-1.5b',
    lengths: [{ fullRag: 300, compressed: 200, noContext: null }],
    ...{ softTokens: 10, maxNewTokens: 2, rounds: 1, device: 'cpu', dtype: 'fp32', threads: 1, seed: 0 },
  },
  fingerprint: 'f'.repeat(64),
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:01:00.000Z',
  hardware: { cpu: 'some processor', cores: 2, memoryGiB: 8, platform: 'linux', node: '22.13.0' },
  git: null,
  decoder: { name: 'tiny', hasRandomWeights: true, origin: null, files: {} },
  deviceProof: { device: 'cpu', source: 'none', graphics: [], stages: [] },
};
const latencySamples = {
  schema: 'llava-eval/latency@1',
  fingerprint: latencyRun.fingerprint,
  summary: null,
  samples: ['full-rag', 'compressed'].map((pipeline) => ({
    ...{ round: 1, lengths: 0, pipeline, measure: 'first-token', isControl: false },
    ...{ embedMs: 1, prefillMs: 20.5, decodeMs: null },
  })),
};

const settings = {
  dataset: 'tiny',
  pipelines: ['no-context', 'full-rag'],
  retrievers: ['bm25'],
  topK: 5,
  limit: 3,
  seed: 7,
  noVectorCache: true,
};

export const RUN_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'run-json',
    file: 'run.json',
    seeds: () => [json(small().run)],
    mutate: bendJson,
    prepare: runFolderWithout('run.json'),
    read: (_file, folder) => reportOf(folder),
  },
  {
    name: 'journal',
    file: 'journal.jsonl',
    seeds: () => [journalOf(small())],
    mutate: bendJsonLines,
    prepare: runFolderWithout('journal.jsonl'),
    read: (_file, folder) => reportOf(folder),
  },
  {
    name: 'task-evidence',
    file: 'tasks.jsonl',
    seeds: () => [lines(small().evidence)],
    mutate: bendJsonLines,
    prepare: runFolderWithout('tasks.jsonl'),
    read: (_file, folder) => reportOf(folder),
  },
  {
    name: 'latency-run',
    file: 'run.json',
    seeds: () => [json(latencyRun)],
    mutate: bendJson,
    prepare: (folder) => {
      writeFileSync(join(folder, 'latency.json'), json(latencySamples));
    },
    read: (file, folder) => readLatency({ runJson: file, latency: join(folder, 'latency.json') }),
  },
  {
    name: 'latency-samples',
    file: 'latency.json',
    seeds: () => [json(latencySamples)],
    mutate: bendJson,
    prepare: (folder) => {
      writeFileSync(join(folder, 'run.json'), json(latencyRun));
    },
    read: (file, folder) => readLatency({ runJson: join(folder, 'run.json'), latency: file }),
  },
  {
    name: 'baseline',
    file: 'baseline.json',
    seeds: () => {
      const { run, records } = small();
      const table = RecordTable.from(records);
      return [json(baselineOf({ path: 'run', run, records: table }, 'a good run', new Date(0)))];
    },
    mutate: bendJson,
    async read(file) {
      const baseline = await readBaseline(file);
      baselineSide(baseline);
      formatBaseline(baseline);
    },
  },
  {
    name: 'gate-rules',
    file: 'rules.json',
    seeds: () => [json({ schema: RULES_SCHEMA, ...DEFAULT_RULES })],
    mutate: bendJson,
    read: (file) => readRules(file),
  },
  {
    name: 'settings',
    file: 'llava-eval.config.json',
    seeds: () => [json(settings)],
    mutate: bendJson,
    read: (file) => readConfigFile(file),
  },
];
