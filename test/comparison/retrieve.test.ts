import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { quietSurroundings, type ComparisonEvent } from '../../src/comparison/events.js';
import { retrieveChunks } from '../../src/comparison/retrieve.js';
import { UsageError } from '../../src/domain/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-retrieve-'));
after(() => {
  rmSync(folder, { recursive: true });
});

describe('retrieval as a function', () => {
  test('reports and writes in one call, and tells its progress task by task', async () => {
    const path = join(folder, 'chunks.jsonl');
    const events: ComparisonEvent[] = [];
    const outcome = await retrieveChunks(
      { dataset: 'tiny', retrievers: ['bm25'], topK: 3, report: true, file: { path, format: 'chunks' } },
      { ...quietSurroundings(), onEvent: (event) => events.push(event) },
    );
    assert.ok(outcome.kind === 'finished');
    assert.deepEqual([outcome.tasks, outcome.leaks, outcome.report?.topK], [12, false, 3]);
    assert.deepEqual(
      outcome.report?.rows.map(({ retriever }) => retriever),
      ['bm25'],
    );
    assert.equal(readFileSync(path, 'utf8').trimEnd().split('\n').length, 12);
    assert.deepEqual(events[0], { kind: 'started', work: 'retrieving', total: 12, unit: 'steps' });
    assert.equal(events.filter(({ kind }) => kind === 'advanced').length, 12);
    assert.deepEqual(events.at(-1), { kind: 'stopped' });
  });

  test('leaves no file when it is interrupted', async () => {
    const path = join(folder, 'interrupted.jsonl');
    const outcome = await retrieveChunks(
      { dataset: 'tiny', retrievers: ['bm25'], file: { path, format: 'chunks' } },
      { ...quietSurroundings(), signal: AbortSignal.abort() },
    );
    assert.deepEqual(outcome, { kind: 'interrupted' });
    assert.equal(existsSync(path), false);
  });

  test('refuses a file of two rankings before anything is opened', async () => {
    const request = {
      dataset: 'nowhere',
      retrievers: ['bm25', 'jaccard'],
      file: { path: join(folder, 'two.jsonl'), format: 'chunks' },
    } as const;
    await assert.rejects(retrieveChunks(request, quietSurroundings()), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /holds one ranking, not 2/);
      return true;
    });
  });
});
