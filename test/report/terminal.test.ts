import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { labelledRows } from '../../src/report/labelled-rows.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import { framedTable, renderTable } from '../../src/report/terminal/table.js';
import { syntheticRun } from '../support/synthetic-run.js';
import { some } from '../support/some.js';

const widest = (text: string): number => Math.max(...text.split('\n').map(({ length }) => length));

describe('the table of a run', () => {
  const { run, records } = syntheticRun({
    tasks: 70,
    pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed', 'compressed-random'],
    topK: [3, 10],
  });
  const summary = summarizeRun(run, records);

  test('has no line that is wider than the terminal', () => {
    for (const width of [60, 72, 80, 132]) {
      const text = renderTable(summary, null, width);
      assert.ok(widest(text) <= width, `${width} columns:\n${text}`);
    }
  });

  test('has the same numbers in every width', () => {
    const numbers = (width: number): string[] =>
      (renderTable(summary, null, width).match(/[−+]?\d+\.\d+/g) ?? []).sort();
    assert.deepEqual(numbers(60), numbers(132));
  });

  test('begins with what the run shows, and has the likelihood of the true line in both blocks', () => {
    const text = renderTable(summary, null, 80);
    assert.match(text, /^compressed: against .*\n/);
    assert.match(text, /^pipeline .* nats +TTFT /m);
    assert.match(text, /^Likelihood of the true line, nats a token \(fewer are better\):$/m);
    assert.match(
      text,
      /^ {2}full-rag\/jaccard k=10 − no-context +−0\.\d{3} \[−0\.\d{3}, −?0\.\d{3}\] (?:better|tied)$/m,
    );
    const without = syntheticRun({ tasks: 70, likelihood: false });
    assert.doesNotMatch(renderTable(summarizeRun(without.run, without.records), null), /nats|ikelihood/);
  });

  test('says of too few tasks that they have no interval, and shows nothing by them', () => {
    const few = syntheticRun({ tasks: 4 });
    const text = renderTable(summarizeRun(few.run, few.records), null);
    assert.match(text, /median ratio of 4 pairs: \d\.\d+x; fewer than 6 have no 95 % interval/);
    assert.match(text, /^ {2}compressed\/bm25 +\d+\.\d % – tied$/m);
    assert.match(text, /–: fewer than 6 tasks have no 95 % interval of a median/);
    assert.doesNotMatch(text, /\[−?1[0-9][1-9]\./, 'no interval beyond 100 points');
  });
});

describe('a table that is too wide', () => {
  const columns = ['name', 'of', 'one', 'two', 'three'].map((title, i) => ({ title, isNumber: i > 1 }));

  test('becomes several with the same rows', () => {
    // "name  of  one" and "name  of  two" take 13 columns each, both numbers together 18, and "three" 15.
    const lines = framedTable(columns, [['a', 'b', '1', '2', '3']], 16);
    const text = lines.map((line) => line.trimEnd()).join('\n');
    assert.ok(widest(text) <= 16, text);
    assert.equal(lines.filter((line) => /^a +b /.test(line)).length, 3);
    for (const title of some(['one', 'two', 'three'])) assert.equal(text.split(title).length, 2, title);
  });

  test('is whole where it fits', () => {
    const lines = framedTable(columns, [['a', 'b', '1', '2', '3']], 80);
    assert.equal(lines.filter((line) => line.startsWith('a ')).length, 1);
  });

  test('of names and cells has a line a cell', () => {
    assert.deepEqual(labelledRows(['EM', 'ES'], [['full-rag', '1', '2']], 80), [
      '            EM  ES',
      '  full-rag  1   2',
    ]);
    assert.deepEqual(labelledRows(['EM', 'ES'], [['full-rag', '1', '2']], 10), [
      '  full-rag',
      '    EM  1',
      '    ES  2',
    ]);
    assert.deepEqual(labelledRows([''], [['full-rag', '1']], 80), ['  full-rag  1']);
    assert.deepEqual(labelledRows([''], [['full-rag', '1']], 10), ['  full-rag', '    1']);
  });
});
