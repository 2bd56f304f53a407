import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Language } from '../../src/domain/task.js';
import { scoreCompletion, type TaskScore } from '../../src/metrics/profile.js';
import { metricProfile, type MetricProfileName } from '../../src/metrics/registry.js';
import { roundHalfEven2 } from '../../src/metrics/rounding.js';

/** EM and ES in percent; an ES of null is a pair for which the harness has no value. */
type Cell = readonly [em: 0 | 1, es: number | null];

/**
 * Hand-made pairs and what each harness gives: LlavaCode, RepoCoder, CrossCodeEval (Indel, no statement
 * cut), CrossCodeEval on Java (with the bracket cut), RepoBench and Long Code Arena (both without their
 * cut).
 */
// prettier-ignore
const PAIRS: readonly (readonly [string, string, Cell, Cell, Cell, Cell, Cell, Cell])[] = [
  ['return x', 'return x\n', [1, 100], [1, 100], [1, 100], [1, 100], [1, 94], [1, 94]],
  ['return x', '        return x', [1, 100], [1, 100], [1, 100], [1, 100], [1, 67], [1, 67]],
  ['a = 1\r\nb = 2\r\n', 'a = 1\nb = 2', [1, 91.67], [1, 100], [1, 96], [1, 96], [1, 88], [0, 88]],
  [`f('a')`, `f("a")`, [1, 66.67], [0, 66.67], [0, 67], [0, 67], [0, 67], [0, 67]],
  ['x=1', 'x = 1', [1, 60], [0, 60], [0, 75], [0, 75], [0, 75], [0, 75]],
  ['foo Bar()', 'fooBar()', [1, 88.89], [0, 88.89], [0, 94], [0, 94], [0, 94], [0, 94]],
  ['foo_bar()', 'fooBar()', [0, 77.78], [0, 77.78], [0, 82], [0, 82], [0, 82], [0, 82]],
  ['return x\ny = 2', 'return x', [1, 100], [1, 100], [0, 73], [0, 73], [0, 73], [0, 73]],
  ['\n\nreturn x', 'return x', [1, 100], [1, 100], [1, 100], [1, 100], [1, 89], [1, 89]],
  ['x = 1  # one', 'x = 1', [0, 41.67], [0, 41.67], [1, 100], [1, 100], [0, 59], [0, 59]],
  ['get("http://a")', 'get("http://b")', [0, 93.33], [0, 93.33], [1, 100], [1, 100], [0, 93], [0, 93]],
  ['n = a // b', 'n = a // c', [0, 90], [0, 90], [1, 100], [1, 100], [0, 90], [0, 90]],
  [`c = '#fff'`, `c = '#000'`, [0, 70], [0, 70], [1, 100], [1, 100], [0, 70], [0, 70]],
  ['', 'x = 1', [0, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]],
  ['', '', [1, 0], [1, null], [1, 100], [1, 100], [1, 100], [1, 100]],
  ['', '# todo', [0, 0], [0, 0], [1, 100], [1, 100], [0, 0], [0, 0]],
  ['fooab', 'fooba', [0, 60], [0, 60], [0, 80], [0, 80], [0, 80], [0, 80]],
  [`s = '😀'`, `s = 'x'`, [0, 85.71], [0, 85.71], [0, 86], [0, 86], [0, 86], [0, 86]],
  [`s = 'e\u0301'`, `s = '\u00e9'`, [0, 75], [0, 75], [0, 80], [0, 80], [0, 80], [0, 80]],
  ['int x = 1; int y;', 'int x = 1;', [0, 58.82], [0, 58.82], [0, 74], [1, 100], [0, 74], [0, 74]],
  ['} else { x();', '} else {', [0, 61.54], [0, 61.54], [0, 76], [0, 76], [0, 76], [0, 76]],
  ['foo(\n    a,\n    b)', 'foo(a, b)', [0, 44.44], [0, 44.44], [0, 67], [0, 67], [0, 67], [0, 67]],
  ['a = 1', 'a = 1\nb = 2', [0, 45.45], [0, 45.45], [0, 62], [0, 62], [0, 62], [0, 62]],
  ['self.foo', 'self.foo(bar)', [0, 61.54], [0, 61.54], [0, 76], [0, 76], [0, 76], [0, 76]],
  ['Return x', 'return x', [0, 87.5], [0, 87.5], [0, 88], [0, 88], [0, 88], [0, 88]],
  ['a = 1\fb', 'a = 1', [0, 71.43], [1, 100], [0, 83], [0, 83], [0, 83], [0, 83]],
];

/** The columns in order: whose rules, and whether the profile's cut comes first. */
const COLUMNS: readonly {
  readonly title: string;
  readonly profile: MetricProfileName;
  readonly language: Language;
  readonly isCut: boolean;
}[] = [
  { title: 'LlavaCode', profile: 'llavacode', language: 'python', isCut: true },
  { title: 'RepoCoder', profile: 'repocoder', language: 'python', isCut: true },
  { title: 'CrossCodeEval', profile: 'cceval', language: 'python', isCut: false },
  { title: 'CrossCodeEval on Java', profile: 'cceval', language: 'java', isCut: true },
  { title: 'RepoBench', profile: 'repobench', language: 'python', isCut: false },
  { title: 'Long Code Arena', profile: 'lca', language: 'python', isCut: false },
];

describe('the hand-made pairs', () => {
  for (const [column, { title, profile: name, language, isCut }] of COLUMNS.entries()) {
    const profile = metricProfile(name, null);
    test(`${title}: all 26 pairs have the EM and the ES of the harness`, () => {
      assert.equal(PAIRS.length, 26);
      for (const [i, [prediction, reference, ...cells]] of PAIRS.entries()) {
        const task = { prefix: '', reference, language };
        const score: TaskScore = isCut
          ? scoreCompletion(profile, prediction, task)
          : profile.scoreCompared(prediction, task);
        const es = score.editSimilarity;
        assert.deepEqual(
          [score.exactMatch, es === null ? null : roundHalfEven2(es * 100)],
          cells[column],
          `pair ${i + 1}`,
        );
      }
    });
  }

  test('the difflib variants agree with their namesakes on these pairs, which is why they prove little', () => {
    for (const [name, variant] of [
      ['cceval', 'cceval-difflib'],
      ['repobench', 'repobench-difflib'],
    ] as const) {
      for (const [prediction, reference] of PAIRS) {
        const task = { prefix: '', reference, language: 'java' } as const;
        assert.deepEqual(
          metricProfile(variant, null).scoreCompared(prediction, task),
          metricProfile(name, null).scoreCompared(prediction, task),
        );
      }
    }
  });
});
