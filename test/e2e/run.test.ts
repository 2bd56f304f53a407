import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { collectRecords } from '../../src/run/journal.js';
import { recordKey, type TaskRecord } from '../../src/run/record.js';
import { readTaskEvidence, type TaskEvidence } from '../../src/run/task-evidence.js';
import type { Summary } from '../../src/report/numbers/summary.js';
import { llavaEval, type Finished } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';
import { some } from '../support/some.js';

let folder = '';
let bundle = '';
/** What the program said when it made the run folder `a`, which the tests read and never change. */
let made: Finished;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-e2e-'));
  bundle = join(folder, 'bundle');
  writeTinyBundle(bundle);
  made = await llavaEval(runArgs('a'));
  assert.equal(made.code, 0, made.stderr);
});
after(async () => {
  await rm(folder, { recursive: true });
});

const CHARTS = ['likelihood.svg', 'pareto.svg', 'retrievers.svg', 'stages.svg', 'ttft.svg'];

/** The command of most tests; the tiny random model on the hand-made dataset, on the CPU. */
const runArgs = (out: string, ...more: string[]): string[] => [
  'run',
  ...['--dataset', 'tiny', '--model', bundle, '--device', 'cpu', '--threads', '1', '--max-new-tokens', '8'],
  ...['--max-prompt-tokens', '300', '--context-tokens', '300', '--out', join(folder, out)],
  ...more,
];

const summaryOf = (out: string): Summary =>
  JSON.parse(readFileSync(join(folder, out, 'summary.json'), 'utf8')) as Summary;

/** What a record says apart from times, which differ from run to run. */
const withoutTimes = (record: TaskRecord): object => ({ ...record, timing: null });

async function recordsOf(out: string): Promise<Map<string, object>> {
  const records = await collectRecords(join(folder, out, 'journal.jsonl'));
  return new Map(records.map((record) => [recordKey(record.taskId, record), withoutTimes(record)]));
}

/** What the tasks were, in the order they ran. */
async function tasksOf(out: string): Promise<[string, TaskEvidence][]> {
  const content = await readTaskEvidence(join(folder, out, 'tasks.jsonl'));
  return [...content!.tasks];
}

describe('llava-eval run', () => {
  test('prints one row a configuration and writes the run folder', async () => {
    const { stdout } = made;
    const rows = stdout.split('\n').filter((line) => /^(no-context|full-rag|compressed) /.test(line));
    assert.equal(rows.length, 7);
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80),
      stdout,
    );
    assert.ok(!stdout.includes('\u001b'), 'no colour when not on a terminal');
    assert.deepEqual((await readdir(join(folder, 'a', 'charts'))).sort(), CHARTS);
    assert.deepEqual((await readdir(join(folder, 'a'))).sort(), [
      'charts',
      'journal.jsonl',
      'junit.xml',
      'report.html',
      'report.md',
      'run.json',
      'summary.json',
      'tasks.jsonl',
    ]);
    const summary = summaryOf('a');
    assert.equal(summary.schema, 'llava-eval/summary@1');
    assert.deepEqual(
      summary.rows.map((row) => [row.pipeline, row.retriever, row.tasks.scored]),
      [
        ['no-context', null, 12],
        ...['full-rag', 'compressed'].flatMap((p) => ['jaccard', 'unixcoder', 'bm25'].map((r) => [p, r, 12])),
      ],
    );
    for (const row of summary.rows) {
      assert.ok(row.ttftMs !== null);
      assert.ok(
        row.ttftMs.p50 !== null && row.ttftColdMs.p50 !== null && row.ttftMs.p50 <= row.ttftColdMs.p50,
      );
    }
  });

  test('scores with the metric profile asked for: in records, summary, report and fingerprint', async () => {
    const only = ['--pipelines', 'no-context', '--limit', '2', '--metric-profile', 'cceval'];
    const { code, stderr } = await llavaEval(runArgs('cceval', ...only));
    assert.equal(code, 0, stderr);
    const summary = summaryOf('cceval');
    assert.equal(summary.spec.metricProfile, 'cceval@1');
    assert.deepEqual(Object.keys(summary.rows[0]!.extras!), ['idEm', 'idPrecision', 'idRecall', 'idF1']);
    assert.notEqual(summary.fingerprint, summaryOf('a').fingerprint);
    const report = readFileSync(join(folder, 'cceval', 'report.md'), 'utf8');
    assert.match(report, /profile cceval@1: .*; ES is fuzz\.ratio as an integer percentage/);
    assert.match(report, /identifier F1/);
  });

  test('gives compressed fewer prompt tokens than full-rag and prints the reduction with its interval', () => {
    const { rows } = summaryOf('a');
    const compressed = rows.filter(({ pipeline }) => pipeline === 'compressed');
    assert.equal(compressed.length, 3);
    for (const row of compressed) {
      const full = rows.find((other) => other.pipeline === 'full-rag' && other.retriever === row.retriever)!;
      assert.ok(row.promptTokens.mean! < full.promptTokens.mean!);
      assert.ok(row.ttftReductionVsFullRag!.ci95 !== null && row.ttftReductionVsFullRag!.pairs === 12);
    }
  });

  test('keeps every task once, with the chunks that its records name', async () => {
    const tasks = new Map(await tasksOf('a'));
    assert.equal(tasks.size, 12);
    const records = await collectRecords(join(folder, 'a', 'journal.jsonl'));
    assert.equal(records.length, 12 * 7);
    for (const record of records) {
      assert.ok(record.status === 'scored', record.taskId);
      const { chunks } = tasks.get(record.taskId)!;
      for (const { path, startLine, endLine } of record.chunks) {
        const found = chunks.filter(
          (chunk) => chunk.path === path && chunk.startLine === startLine && chunk.endLine === endLine,
        );
        assert.equal(found.length, 1);
      }
    }
  });

  test('answers the same way twice: same completions, same quality numbers', async () => {
    assert.equal((await llavaEval(runArgs('b', '--quiet'))).code, 0);
    assert.deepEqual(await recordsOf('b'), await recordsOf('a'));
    const quality = (out: string) => summaryOf(out).rows.map((row) => [row.exactMatch, row.editSimilarity]);
    assert.deepEqual(quality('b'), quality('a'));
    assert.equal(summaryOf('b').fingerprint, summaryOf('a').fingerprint);
  });

  test('with --json prints the summary alone, and with --quiet nothing on stderr', async () => {
    const args = runArgs('c', '--limit', '2', '--json', '--quiet', '--pipelines', 'no-context');
    const { stdout, stderr } = await llavaEval(args);
    assert.equal(stderr, '');
    const summary = JSON.parse(stdout) as Summary;
    assert.deepEqual([summary.rows.length, summary.rows[0]!.tasks.total], [1, 2]);
  });

  test('takes its settings from a configuration file, and flags win', async () => {
    const work = join(folder, 'work');
    await mkdir(work);
    const settings = { limit: 1, pipelines: ['no-context', 'full-rag'], retrievers: ['bm25'], topK: 3 };
    await writeFile(join(work, 'llava-eval.config.json'), JSON.stringify(settings));
    const { code, stderr } = await llavaEval(runArgs('d', '--top-k', '2'), { cwd: work });
    assert.equal(code, 0, stderr);
    const summary = summaryOf('d');
    assert.deepEqual([summary.spec.topK, summary.rows.length, summary.dataset.tasks], [[2], 2, 1]);
  });

  test('a sweep runs every retrieval pipeline at each top-k, as runs of their own would', async () => {
    const chosen = ['--limit', '6', '--pipelines', 'no-context,budget-rag,compressed', '--quiet'];
    const args = (out: string, ...more: string[]): string[] =>
      runArgs(out, ...chosen, '--retrievers', 'bm25', ...more);
    const { code, stdout, stderr } = await llavaEval(args('sweep', '--sweep', 'top-k=3,1'));
    assert.equal(code, 0, stderr);
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80),
      stdout,
    );
    assert.match(stdout, /^budget-rag  bm25 +3 +6 /m);
    assert.match(
      stdout,
      /^A\/A: the same prompt timed twice differs by \d+\.\d % \(slower over faster\)\n.*interval: [\d.]+x \[/m,
    );
    assert.match(stdout, /compressed\/bm25 k=3 +0\.00 /);
    const { rows, spec, noiseFloor } = summaryOf('sweep');
    assert.deepEqual(
      rows.map((row) => [row.pipeline, row.retriever, row.topK]),
      [
        ['no-context', null, null],
        ...['budget-rag', 'compressed'].flatMap((pipeline) => [1, 3].map((k) => [pipeline, 'bm25', k])),
      ],
    );
    assert.deepEqual(
      [spec.topK, noiseFloor!.pairs, noiseFloor!.configuration.pipeline],
      [[1, 3], 6, 'no-context'],
    );
    // Equal latency by construction: the same number of prompt tokens, task for task.
    for (const k of [1, 3]) {
      const [budget, compressed] = ['budget-rag', 'compressed'].map(
        (pipeline) => rows.find((row) => row.pipeline === pipeline && row.topK === k)!.promptTokens,
      );
      assert.deepEqual(budget, compressed);
    }
    const swept = await recordsOf('sweep');
    assert.equal(swept.size, 6 * 5);
    for (const k of ['1', '3']) {
      assert.equal((await llavaEval(args(`k${k}`, '--top-k', k))).code, 0);
      for (const [key, record] of some(await recordsOf(`k${k}`))) assert.deepEqual(swept.get(key), record);
    }
  });

  test('k soft tokens a chunk take k places, budget-rag follows, and the control is reproducible', async () => {
    const wide = join(folder, 'wide');
    writeTinyBundle(wide, { softTokens: 2 });
    const args = (out: string, ...pipelines: string[]): string[] =>
      runArgs(
        out,
        ...['--model', wide, '--limit', '4', '--retrievers', 'bm25', '--top-k', '3', '--quiet'],
        ...['--pipelines', pipelines.join()],
      );
    const { code, stdout, stderr } = await llavaEval(
      args('wide-run', 'no-context', 'budget-rag', 'compressed', 'compressed-random'),
    );
    assert.equal(code, 0, stderr);
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80),
      stdout,
    );
    assert.match(stdout, /^The projector gives 2 soft tokens a chunk\.$/m);
    assert.match(stdout, /^Against compressed-random:$/m);
    const summary = summaryOf('wide-run');
    const rowOf = (pipeline: string) => summary.rows.find((row) => row.pipeline === pipeline)!;
    const [bare, budget, soft, random] = ['no-context', 'budget-rag', 'compressed', 'compressed-random'].map(
      rowOf,
    );
    assert.deepEqual(
      [summary.spec.softTokensPerChunk ?? 1, soft!.softTokens.mean],
      [2, 2 * soft!.chunks.mean!],
    );
    assert.equal(soft!.promptTokens.mean, bare!.promptTokens.mean! + soft!.softTokens.mean!);
    assert.deepEqual(random!.promptTokens, soft!.promptTokens);
    assert.deepEqual(budget!.promptTokens, soft!.promptTokens);
    assert.deepEqual([random!.stagesMs!.encode, soft!.stagesMs!.encode! > 0], [0, true]);
    // Alone, the control answers as it does beside others; budget-rag has the length of the projector it lacks.
    assert.equal((await llavaEval(args('wide-alone', 'budget-rag', 'compressed-random'))).code, 0);
    assert.equal((await llavaEval(args('wide-budget', 'budget-rag'))).code, 0);
    const whole = await recordsOf('wide-run');
    for (const out of ['wide-alone', 'wide-budget']) {
      for (const [key, record] of some(await recordsOf(out))) assert.deepEqual(whole.get(key), record);
    }
  });

  test('interrupted and resumed, records what an uninterrupted run records', async () => {
    const journal = join(folder, 'e', 'journal.jsonl');
    const first = await llavaEval(runArgs('e'), {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(journal) || readFileSync(journal, 'utf8').split('\n').length < 3) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 5);
      },
    });
    assert.equal(first.code, 130, first.stderr);
    const kept = await recordsOf('e');
    assert.ok(kept.size > 0 && kept.size < 84, `${kept.size} records`);
    // What a crash leaves behind: the last line torn in two.
    await truncate(journal, (await readFile(journal)).length - 20);
    await appendFile(join(folder, 'e', 'tasks.jsonl'), '{"taskId":"relay/');
    const second = await llavaEval(runArgs('e', '--resume'));
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(await recordsOf('e'), await recordsOf('a'));
    assert.deepEqual(await tasksOf('e'), await tasksOf('a'));
  });

  test('refuses to resume under other settings', async () => {
    const { code, stderr } = await llavaEval(runArgs('a', '--resume', '--top-k', '3'));
    assert.equal(code, 2);
    assert.match(stderr, /was made with other settings/);
  });

  test('never overwrites an earlier run', async () => {
    const { code, stderr } = await llavaEval(runArgs('a'));
    assert.equal(code, 3);
    assert.match(stderr, /--resume/);
  });
});

describe('llava-eval report and merge', () => {
  test('rebuilding the reports of a run folder gives the same bytes', async () => {
    const read = (): Promise<string[]> =>
      Promise.all(
        [
          'summary.json',
          'report.md',
          'report.html',
          'junit.xml',
          ...CHARTS.map((name) => `charts/${name}`),
        ].map((name) => readFile(join(folder, 'a', name), 'utf8')),
      );
    const before = await read();
    const { code, stdout, stderr } = await llavaEval(['report', join(folder, 'a')]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /compressed +bm25 +12/);
    assert.deepEqual(await read(), before);
  });

  test('writes the formats that are asked for, and prompts of as many tasks', async () => {
    const copy = join(folder, 'copy');
    await cp(join(folder, 'a'), copy, { recursive: true });
    for (const name of ['report.md', 'report.html', 'junit.xml']) await rm(join(copy, name));
    const { code, stderr } = await llavaEval(['report', copy, '--format', 'html', '--tasks', '2']);
    assert.equal(code, 0, stderr);
    assert.ok(!existsSync(join(copy, 'report.md')) && !existsSync(join(copy, 'junit.xml')));
    assert.match(await readFile(join(copy, 'report.html'), 'utf8'), /Prompts and chunks of 2 of 12 tasks/);
  });

  test('a run folder without what its tasks were is reported all the same', async () => {
    const bare = join(folder, 'bare');
    await cp(join(folder, 'a'), bare, { recursive: true });
    await rm(join(bare, 'tasks.jsonl'));
    await rm(join(bare, 'report.md'));
    const { code, stderr } = await llavaEval(['report', bare]);
    assert.equal(code, 0, stderr);
    assert.equal(
      await readFile(join(bare, 'report.md'), 'utf8'),
      await readFile(join(folder, 'a', 'report.md'), 'utf8'),
    );
  });

  test('shards merged give the quality numbers of one run; a missing shard is named, and nothing is written', async () => {
    const out = (i: number): string => `s${i}`;
    for (const i of [1, 2]) {
      const { code, stderr } = await llavaEval(runArgs(out(i), '--shard', `${i}/2`, '--quiet'));
      assert.equal(code, 0, stderr);
    }
    const shards = [1, 2].map((i) => join(folder, out(i)));
    const { code, stderr } = await llavaEval(['merge', ...shards, '--out', join(folder, 'merged')]);
    assert.equal(code, 0, stderr);
    const quality = (name: string) =>
      summaryOf(name).rows.map((row) => [row.exactMatch, row.editSimilarity, row.vsNoContext, row.tasks]);
    assert.deepEqual(quality('merged'), quality('a'));
    assert.deepEqual(new Map(await tasksOf('merged')), new Map(await tasksOf('a')));

    const half = await llavaEval(['merge', shards[0]!, '--out', join(folder, 'half')]);
    assert.equal(half.code, 3);
    assert.match(half.stderr, /missing: shard 2\/2/);
    assert.equal(existsSync(join(folder, 'half')), false);
  });
});
