import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { quietSurroundings, type ComparisonEvent } from '../../src/comparison/events.js';
import { runComparison, type ComparisonOutcome } from '../../src/comparison/run-comparison.js';
import type { ComparisonRequest } from '../../src/comparison/request.js';
import { UsageError } from '../../src/domain/errors.js';
import { readJournal } from '../../src/run/journal.js';
import { writeTinyBundle } from '../support/tiny-models.js';

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
});
