import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ablationTable, type AblationRow } from '../../scripts/ablation-table.js';
import { cardBlock } from '../../scripts/card-block.js';
import type { PipelineName } from '../../src/pipelines/kinds.js';
import type { FinishedRun } from '../../src/run/finished-run.js';
import { RecordTable } from '../../src/run/record-table.js';
import { syntheticRun } from '../support/synthetic-run.js';
import { some } from '../support/some.js';

const PIPELINES: readonly PipelineName[] = ['no-context', 'full-rag', 'compressed', 'compressed-random'];

const finished = (
  pipelines: readonly PipelineName[],
  seed: number,
  topK = [10],
  taskId = (id: string): string => id,
): FinishedRun => {
  const { run, records } = syntheticRun({ tasks: 600, seed, pipelines, retrievers: ['jaccard'], topK });
  const named = records.map((record) => ({ ...record, taskId: taskId(record.taskId) }));
  return { path: `run-${seed}`, run, records: RecordTable.from(named) };
};

describe('the measured block of a model card', () => {
  const block = cardBlock(finished(PIPELINES, 1), 'jaccard');
  const rows = block
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| target'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  test('holds the table as printed and every target with what was measured, its interval and yes or no', () => {
    assert.match(block, /```\n[^`]*─+\npipeline +retriever/);
    assert.equal(rows.length, 6);
    for (const [, target, measured, interval, reached] of some(rows)) {
      assert.ok(target !== '' && measured !== '', block);
      assert.match(interval!, /^\[.*\]$/);
      assert.match(reached!, /^(yes|\*\*no\*\*)$/);
    }
    const count = rows.filter((row) => row[4] === 'yes').length;
    assert.ok(block.includes(`${count} of 6 reached.`));
  });

  test('says what the world that the run was drawn from has', () => {
    // EM 20 % without context, 34 % with text, 28 % compressed; prompts of 540, 1,060 and 550 tokens at so much each.
    const [gain, , em, , noise, ttft] = rows;
    assert.equal(gain![4], 'yes');
    const percent = Number(/(\d+) %/.exec(em![2]!)![1]);
    assert.ok(percent > 20 && percent < 110, em![2]);
    assert.equal(noise![4], 'yes');
    assert.match(ttft![2]!, /^4[6-9]\.\d %$/);
    assert.equal(ttft![4], 'yes');
  });

  test('of a run without the control is refused by the name of the row', () => {
    assert.throws(() => cardBlock(finished(PIPELINES.slice(0, 3), 1), 'jaccard'), /no row compressed-random/);
  });
});

describe('a table of ablations', () => {
  const base = finished(PIPELINES, 1);
  const other = finished(['compressed'], 2);
  const named =
    (pipeline: PipelineName): AblationRow['configuration'] =>
    (configuration) =>
      configuration.pipeline === pipeline;
  const row = (name: string, run: FinishedRun, pipeline: PipelineName): AblationRow => ({
    ...{ name, run, configuration: named(pipeline), tokens: 1, geometry: null },
  });
  const rows = [
    row('no-context', base, 'no-context'),
    row('full-rag', base, 'full-rag'),
    row('3L', base, 'compressed'),
    row('again', finished(PIPELINES, 1), 'compressed'),
    row('2L', other, 'compressed'),
  ];

  test('pairs rows of several runs by task', () => {
    const lines = ablationTable(rows, 0)
      .split('\n')
      .slice(2)
      .map((line) => line.split('|').map((cell) => cell.trim()));
    assert.deepEqual(
      lines.map((cells) => cells[1]),
      ['no-context', 'full-rag', '3L', 'again', '2L'],
    );
    // Nothing is set against itself; the same answers differ in nothing; full-rag is shown to gain.
    assert.deepEqual(lines[0]!.slice(5, 11), ['', '', '', '', '', '']);
    assert.equal(lines[2]![7], '');
    assert.match(lines[3]![7]!, /^0\.00 \[/);
    assert.match(lines[1]![5]!, /^\*\*\+\d+\.\d\d \[.*\]\*\*$/);
    assert.match(lines[2]![9]!, /^\d+ % \[/);
  });

  test('of runs that share no task is refused', () => {
    const elsewhere = finished(['compressed'], 2, [10], (id) => `x/${id}`);
    const wrong = [...rows.slice(0, 3), row('2L', elsewhere, 'compressed')];
    assert.throws(() => ablationTable(wrong, 0), /no task in common/);
  });
});
