import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { markdownTable } from '../../src/report/markdown-table.js';

const COLUMNS = [
  { title: 'task', isNumber: false },
  { title: 'ms', isNumber: true },
];

describe('a Markdown table', () => {
  test('has a head, a rule with numbers to the right, and a line a row', () => {
    assert.deepEqual(markdownTable(COLUMNS, [['a', '1.5']]), ['| task | ms |', '|---|---:|', '| a | 1.5 |']);
  });

  test('keeps a row whole whatever is in a cell', () => {
    assert.deepEqual(markdownTable(COLUMNS, [['a|b\nc', '1']]).slice(2), ['| a\\|b c | 1 |']);
  });

  test('does not escape a pipe twice', () => {
    assert.deepEqual(markdownTable(COLUMNS, [['a\\|b', '1']]).slice(2), ['| a\\|b | 1 |']);
  });

  test('puts white space around a line end into one blank, and takes 300,000 blanks without one in time', () => {
    assert.deepEqual(markdownTable(COLUMNS, [['a \t\n\n b  c', '1']]).slice(2), ['| a b  c | 1 |']);
    const before = process.cpuUsage();
    markdownTable(COLUMNS, [[`a${' '.repeat(300_000)}b`, '1']]);
    assert.ok(process.cpuUsage(before).user < 2e6, 'more than two seconds');
  });
});
