import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Check } from '../../src/gate/outcome.js';
import { renderGate, renderGateMarkdown } from '../../src/gate/render.js';
import { gateResult } from '../../src/gate/result.js';

const ratio: Check = {
  kind: 'ttft-ratio',
  subject: 'compressed/unixcoder : full-rag',
  outcome: 'inconclusive',
  // Medians whose quotient is 1.12, beside a median of the quotients of 1.001.
  ...{ baseline: 2.614, run: 2.929, change: 0.001 },
  reason: 'between −4.0 % and 7.1 % slower, allowed are 5.0 %',
  moreTasks: 400,
};
const exact: Check = {
  ...{ kind: 'exact-match', subject: 'compressed/unixcoder', outcome: 'passed' },
  ...{ baseline: 20, run: 20, change: 0, reason: 'the same on all 80 tasks', moreTasks: null },
};
const result = gateResult({
  checks: [exact, ratio],
  mode: 'pass',
  run: { path: 'results/pr', fingerprint: 'f' },
  baseline: {
    reason: 'first',
    updatedAt: '2026-01-01T00:00:00.000Z',
    tasks: { ids: ['a'], repositories: ['r'], repository: [0] },
    run: { fingerprint: 'f' },
  },
  baselinePath: 'baseline.json',
  changes: [],
  isSameHardware: true,
  hasTimes: true,
  now: new Date('2026-01-02T00:00:00.000Z'),
});

describe('a gate in words', () => {
  test('says that a change is the median of the changes of each task, where medians stand beside it', () => {
    for (const broken of [renderGate(result), renderGateMarkdown(result)]) {
      const text = broken.replace(/\s+/g, ' ');
      assert.match(text, /median of what became of the ratio of each task/);
      assert.equal(text.split('quotient of the two medians').length, 2, 'once');
    }
  });

  test('has no line that is wider than the terminal, and the same numbers in every width', () => {
    const numbers = (text: string): string[] => text.match(/\d+\.\d+/g) ?? [];
    for (const width of [60, 80, 120]) {
      const text = renderGate(result, width);
      assert.ok(Math.max(...text.split('\n').map(({ length }) => length)) <= width, `${width}:\n${text}`);
      assert.deepEqual(numbers(text), numbers(renderGate(result)));
    }
  });
});
