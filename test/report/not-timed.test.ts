import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { baselineOf, baselineSide, readBaseline, runSide, writeBaseline } from '../../src/gate/baseline.js';
import { checkRun } from '../../src/gate/check.js';
import { gateResult } from '../../src/gate/result.js';
import { DEFAULT_RULES } from '../../src/gate/rules.js';
import { compareRuns, renderRunComparison } from '../../src/report/compare/compare.js';
import { dataColumns } from '../../src/report/data-files/data-columns.js';
import { renderMarkdown } from '../../src/report/documents/markdown.js';
import { runJUnit } from '../../src/report/documents/run-junit.js';
import { packTasks } from '../../src/report/html/explorer-data.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import type { Comparison } from '../../src/report/numbers/verdicts.js';
import { unpackResult } from '../../src/report/page/tasks.js';
import { renderTable } from '../../src/report/terminal/table.js';
import { reportView } from '../../src/report/view/view.js';
import { configurations } from '../../src/run/configurations.js';
import type { FinishedRun } from '../../src/run/finished-run.js';
import { RecordTable } from '../../src/run/record-table.js';
import { some } from '../support/some.js';
import { syntheticRun, type SyntheticRun } from '../support/synthetic-run.js';
import { without } from '../support/without.js';

const OPTIONS = {
  tasks: 60,
  failures: 2,
  pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed', 'compressed-random'],
  topK: [3, 10],
} as const;
/** The same run with times and without. */
const timed = syntheticRun(OPTIONS);
const made = syntheticRun({ ...OPTIONS, timed: false });
const summary = summarizeRun(made.run, made.records);
const finished = (path: string, { run, records }: SyntheticRun): FinishedRun => ({
  ...{ path, run, records: RecordTable.from(records) },
});

/** What a text must not have if it says nothing of times: names of times, and what a missing number looks like. */
function assertSilent(text: string, where: string): void {
  for (const word of [/TTFT/, /\bp50\b/, /\bcold\b/, /\bNaN\b/, /\bundefined\b/, /\bms\b/, /Infinity/]) {
    const at = text.search(word);
    assert.equal(at, -1, `${where}: …${text.slice(Math.max(0, at - 80), at + 80)}…`);
  }
}

describe('a run that is not timed', () => {
  test('has the quality of the same run with times, and null for every time', () => {
    const withTimes = summarizeRun(timed.run, timed.records);
    for (const [i, row] of some(summary.rows.entries())) {
      const { ttftMs, ttftColdMs, stagesMs, ttftReductionVsFullRag, ...quality } = row;
      assert.deepEqual([ttftMs, ttftColdMs, stagesMs, ttftReductionVsFullRag], [null, null, null, null]);
      const times = ['ttftMs', 'ttftColdMs', 'stagesMs', 'ttftReductionVsFullRag'] as const;
      assert.deepEqual(quality, without(withTimes.rows[i]!, ...times));
    }
    const withoutRatio = (comparison: Comparison): object => without(comparison, 'ttftRatio');
    assert.ok(summary.comparisons.every(({ ttftRatio }) => ttftRatio === null));
    assert.deepEqual(summary.comparisons.map(withoutRatio), withTimes.comparisons.map(withoutRatio));
    assert.equal(summary.noiseFloor, null);
  });

  test('has a report without sections, columns, charts and sentences about times', () => {
    const view = reportView(summary, made.run, made.records);
    assert.deepEqual(
      view.sections.map(({ id }) => id),
      ['overview', 'likelihood', 'recovery', 'retrievers', 'cross-file'],
    );
    assert.deepEqual(
      view.sections.flatMap(({ charts }) => charts.map(({ id }) => id)),
      ['likelihood', 'retrievers'],
    );
    assertSilent(renderMarkdown(view, []), 'report.md');
    assert.match(view.headline, /^compressed: against .*, likelihood, EM and ES are tied\.$/);
    assert.ok(
      view.caveats.includes('Nothing was timed (--no-timing), so this report says nothing about latency.'),
    );
    assert.ok(view.environment.some(({ value }) => value === 'not timed, seed 1'));
  });

  test('has a table without times in the terminal, which says why', () => {
    for (const width of [60, 80, 132]) {
      const text = renderTable(summary, null, width);
      assertSilent(text, `${width} columns`);
      assert.match(text.replaceAll('\n', ' '), /Times were not measured \(--no-timing\)/);
    }
  });

  test('has no columns of times in files for other programs', () => {
    const names = dataColumns(made.run).map(({ name }) => name);
    assert.deepEqual(
      dataColumns(timed.run).flatMap(({ name }) => (names.includes(name) ? [] : [name])),
      [
        ...['ttftMs', 'ttftColdMs', 'controlTtftMs', 'retrieveMs', 'tokenizeMs', 'encodeMs', 'projectMs'],
        ...['prefillMs', 'decodeMs'],
      ],
    );
    const scored = made.records.find(({ status }) => status === 'scored')!;
    for (const { name, valueOf } of some(dataColumns(made.run))) {
      assert.ok(!Number.isNaN(valueOf(scored)), name);
    }
  });

  test('has cases without times in junit.xml', () => {
    const lines = [...runJUnit(made.run, configurations(made.run.spec), made.records)].join('\n');
    assert.match(lines, /<testcase name="atlas\/0003" classname="atlas"\/>/);
    assert.doesNotMatch(lines, / time="/);
  });

  test('has tasks without times in the page', () => {
    const { run, records, evidence } = made;
    const packed = packTasks(
      configurations(run.spec),
      run.spec,
      records,
      new Map(evidence.map((task) => [task.taskId, task])),
      'fit',
    );
    for (const { results } of some(packed.tasks)) {
      for (const result of results) {
        const unpacked = unpackResult(result!);
        if (unpacked.status === 'scored') assert.equal(unpacked.times, null);
      }
    }
  });
});

describe('a comparison of runs', () => {
  test('says that TTFT was not measured where one of them is not timed', () => {
    const pairs = [
      [timed, made],
      [made, timed],
      [made, made],
    ] as const;
    for (const [base, other] of pairs) {
      const [comparison] = compareRuns([finished('a', base), finished('b', other)]);
      assert.ok(comparison!.comparisons.length > 0);
      assert.ok(comparison!.comparisons.every(({ ttftRatio }) => ttftRatio === null));
      const text = renderRunComparison(comparison!, []);
      assert.match(text, /TTFT: not measured, since at least one of the runs was made with --no-timing/);
      assert.doesNotMatch(text, /NaN|undefined|–x/);
    }
  });
});

describe('a baseline of a run that is not timed', () => {
  test('has no times, is read as it was written, and is passed by the same run with a word on latency', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'not-timed-'));
    try {
      const now = new Date('2026-02-01T00:00:00.000Z');
      const baseline = baselineOf(finished('a', made), 'quality alone', now);
      assert.ok(baseline.outcomes.every((outcome) => !('ttftMs' in outcome)));
      await writeBaseline(join(folder, 'b.json'), baseline);
      const read = await readBaseline(join(folder, 'b.json'));
      assert.deepEqual(read.outcomes, baseline.outcomes);
      const [before, after] = [baselineSide(read), runSide(finished('b', made))];
      assert.deepEqual([before.isTimed, after.isTimed], [false, false]);
      const checks = checkRun(before, after, DEFAULT_RULES, true);
      const { verdict, headline } = gateResult({
        ...{ checks, mode: 'pass', run: { path: 'b', fingerprint: 'f' }, baseline: read },
        ...{ baselinePath: 'b.json', changes: [], isSameHardware: true, hasTimes: false, now },
      });
      assert.equal(verdict, 'passed');
      assert.match(headline, /^gate passed: all \d+ checks; latency was not measured$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
