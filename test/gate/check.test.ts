import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkRun, verdictOf } from '../../src/gate/check.js';
import type { Check, GateSide } from '../../src/gate/outcome.js';
import { exitCodeOf, headlineOf } from '../../src/gate/result.js';
import { DEFAULT_RULES, rulesSchema, type Rules } from '../../src/gate/rules.js';
import {
  editSimilarityChange,
  exactMatchChange,
  natsChange,
  moreTasks,
  slowdown,
} from '../../src/statistics/regression.js';
import { renderGate } from '../../src/gate/render.js';
import { gateResult } from '../../src/gate/result.js';
import { noLikelihood } from '../../src/report/numbers/likelihood.js';
import type { OutcomeColumn } from '../../src/report/numbers/outcomes.js';
import type { Configuration } from '../../src/run/record.js';

const NONE: Configuration = { pipeline: 'no-context', retriever: null, topK: null };
const SOFT: Configuration = { pipeline: 'compressed', retriever: 'bm25', topK: 10 };

const numbers = (n: number, valueAt: (i: number) => number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => valueAt(i));

/** A column of n tasks: half of them right, ES 0.5, 10 ms and a little. */
function column(
  configuration: Configuration,
  n: number,
  changes: Partial<OutcomeColumn> = {},
): OutcomeColumn {
  return {
    configuration,
    exactMatch: numbers(n, (i) => i % 2),
    editSimilarity: numbers(n, () => 0.5),
    ttftMs: numbers(n, (i) => 10 + Math.sin(i) / 10),
    controlMs: numbers(n, () => NaN),
    likelihood: noLikelihood(n),
    ...changes,
  };
}

const side = (columns: OutcomeColumn[], noise: number | null = 1): GateSide => ({
  columns,
  unscored: new Map(),
  isTimed: true,
  noise,
});
const baselineOf = (n: number): GateSide => side([column(NONE, n), column(SOFT, n)]);

function check(run: GateSide, n: number, rules: Rules = DEFAULT_RULES, isSameHardware = true): Check[] {
  return checkRun(baselineOf(n), run, rules, isSameHardware);
}

const of = (checks: readonly Check[], kind: Check['kind'], subject: string): Check =>
  checks.find((one) => one.kind === kind && one.subject === subject)!;

/** `lost` right tasks turn wrong and `won` wrong ones right. */
function flipped(n: number, lost: number, won: number): Float64Array {
  return numbers(n, (i) => (i % 2 === 1 ? (i < 2 * lost ? 0 : 1) : i < 2 * won ? 1 : 0));
}

describe('a gate on likelihood', () => {
  const withNats = (perToken: Float64Array): OutcomeColumn => ({
    ...column(NONE, perToken.length),
    likelihood: { ...noLikelihood(perToken.length), perToken },
  });
  const judged = (after: (i: number) => number, rules: Rules = DEFAULT_RULES): Check | undefined =>
    checkRun(
      side([withNats(numbers(400, () => 2))]),
      side([withNats(numbers(400, after))]),
      rules,
      true,
    ).find(({ kind }) => kind === 'likelihood');

  test('passes the same numbers, and small changes either way', () => {
    assert.match(judged(() => 2)!.reason, /the same on all 400 tasks/);
    const wobble = judged((i) => 2 + 0.1 * Math.sin(i))!;
    assert.equal(wobble.outcome, 'passed');
    assert.match(wobble.reason, /a rise of 0\.05 nats is ruled out/);
  });

  test('fails a shown rise that no completion shows, and says by how much', () => {
    const risen = judged((i) => 2.05 + 0.1 * Math.sin(i))!;
    assert.equal(risen.outcome, 'failed');
    assert.ok(Math.abs(risen.change! - 0.05) < 0.001);
    assert.match(risen.reason, /less likely, .* likelier of 400; corrected p < 0\.0001/);
    const text = renderGate(
      gateResult({
        ...{ checks: [risen], mode: 'pass', run: { path: 'run', fingerprint: 'f' } },
        baseline: {
          ...{ reason: 'r', updatedAt: '2026-01-01T00:00:00.000Z', run: { fingerprint: 'f' } },
          tasks: { ids: ['t'], repositories: ['r'], repository: [0] },
        },
        ...{
          baselinePath: 'b.json',
          changes: [],
          isSameHardware: true,
          hasTimes: true,
          now: new Date('2026-01-02T00:00:00.000Z'),
        },
      }),
    );
    assert.match(
      text,
      /Likelihood, nats a token +baseline +run +change\n {2}no-context +2\.000 +2\.05\d +\+0\.05\d +FAILED/,
    );
  });

  test('fails a rise beyond the limit whatever the test says, and is inconclusive in between', () => {
    // One task in 400 costs 240 nats more: 0.6 on average, and no test sees it.
    assert.match(
      judged((i) => (i === 0 ? 242 : 2))!.reason,
      /rose by 0\.600 nats a token, more than the 0\.5/,
    );
    const wide = judged((i) => 2.01 + Math.sin(i * 7))!;
    assert.equal(wide.outcome, 'inconclusive');
    assert.ok(wide.moreTasks! > 0);
  });

  test('checks nothing where the baseline has no likelihood, and fails where only the run lacks it', () => {
    const plain = side([column(NONE, 40)]);
    const full = side([withNats(numbers(40, () => 2))]);
    const kinds = (a: GateSide, b: GateSide): string[] =>
      checkRun(a, b, DEFAULT_RULES, true).flatMap(({ kind, outcome }) =>
        kind === 'likelihood' ? [outcome] : [],
      );
    assert.deepEqual(kinds(plain, full), []);
    assert.deepEqual(kinds(full, plain), ['failed']);
    assert.deepEqual(kinds(full, full), ['passed']);
    assert.equal(
      judged(() => 9, { ...DEFAULT_RULES, likelihood: null }),
      undefined,
    );
  });
});

describe('a gate', () => {
  test('passes a run that answers as the baseline did, at any size', () => {
    const checks = check(baselineOf(16), 16);
    assert.equal(verdictOf(checks), 'passed');
    assert.match(of(checks, 'exact-match', 'compressed/bm25').reason, /the same on all 16 tasks/);
  });

  test('fails a configuration that the run lacks, in every check of it', () => {
    const checks = check(side([column(NONE, 100)]), 100);
    assert.equal(verdictOf(checks), 'failed');
    assert.deepEqual(
      checks.filter(({ outcome }) => outcome === 'failed').map(({ kind, subject }) => [kind, subject]),
      [
        ['tasks', 'compressed/bm25'],
        ['exact-match', 'compressed/bm25'],
        ['edit-similarity', 'compressed/bm25'],
        ['ttft-ratio', 'compressed/bm25 : no-context'],
      ],
    );
  });

  test('fails where tasks newly fail, and not where they failed before', () => {
    const soft = column(SOFT, 100);
    const run: GateSide = {
      ...side([column(NONE, 100), soft]),
      unscored: new Map([[soft, { failed: 1, skipped: 0 }]]),
    };
    assert.equal(of(check(run, 100), 'tasks', 'compressed/bm25').outcome, 'failed');
    const allowed = rulesSchema.parse({ tasks: { newFailed: 1 } });
    assert.equal(of(check(run, 100, allowed), 'tasks', 'compressed/bm25').outcome, 'passed');
  });

  test('fails a drop that a paired test shows, and says how many tasks it rests on', () => {
    // 30 lost and 5 won of 1,000: P(X <= 5 of 35) = 1.1e-5 times four tests.
    const run = side([column(NONE, 1000), column(SOFT, 1000, { exactMatch: flipped(1000, 30, 5) })]);
    const em = of(check(run, 1000), 'exact-match', 'compressed/bm25');
    assert.equal(em.outcome, 'failed');
    assert.match(em.reason, /^30 tasks worse, 5 better of 1000; corrected p < 0.0001, the level is 0.015$/);
    assert.ok(Math.abs(em.change! + 2.5) < 1e-9);
  });

  test('passes the same number of flips both ways, where three points are ruled out', () => {
    const run = side([column(NONE, 1000), column(SOFT, 1000, { exactMatch: flipped(1000, 15, 15) })]);
    const em = of(check(run, 1000), 'exact-match', 'compressed/bm25');
    assert.deepEqual([em.outcome, em.change], ['passed', 0]);
  });

  test('is inconclusive where neither is shown, and says about how many more tasks are needed', () => {
    // 2 lost of 40: -5 points, P(X <= 0 of 2) = 0.25.
    const run = side([column(NONE, 40), column(SOFT, 40, { exactMatch: flipped(40, 2, 0) })]);
    const em = of(check(run, 40), 'exact-match', 'compressed/bm25');
    assert.equal(em.outcome, 'inconclusive');
    assert.ok(em.moreTasks! > 20 && em.moreTasks! < 2000, String(em.moreTasks));
    assert.equal(verdictOf(check(run, 40)), 'inconclusive');
  });

  test('holds to a floor and to a largest drop, whatever the tests say', () => {
    // 3 lost of 20: -15 points.
    const run = side([column(NONE, 20), column(SOFT, 20, { exactMatch: flipped(20, 3, 0) })]);
    assert.match(
      of(check(run, 20), 'exact-match', 'compressed/bm25').reason,
      /fell by 15.00 points, more than the 10/,
    );
    const rules = rulesSchema.parse({ quality: { exactMatch: { floor: 60 } } });
    assert.match(
      of(check(baselineOf(20), 20, rules), 'exact-match', 'no-context').reason,
      /below the floor of 60 %/,
    );
  });

  test('judges times by ratios within a run, so that a slower machine changes nothing', () => {
    const slower = (factor: number, of: OutcomeColumn): OutcomeColumn => ({
      ...of,
      ttftMs: of.ttftMs.map((t) => t * factor),
    });
    const machine = side([slower(3, column(NONE, 100)), slower(3, column(SOFT, 100))]);
    assert.equal(verdictOf(check(machine, 100)), 'passed');
    const regression = side([column(NONE, 100), slower(1.15, column(SOFT, 100))]);
    const ratio = of(check(regression, 100), 'ttft-ratio', 'compressed/bm25 : no-context');
    assert.equal(ratio.outcome, 'failed');
    assert.ok(Math.abs(ratio.change! - 0.15) < 1e-9);
    // 8 % is within the tolerance for other hardware, 10 %, and beyond the one for the same, 5 %.
    const some = side([column(NONE, 100), slower(1.08, column(SOFT, 100))]);
    assert.deepEqual(
      [true, false].map((same) => verdictOf(check(some, 100, DEFAULT_RULES, same))),
      ['failed', 'passed'],
    );
  });

  test('does not pass times of a machine that was too unquiet, nor of too few tasks', () => {
    const noisy = side([column(NONE, 100), column(SOFT, 100)], 1.2);
    const unquiet = of(check(noisy, 100), 'ttft-ratio', 'compressed/bm25 : no-context');
    assert.deepEqual([unquiet.outcome, unquiet.moreTasks], ['inconclusive', null]);
    assert.match(unquiet.reason, /timed twice differs by 20.0 %/);
    const few = of(check(baselineOf(4), 4), 'ttft-ratio', 'compressed/bm25 : no-context');
    // 2^-6 is the first below a tail of 2 %.
    assert.deepEqual([few.outcome, few.moreTasks], ['inconclusive', 2]);
  });

  test('judges milliseconds only if asked to, and only on the same hardware', () => {
    const slow = side(
      [column(NONE, 100), column(SOFT, 100)].map((one) => ({
        ...one,
        ttftMs: one.ttftMs.map((t) => t * 1.3),
      })),
    );
    const rules = rulesSchema.parse({ absoluteTtft: {} });
    assert.equal(of(check(slow, 100, rules), 'ttft', 'no-context').outcome, 'failed');
    assert.equal(of(check(slow, 100, rules, false), 'ttft', 'no-context').outcome, 'inconclusive');
    assert.equal(
      check(slow, 100).some(({ kind }) => kind === 'ttft'),
      false,
    );
  });

  test('never passes without a check', () => {
    assert.equal(verdictOf([]), 'failed');
    assert.match(headlineOf('failed', [], null), /the rules check nothing/);
  });

  test('has one exit code a verdict and mode', () => {
    assert.deepEqual(
      (['pass', 'fail', 'exit-5'] as const).map((mode) =>
        (['passed', 'failed', 'inconclusive'] as const).map((verdict) => exitCodeOf(verdict, mode)),
      ),
      [
        [0, 1, 0],
        [0, 1, 1],
        [0, 1, 5],
      ],
    );
  });
});

describe('tests of a regression', () => {
  test('EM: the exact one-sided tail, and a bound that does not claim certainty', () => {
    const change = exactMatchChange(
      numbers(80, () => 1),
      numbers(80, (i) => (i < 3 ? 0 : 1)),
    )!;
    // P(X <= 0 of 3) = 1/8.
    assert.ok(Math.abs(change.p! - 0.125) < 1e-12);
    assert.deepEqual([change.won, change.lost, change.delta], [0, 3, -3.75]);
    const same = exactMatchChange(
      numbers(80, () => 1),
      numbers(80, () => 1),
    )!;
    // z^2 / (80 + z^2) with z = 1.645
    assert.ok(same.p === null && Math.abs(same.lowerBound + 3.271) < 0.001);
  });

  test('ES: never below what flips of sign allow, and null where nothing changed', () => {
    const before = numbers(40, () => 0.5);
    const change = editSimilarityChange(
      before,
      numbers(40, (i) => (i < 4 ? 0.3 : 0.5)),
    )!;
    assert.equal(change.p, 1 / 16);
    assert.equal(editSimilarityChange(before, before)!.p, null);
    assert.ok(
      editSimilarityChange(
        before,
        numbers(40, () => 0.6),
      )!.p! > 0.99,
    );
  });

  test('nats: fewer are better, by the test of ES with the sign turned', () => {
    // Four of 40 tasks cost 0.4 nats more: 0.04 on average, and no flip of four signs is rarer than 1/16.
    const before = numbers(40, () => 2);
    const change = natsChange(
      before,
      numbers(40, (i) => (i < 4 ? 2.4 : 2)),
    )!;
    assert.ok(Math.abs(change.rise - 0.04) < 1e-12);
    assert.deepEqual([change.p, change.won, change.lost, change.pairs], [1 / 16, 0, 4, 40]);
    assert.ok(change.upperBound > 0.04 && change.upperBound < 0.08, String(change.upperBound));
    assert.equal(natsChange(before, before)!.p, null);
  });

  test('leave out tasks that one side lacks', () => {
    assert.equal(
      exactMatchChange(
        numbers(3, () => NaN),
        numbers(3, () => 1),
      ),
      null,
    );
    assert.equal(
      exactMatchChange(
        numbers(3, (i) => (i === 0 ? NaN : 1)),
        numbers(3, () => 1),
      )!.pairs,
      2,
    );
  });

  test('times: the median with bounds from order statistics, tasks without a time left out', () => {
    const factors = Float64Array.from([NaN, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // P(X <= 1 of 9) = 10/512 = 2 %, P(X <= 2) = 9 %: the second from either end at 5 %, the first at 0.2 %.
    assert.deepEqual(slowdown(factors, 0.002)!, {
      pairs: 9,
      factor: 5,
      atLeast: 1,
      atMost: 8,
      leastTasks: 9,
    });
    assert.equal(slowdown(Float64Array.of(NaN), 0.02), null);
  });

  test('four times as many tasks halve an error', () => {
    assert.equal(moreTasks(100, 1, 2), 300);
  });
});

describe('a gate where times are missing', () => {
  const untimed = (n: number): GateSide => ({
    ...side(
      [NONE, SOFT].map((one) => column(one, n, { ttftMs: numbers(n, () => NaN) })),
      null,
    ),
    isTimed: false,
  });
  const timesOf = (checks: readonly Check[]): string[] =>
    checks.flatMap(({ kind, outcome, reason }) =>
      kind === 'ttft' || kind === 'ttft-ratio' ? [`${kind} ${outcome}: ${reason.split(';')[0]!}`] : [],
    );

  test('fails if the baseline has times and the run has none', () => {
    const checks = checkRun(baselineOf(50), untimed(50), DEFAULT_RULES, true);
    assert.deepEqual(timesOf(checks), ['ttft-ratio failed: not measured: the run was made with --no-timing']);
    assert.equal(verdictOf(checks), 'failed');
  });

  test('judges quality alone where the baseline has none and nobody wrote a rule on times', () => {
    for (const run of [untimed(50), baselineOf(50)]) {
      const checks = checkRun(untimed(50), run, DEFAULT_RULES, true);
      assert.deepEqual(timesOf(checks), []);
      assert.deepEqual([verdictOf(checks), checks.length], ['passed', 6]);
    }
  });

  test('fails each rule that asks for times which the baseline has not', () => {
    const rules = rulesSchema.parse({ ttft: {}, absoluteTtft: {} });
    assert.deepEqual(timesOf(checkRun(untimed(50), untimed(50), rules, true)), [
      'ttft-ratio failed: not measured: the baseline and the run were made with --no-timing',
      'ttft failed: not measured: the baseline and the run were made with --no-timing',
    ]);
    assert.deepEqual(timesOf(checkRun(untimed(50), baselineOf(50), rules, true)), [
      'ttft-ratio failed: not measured: the baseline was made with --no-timing',
      'ttft failed: not measured: the baseline was made with --no-timing',
    ]);
  });

  test('asks for nothing where the rules on times are switched off', () => {
    const rules = rulesSchema.parse({ ttft: null });
    assert.deepEqual(timesOf(checkRun(baselineOf(50), untimed(50), rules, true)), []);
  });
});
