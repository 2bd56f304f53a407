import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LANGUAGES, type Language } from '../../src/domain/task.js';
import { METRIC_PROFILE_KINDS } from '../../src/metrics/all.js';
import {
  ES_FORMULAS,
  scoreCompletion,
  type MetricProfileKind,
  type ScoredTask,
  type ScoringTask,
} from '../../src/metrics/profile.js';
import type { PythonParser } from '../../src/metrics/python-statement.js';
import {
  DEFAULT_METRIC_PROFILE,
  describeProfile,
  EXTRA_SCORES,
  extraScoresOf,
  METRIC_PROFILES,
} from '../../src/metrics/registry.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { PIECES, randomText } from '../support/random-text.js';

const CASES = 10_000;
const SOME_CASES = 1000;

/** Stands for a real parser, whose own cases are in golden.test.ts: balanced brackets are a file. */
const BALANCED: PythonParser = {
  check: (code) => (code.split('(').length === code.split(')').length ? 'valid' : 'invalid'),
};

function randomTask(rng: Rng): ScoringTask {
  const language: Language = LANGUAGES[rng.int(LANGUAGES.length)]!;
  return { prefix: randomText(rng, 3), reference: randomText(rng, 4), language };
}

const kinds: readonly (readonly [string, MetricProfileKind])[] = Object.entries(METRIC_PROFILE_KINDS);

for (const [key, kind] of kinds) {
  describe(`the metric profile ${key}`, () => {
    const profile = kind.open(BALANCED);

    test('describes itself under its own name, the same before and after it is opened', () => {
      assert.equal(kind.name, key);
      assert.match(kind.version, new RegExp(`^${key}@\\d+$`));
      assert.ok(kind.formula in ES_FORMULAS);
      assert.equal(describeProfile(kind.version), `${kind.rule}; ES is ${ES_FORMULAS[kind.formula]}`);
      for (const field of ['name', 'version', 'direction', 'formula', 'rule', 'noValue', 'extras'] as const) {
        assert.deepEqual(profile[field], kind[field]);
      }
      assert.deepEqual(extraScoresOf(kind.version), kind.extras);
      for (const { name, title } of kind.extras) {
        assert.match(name, /^[a-z]\w*$/i);
        assert.notEqual(title, '');
      }
    });

    test('does without a parser wherever it does not ask for one', () => {
      const bare = kind.open(null);
      for (const language of LANGUAGES) {
        const task: ScoringTask = { prefix: 'x = ', reference: 'f(1)', language };
        const work = (): unknown => scoreCompletion(bare, 'f(1)\ng(2)\n', task);
        if (kind.needsPythonParser(task)) assert.throws(work, RangeError);
        else assert.deepEqual(work(), scoreCompletion(profile, 'f(1)\ng(2)\n', task));
      }
    });

    test(`scores within [0, 1], the same twice, and has no ES only where it says so, on ${SOME_CASES} random cases`, () => {
      const rng = createRng(11);
      for (let round = 0; round < SOME_CASES; round++) {
        const task = randomTask(rng);
        const completion = randomText(rng, 6);
        const score = scoreCompletion(profile, completion, task);
        assert.deepEqual(scoreCompletion(profile, completion, task), score);
        assert.ok([0, 1].includes(score.exactMatch));
        assert.equal(score.editSimilarity === null, !profile.isScorable(task), JSON.stringify(task));
        assert.ok(profile.isScorable(task) || profile.noValue !== null);
        const extras = Object.entries(score.extras ?? {});
        assert.deepEqual(
          extras.map(([name]) => name),
          kind.extras.map(({ name }) => name),
        );
        for (const value of [score.editSimilarity ?? 0, ...extras.map(([, value]) => value)]) {
          assert.ok(value >= 0 && value <= 1, `${value} of ${JSON.stringify([completion, task])}`);
        }
      }
    });

    test('gives a line that is the reference full marks, and another line less', () => {
      const task: ScoringTask = { prefix: '', reference: 'total = price;', language: 'java' };
      const same = scoreCompletion(profile, 'total = price;\n', task);
      assert.deepEqual([same.exactMatch, same.editSimilarity], [1, 1]);
      const other = scoreCompletion(profile, 'sum();\n', task);
      assert.equal(other.exactMatch, 0);
      assert.ok(other.editSimilarity! < 1);
    });

    test(`looks at the code before the hole only if it says so, on ${SOME_CASES} random cases`, () => {
      const rng = createRng(12);
      for (let round = 0; round < SOME_CASES && !kind.readsPrefix; round++) {
        const task = randomTask(rng);
        const completion = randomText(rng, 6);
        assert.deepEqual(
          scoreCompletion(profile, completion, { ...task, prefix: '' }),
          scoreCompletion(profile, completion, task),
        );
      }
    });

    test(`never changes what it compares once that is settled, on ${CASES} random completions in five languages`, () => {
      const rng = createRng(10);
      let settledEarly = 0;
      for (let round = 0; round < CASES; round++) {
        const task = randomTask(rng);
        const isSettled = profile.settling(task);
        if (isSettled === null) return;
        let completion = '';
        let ended: string | null = null;
        for (let piece = 0; piece < 10; piece++) {
          completion += PIECES[rng.int(PIECES.length)]!;
          const settled = isSettled(completion);
          assert.ok(settled || ended === null, 'once settled, always settled');
          if (settled) ended ??= completion;
        }
        if (ended === null || ended === completion) continue;
        settledEarly++;
        const [short, long] = [ended, completion].map((text) => profile.compared(text, task));
        assert.equal(short, long, JSON.stringify([task, ended, completion]));
      }
      assert.ok(settledEarly > CASES / 10, `${settledEarly} of ${CASES} ended early`);
    });

    test('reports one task as its score in percent, and refuses to report none', () => {
      const task: ScoringTask = { prefix: '', reference: 'total = price;', language: 'java' };
      const score = scoreCompletion(profile, 'total = prize;\n', task);
      const report = profile.report([
        { task: { repository: 'r', path: 'f.java' }, score } satisfies ScoredTask,
      ]);
      assert.equal(report.total, 1);
      assert.equal(report.withoutEs, 0);
      assert.equal(report.emExact, 100 * score.exactMatch);
      assert.ok(Math.abs(report.esExact! - 100 * score.editSimilarity!) < 1e-9);
      assert.equal(report.em, report.emExact);
      assert.ok(Math.abs(report.es! - report.esExact!) <= 0.005);
      assert.deepEqual(
        Object.keys(report.extras),
        kind.extras.map(({ name }) => name),
      );
      for (const { name } of kind.extras)
        assert.ok(Math.abs(report.extras[name]! - 100 * score.extras![name]!) <= 0.005);
      for (const group of report.groups) assert.equal(group.total, 1);
      assert.equal(report.groups.length, report.groupedBy === null ? 0 : 1);
      assert.throws(() => profile.report([]), RangeError);
    });

    test('counts tasks without an ES, and leaves them out of the mean', () => {
      const blank: ScoringTask = { prefix: '', reference: ' \n', language: 'java' };
      const line: ScoringTask = { prefix: '', reference: 'x;', language: 'java' };
      const place = { repository: 'r', path: 'f.java' };
      const report = profile.report([
        { task: place, score: scoreCompletion(profile, '', blank) },
        { task: place, score: scoreCompletion(profile, 'x;', line) },
      ]);
      assert.equal(report.withoutEs, profile.isScorable(blank) ? 0 : 1);
      if (!profile.isScorable(blank)) assert.equal(report.es, 100);
    });
  });
}

describe('metric profiles together', () => {
  test('have names and versions of their own, and the default is one of them', () => {
    assert.equal(new Set(kinds.map(([, { version }]) => version)).size, METRIC_PROFILES.length);
    assert.ok(METRIC_PROFILES.includes(DEFAULT_METRIC_PROFILE));
  });

  test('call an extra score the same and show it under the same title', () => {
    for (const [, { extras }] of kinds)
      for (const extra of extras) assert.ok(EXTRA_SCORES.includes(extra), extra.name);
    assert.equal(new Set(EXTRA_SCORES.map(({ name }) => name)).size, EXTRA_SCORES.length);
  });

  test('keep the names of extra scores that journals have had so far', () => {
    const names = EXTRA_SCORES.map(({ name }) => name);
    for (const name of ['idEm', 'idPrecision', 'idRecall', 'idF1']) assert.ok(names.includes(name), name);
  });

  test('say nothing of a version that is not known', () => {
    assert.match(describeProfile('other@1'), /not known/);
    assert.deepEqual(extraScoresOf('other@1'), []);
  });
});
