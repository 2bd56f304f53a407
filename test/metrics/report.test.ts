import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { keywordsOf } from '../../src/metrics/keywords.js';
import type { ScoredTask, TaskScore } from '../../src/metrics/profile.js';
import { metricProfile } from '../../src/metrics/registry.js';

function scored(
  exactMatch: 0 | 1,
  editSimilarity: number | null,
  task: Partial<ScoredTask['task']> = {},
  extras?: TaskScore['extras'],
): ScoredTask {
  return {
    task: { repository: 'r', path: 'f.py', ...task },
    score: { exactMatch, editSimilarity, ...(extras === undefined ? {} : { extras }) },
  };
}

describe('a report', () => {
  test('of llavacode is the mean of fractions in percent, two decimals half to even', () => {
    // EM 1/8 = 12.5 %. ES 0.5, 0.5, 1, 1, 1, 1, 1, 0.00125: sum 6.00125 / 8 = 0.75015625 = 75.015625 %.
    const entries = [0.5, 0.5, 1, 1, 1, 1, 1, 0.00125].map((es, i) => scored(i === 0 ? 1 : 0, es));
    const report = metricProfile('llavacode', null).report(entries);
    assert.deepEqual([report.total, report.em, report.es, report.emExact], [8, 12.5, 75.02, 12.5]);
    assert.equal(report.esExact, 75.015625);
  });

  test('of repocoder has a mean per repository as its script prints it, and leaves out what has no value', () => {
    const a = { repository: 'a' };
    const b = { repository: 'b' };
    const report = metricProfile('repocoder', null).report([
      scored(1, 1, a),
      scored(0, 0.5, b),
      scored(0, 1 / 3, a),
      scored(1, null, a),
    ]);
    // a: EM 2/3 = 0.6667, ES (1 + 1/3) / 2 = 0.6667; b: EM 0, ES 0.5. All: EM 2/4, ES (1 + 0.5 + 1/3) / 3.
    assert.deepEqual(report.groups, [
      { name: 'a', total: 3, em: 66.67, es: 66.67 },
      { name: 'b', total: 1, em: 0, es: 50 },
    ]);
    assert.deepEqual([report.em, report.es, report.withoutEs], [50, 61.11, 1]);
    assert.match(report.note!, /prints repositories only/);
  });

  test('of repocoder without any value has no ES, which is not zero', () => {
    const report = metricProfile('repocoder', null).report([scored(1, null)]);
    assert.deepEqual([report.es, report.esExact, report.groups[0]?.es], [null, null, null]);
  });

  test('of cceval averages integers for ES and fractions for identifiers', () => {
    const ids = { idEm: 1, idPrecision: 0.5, idRecall: 0.25, idF1: 1 / 3 };
    const none = { idEm: 0, idPrecision: 0, idRecall: 0, idF1: 0 };
    const report = metricProfile('cceval', null).report([
      scored(1, 0.67, {}, ids),
      scored(0, 0.5, {}, none),
      scored(0, 0, {}, none),
    ]);
    // ES (67 + 50 + 0) / 3 = 39; precision 0.5 / 3 = 16.67 %, recall 8.33 %, F1 1/9 = 11.11 %.
    assert.deepEqual([report.em, report.es, report.esExact], [33.33, 39, 39]);
    assert.deepEqual(report.extras, { idEm: 33.33, idPrecision: 16.67, idRecall: 8.33, idF1: 11.11 });
  });

  test('of repobench is averaged from the rounded values of its settings, weighted by their sizes', () => {
    const first = { category: 'cross_file_first' };
    const file = { category: 'in_file' };
    const entries = [
      ...[1, 0].map((em) => scored(em === 1 ? 1 : 0, 0.25, first)),
      ...[1, 1, 1, 0, 0, 0, 0].map((em) => scored(em === 1 ? 1 : 0, em, file)),
    ];
    const report = metricProfile('repobench', null).report(entries);
    // in_file: EM and ES 3/7 = 0.42857 -> 42.86.
    assert.deepEqual(report.groups, [
      { name: 'cross_file_first', total: 2, em: 50, es: 25 },
      { name: 'in_file', total: 7, em: 42.86, es: 42.86 },
    ]);
    // EM (50 x 2 + 42.86 x 7) / 9 = 44.4467 -> 44.45, where 4 of 9 are 44.44; ES (50 + 300.02) / 9 = 38.89.
    assert.deepEqual([report.em, report.es], [44.45, 38.89]);
    assert.equal(report.emExact, (4 / 9) * 100);
  });

  test('of lca has plain means over lines beside the harness’s own over files, where ES runs on', () => {
    const line = (file: string, category: string, em: 0 | 1, es: number): ScoredTask =>
      scored(em, es, { path: file, category });
    const report = metricProfile('lca', null).report([
      line('a.py', 'infile', 1, 1),
      line('a.py', 'infile', 0, 0.5),
      line('a.py', 'committed', 0, 0.2),
      line('b.py', 'infile', 1, 0.9),
    ]);
    // Over lines: EM 2/4, ES (100 + 50 + 20 + 90) / 4 = 65.
    assert.deepEqual([report.em, report.es], [50, 65]);
    // Over files, EM: (1/3 + 1) / 2 = 66.67. ES of a.py: committed 20, then infile (20 + 100 + 50) / 3 = 56.67,
    // together (20 x 1 + 56.67 x 2) / 3 = 44.44; b.py 90; mean 67.22.
    assert.deepEqual(report.published, { em: 66.67, es: 67.22 });
    assert.deepEqual(report.groups, [
      // (100 + 50 + 90) / 3 = 80 over lines; over files (56.67 + 90) / 2 = 73.33, EM (1/2 + 1) / 2 = 75.
      { name: 'infile', total: 3, em: 66.67, es: 80, published: { em: 75, es: 73.33 } },
      { name: 'committed', total: 1, em: 0, es: 20, published: { em: 0, es: 20 } },
    ]);
  });
});

test('Long Code Arena’s ES runs on in the order of its records, over the files that have lines of a category', () => {
  const line = (file: string, category: string, es: number): ScoredTask =>
    scored(0, es, { path: file, category });
  const report = metricProfile('lca', null).report([
    // In another order than the records', as predictions may come.
    line('a.py', 'random', 0.9),
    line('a.py', 'inproject', 0.1),
    line('a.py', 'infile', 0.5),
    line('a.py', 'common', 0.7),
    line('a.py', 'committed', 0.3),
    line('b.py', 'random', 0.6),
    line('b.py', 'infile', 0.2),
  ]);
  const published = Object.fromEntries(report.groups.map(({ name, published: own }) => [name, own?.es]));
  // a.py: committed 30, common (30 + 70) / 2 = 50, infile (100 + 50) / 3 = 50, inproject (150 + 10) / 4 = 40,
  // random (160 + 90) / 5 = 50. b.py: infile 20, random (20 + 60) / 2 = 40; it has no line of the others and does
  // not count for them.
  assert.deepEqual(published, { random: 45, inproject: 40, infile: 35, common: 50, committed: 30 });
  // a.py (30 + 50 + 50 + 40 + 50) / 5 = 44, b.py (20 + 40) / 2 = 30, mean 37.
  assert.equal(report.published?.es, 37);
});

describe('keywords', () => {
  test('are as many as CrossCodeEval’s lists hold as sets', () => {
    const sizes = (['java', 'csharp', 'typescript', 'javascript', 'python'] as const).map(
      (language) => keywordsOf(language).size,
    );
    assert.deepEqual(sizes, [51, 75, 42, 42, 33]);
  });

  test('leave true and false out everywhere, and hold null in C# alone', () => {
    for (const language of ['java', 'csharp', 'typescript', 'python'] as const) {
      for (const word of ['true', 'false', 'True', 'False']) assert.ok(!keywordsOf(language).has(word));
      assert.equal(keywordsOf(language).has('null'), language === 'csharp');
    }
    assert.ok(keywordsOf('python').has('None'));
  });
});

test('the grammar that decides where Python statements end is the one cceval@1 was made with', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.equal(
    manifest.dependencies['tree-sitter-python'],
    '0.25.0',
    'a new grammar needs a new version of cceval',
  );
});
