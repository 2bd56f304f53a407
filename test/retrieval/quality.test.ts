import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contextQuality } from '../../src/retrieval/quality.js';
import { retrievalRow, type RetrievalReport } from '../../src/report/numbers/retrieval-quality.js';
import { renderRetrievalReport } from '../../src/report/terminal/retrieval-report.js';

const TASK = {
  language: 'python',
  prefix: 'prices = load()\nfor price in prices:\n    ',
  reference: 'total = sum_of(prices)',
  suffix: '\nprint(total)\n',
} as const;

describe('the quality of chunks', () => {
  test('is the share of the identifiers they hold, of all and of those that are new', () => {
    // Identifiers: total, sum_of, prices. Around the hole: prices, total. New: sum_of.
    const with_ = contextQuality(TASK, [{ text: 'def sum_of(numbers):\n    return 0' }]);
    assert.deepEqual([with_.identifiers, with_.newIdentifiers], [1 / 3, 1]);
    const without = contextQuality(TASK, [{ text: 'prices.sum_of_all(total)' }]);
    assert.deepEqual([without.identifiers, without.newIdentifiers], [2 / 3, 0]);
  });

  test('has no value where there is nothing to find', () => {
    const { identifiers, newIdentifiers, holdsLine } = contextQuality({ ...TASK, reference: '})' }, []);
    assert.deepEqual([identifiers, newIdentifiers, holdsLine], [null, null, null]);
    assert.equal(contextQuality({ ...TASK, reference: 'total' }, []).newIdentifiers, null);
  });

  test('sees the hole’s own line whatever its indentation, the part before the hole included', () => {
    const task = { ...TASK, prefix: 'x\n    return ', reference: 'first(x)', suffix: ' + 1\n' };
    const holds = (text: string): boolean | null => contextQuality(task, [{ text }]).holdsLine;
    assert.ok(holds('a\n\treturn first(x) + 1\nb'));
    assert.ok(holds('return first(x)') === false && holds('no return first(x) + 1') === false);
  });

  test('takes the line from a reference that brings indentation and newline with it', () => {
    const task = { ...TASK, prefix: 'x\n', reference: '    go(x)\n', suffix: 'return y\n' };
    assert.ok(contextQuality(task, [{ text: 'go(x)' }]).holdsLine);
  });
});

test('the report averages over the tasks that have a value, and counts them', () => {
  const row = retrievalRow('bm25', [
    { repository: 'r', chunks: 2, identifiers: 0.5, newIdentifiers: null, holdsLine: true },
    { repository: 'r', chunks: 0, identifiers: 1, newIdentifiers: 0, holdsLine: null },
    { repository: 'r', chunks: 1, identifiers: null, newIdentifiers: null, holdsLine: false },
  ]);
  assert.deepEqual([row.chunksPerTask, row.tasksWithoutChunks], [1, 1]);
  assert.deepEqual([row.identifiers.n, row.identifiers.mean], [2, 0.75]);
  // t with one degree of freedom, 12.7 x 0.25: wider than the shares there are.
  assert.deepEqual(row.identifiers.ci95, [0, 1]);
  assert.deepEqual([row.newIdentifiers.n, row.newIdentifiers.mean, row.newIdentifiers.ci95], [1, 0, null]);
  assert.deepEqual([row.holdsLine.n, row.holdsLine.mean], [2, 0.5]);
  const report: RetrievalReport = {
    schema: 'llava-eval/retrieval-report@1',
    dataset: 'd',
    tasks: 3,
    retrievalProfile: 'cceval@2',
    query: 'last-n',
    strictReference: false,
    leaks: false,
    topK: 5,
    retrieverEncoder: null,
    unanswered: {},
    rows: [row],
  };
  assert.match(
    renderRetrievalReport(report),
    /^bm25 +1\.0 +75\.0 \[0\.0, 100\.0\] +0\.0 +50\.0 \[9\.5, 90\.5\]$/m,
  );
});
