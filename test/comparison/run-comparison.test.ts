import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { quietSurroundings, type ComparisonEvent } from '../../src/comparison/events.js';
import { runComparison, type ComparisonOutcome } from '../../src/comparison/run-comparison.js';
import type { ComparisonRequest } from '../../src/comparison/request.js';
import { DataError, TooManyFailuresError, UsageError } from '../../src/domain/errors.js';
import { collectRecords, readJournal } from '../../src/run/journal.js';
import type { TaskRecord } from '../../src/run/record.js';
import { writeTinyBundle } from '../support/tiny-models.js';
import { without } from '../support/without.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-comparison-'));
  writeTinyBundle(join(folder, 'bundle'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const request = (out: string): ComparisonRequest => ({
  dataset: 'tiny',
  model: join(folder, 'bundle'),
  device: 'cpu',
  limit: 2,
  pipelines: ['no-context', 'full-rag'],
  retrievers: ['bm25'],
  maxNewTokens: 4,
  maxPromptTokens: 120,
  contextTokens: 60,
  out: join(folder, out),
});

const finished = (outcome: ComparisonOutcome): Extract<ComparisonOutcome, { kind: 'finished' }> => {
  assert.equal(outcome.kind, 'finished');
  return outcome;
};

describe('runComparison', () => {
  test('is a whole run: a program gets the summary, and the folder holds the reports', async () => {
    const events: ComparisonEvent[] = [];
    const { summary, run, tasks } = finished(
      await runComparison(request('whole'), {
        ...quietSurroundings(),
        onEvent: (event) => {
          events.push(event);
        },
      }),
    );
    assert.deepEqual(
      summary.rows.map((row) => [row.pipeline, row.retriever, row.tasks.scored]),
      [
        ['no-context', null, 2],
        ['full-rag', 'bm25', 2],
      ],
    );
    assert.deepEqual(tasks, { run: 2, dataset: 12 });
    assert.equal(run.given.limit, 2);
    assert.ok(run.finishedAt !== null && run.resources !== null);
    for (const name of ['run.json', 'journal.jsonl', 'summary.json', 'report.md', 'report.html']) {
      assert.ok(existsSync(join(folder, 'whole', name)), name);
    }
    // Two tasks under two configurations: four records are told of.
    const answering = events.findIndex((event) => event.kind === 'started' && event.work === 'answering');
    const steps = events
      .slice(answering)
      .reduce((sum, event) => sum + (event.kind === 'advanced' ? event.steps : 0), 0);
    assert.equal(steps, 4);
  });

  test('without times records quality alone, and does not go on with times', async () => {
    const asked = {
      ...request('untimed'),
      timing: false,
      pipelines: ['no-context', 'full-rag', 'budget-rag'],
    };
    const { summary, run } = finished(await runComparison(asked, quietSurroundings()));
    assert.deepEqual([run.spec.timing, 'ttftRepeats' in run.spec, run.given.timing], ['none', false, false]);
    assert.ok(summary.rows.every((row) => row.ttftMs === null && row.tasks.scored === 2));
    assert.ok(summary.rows.every(({ likelihood }) => likelihood !== null));
    assert.ok(run.resources?.phases.prefill !== undefined);
    const journal = await readFile(join(folder, 'untimed', 'journal.jsonl'), 'utf8');
    assert.doesNotMatch(journal, /"timing"/);
    for (const name of ['report.md', 'report.html', 'summary.json', 'junit.xml']) {
      assert.doesNotMatch(await readFile(join(folder, 'untimed', name), 'utf8'), /\bNaN\b(?![("])/, name);
    }
    const timed = without(asked, 'timing');
    await assert.rejects(
      runComparison({ ...timed, resume: true }, quietSurroundings()),
      (error: unknown) => error instanceof UsageError && error.render().includes('timing: "none"'),
    );
  });

  test('refuses tasks at the same time on a decoder that takes one sequence, and writes nothing', async () => {
    await assert.rejects(
      runComparison({ ...request('overlap'), timing: false, concurrency: 2 }, quietSurroundings()),
      (error: unknown) =>
        error instanceof UsageError &&
        /^--concurrency 2: .* takes one sequence at a time$/.test(error.message),
    );
    assert.ok(!existsSync(join(folder, 'overlap')));
  });

  test('is ended by its signal after the task at hand, and goes on where it was', async () => {
    const controller = new AbortController();
    let answered = 0;
    const outcome = await runComparison(request('resumed'), {
      ...quietSurroundings(),
      signal: controller.signal,
      onEvent: (event) => {
        // The first advance of the answers tells of no record; the second task is never begun.
        if (event.kind === 'advanced' && event.steps === 1 && ++answered === 1) controller.abort();
      },
    });
    assert.deepEqual(outcome, {
      kind: 'interrupted',
      folder: join(folder, 'resumed'),
      records: { kept: 2, expected: 4 },
      shard: null,
    });
    const resumed = finished(
      await runComparison({ ...request('resumed'), resume: true }, quietSurroundings()),
    );
    assert.deepEqual(
      resumed.summary.rows.map((row) => row.tasks.scored),
      [2, 2],
    );
    assert.equal((await readJournal(join(folder, 'resumed', 'journal.jsonl'))).records.size, 4);
  });

  test('refuses to go on with a run of other settings, and leaves it as it is', async () => {
    finished(await runComparison(request('other'), quietSurroundings()));
    await assert.rejects(
      runComparison({ ...request('other'), seed: 5, resume: true }, quietSurroundings()),
      (error: unknown) => error instanceof UsageError && error.message.includes('other settings'),
    );
    assert.equal((await readJournal(join(folder, 'other', 'journal.jsonl'))).records.size, 4);
  });

  test('answers again what failed, and only that, when asked to', async () => {
    finished(await runComparison(request('failed'), quietSurroundings()));
    const journal = join(folder, 'failed', 'journal.jsonl');
    // As kill -9 leaves it in the middle of a save.
    await writeFile(join(folder, 'failed', 'summary.json.0a1b2c3d.tmp'), '{"sche');
    const whole = await collectRecords(journal);
    await failRecords(journal, (i) => i === 2);
    const again = { ...request('failed'), resume: true };
    // Without a word about failed records, the run stays finished as it is.
    const before = finished(await runComparison(again, quietSurroundings()));
    assert.deepEqual([before.wasFinished, failedIn(before)], [true, 1]);
    const after = finished(await runComparison({ ...again, retryFailed: true }, quietSurroundings()));
    assert.deepEqual([after.wasFinished, failedIn(after)], [false, 0]);
    assert.ok(after.run.finishedAt !== null);
    assert.ok(!(await readdir(join(folder, 'failed'))).some((name) => name.endsWith('.tmp')));
    const records = await collectRecords(journal);
    assert.deepEqual(records.map(untimed).sort(byKey), whole.map(untimed).sort(byKey));
    // Those that had not failed keep their lines, times included.
    assert.deepEqual(records.slice(0, 3), [whole[0], whole[1], whole[3]]);
    await assert.rejects(
      runComparison({ ...request('failed'), retryFailed: true }, quietSurroundings()),
      (error: unknown) =>
        error instanceof UsageError && error.message.includes('--retry-failed needs --resume'),
    );
  });

  test('ends when more records have failed than are allowed, and keeps what it has', async () => {
    finished(await runComparison(request('bounded'), quietSurroundings()));
    const journal = join(folder, 'bounded', 'journal.jsonl');
    // Both records of the first task have failed; the second task is open. 60 % of four records are two.
    await failRecords(journal, (i) => i < 2);
    const lines = (await readFile(journal, 'utf8')).split('\n');
    await writeFile(journal, `${lines.slice(0, 3).join('\n')}\n`);
    const bounded = (maxFailures: number | string): ComparisonRequest => ({
      ...request('bounded'),
      ...{ resume: true, maxFailures },
    });
    for (const [asked, most] of [
      [1, 1],
      ['49%', 1],
    ] as const) {
      await assert.rejects(
        runComparison(bounded(asked), quietSurroundings()),
        (error: unknown) =>
          error instanceof TooManyFailuresError &&
          error.message.includes(`2 of 4 records failed, and --max-failures ${asked} allows ${most}`) &&
          error.render().includes('--resume --retry-failed'),
      );
      assert.equal((await readJournal(journal)).records.size, 2);
    }
    const { summary } = finished(await runComparison(bounded('60%'), quietSurroundings()));
    assert.deepEqual(
      summary.rows.map(({ tasks }) => [tasks.failed, tasks.scored]),
      [
        [1, 1],
        [1, 1],
      ],
    );
  });

  test('writes over no file of somebody else', async () => {
    const out = join(folder, 'foreign');
    await mkdir(out);
    await writeFile(join(out, 'notes.txt'), 'kept');
    await writeFile(join(out, 'report.md'), '# of somebody else');
    await assert.rejects(
      runComparison(request('foreign'), quietSurroundings()),
      (error: unknown) =>
        error instanceof DataError && /foreign: holds report\.md, and no run/.test(error.message),
    );
    assert.deepEqual((await readdir(out)).sort(), ['notes.txt', 'report.md']);
    await rm(join(out, 'report.md'));
    finished(await runComparison(request('foreign'), quietSurroundings()));
    assert.equal(await readFile(join(out, 'notes.txt'), 'utf8'), 'kept');
  });

  test('refuses a budget for prompts that the decoder has no positions for, before anything is written', async () => {
    // The tiny decoder has 2,048 positions: 120 + 1,928 fit, one token more does not.
    const wide = (contextTokens: number): ComparisonRequest => ({
      ...request(`wide-${contextTokens}`),
      contextTokens,
    });
    await assert.rejects(
      runComparison(wide(1929), quietSurroundings()),
      (error: unknown) =>
        error instanceof UsageError &&
        error.message.includes('prompts of full-rag may take 120 + 1929 = 2049 tokens') &&
        error.message.includes('positions for 2048'),
    );
    assert.ok(!existsSync(join(folder, 'wide-1929')));
    finished(await runComparison(wide(1928), quietSurroundings()));
  });

  test('without a single score it says so: how many records were skipped, and why', async () => {
    const records = join(folder, 'blank.jsonl');
    await writeFile(
      records,
      `${JSON.stringify({
        ...{ prompt: 'const area = ', groundtruth: '  ', right_context: '\n' },
        metadata: { task_id: 'shapes/1', repository: 'shapes', file: 'src/a.ts', context_start_lineno: 0 },
      })}\n`,
    );
    const outcome = finished(
      await runComparison(
        { ...request('blank'), dataset: records, pipelines: ['no-context'], metricProfile: 'repocoder' },
        quietSurroundings(),
      ),
    );
    assert.deepEqual(outcome.skipped, { 'prompt-too-long': 0, 'no-reference': 1 });
  });
});

/** Turns records of a journal, by their place, into failed ones. */
async function failRecords(journal: string, isFailed: (i: number) => boolean): Promise<void> {
  const records = await collectRecords(journal);
  const [header] = (await readFile(journal, 'utf8')).split('\n');
  const lines = records.map((record, i) => {
    const { taskId, repository, crossFile, pipeline, retriever, topK } = record;
    const common = { taskId, repository, crossFile, pipeline, retriever, topK };
    const error = { stage: 'prefill', message: 'lost' };
    return JSON.stringify(isFailed(i) ? { ...common, status: 'failed', error } : record);
  });
  await writeFile(journal, `${[header, ...lines].join('\n')}\n`);
}

const failedIn = ({ summary }: Extract<ComparisonOutcome, { kind: 'finished' }>): number =>
  summary.rows.reduce((sum, { tasks }) => sum + tasks.failed, 0);
const untimed = (record: TaskRecord): object =>
  record.status === 'scored' ? { ...record, timing: null } : record;
const byKey = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
