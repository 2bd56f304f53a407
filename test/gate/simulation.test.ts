/**
 * The claims of docs/gate.md about how often a gate is right, measured on synthetic runs of known truth. Seeded, so
 * the counts are the same on every machine.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EXIT } from '../../src/domain/errors.js';
import { checkRun } from '../../src/gate/check.js';
import type { Check, GateSide } from '../../src/gate/outcome.js';
import { renderGate } from '../../src/gate/render.js';
import {
  gateResult,
  INCONCLUSIVE_MODES,
  type GateResult,
  type InconclusiveMode,
} from '../../src/gate/result.js';
import { DEFAULT_RULES, type Rules } from '../../src/gate/rules.js';
import type { OutcomeColumn } from '../../src/report/numbers/outcomes.js';
import type { Configuration } from '../../src/run/record.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import {
  drawAfter,
  drawColumn,
  drawMachine,
  drawTasks,
  normal,
  type Tasks,
  type World,
} from '../support/synthetic-runs.js';

/** The rows of a default run. */
const CONFIGURATIONS: readonly Configuration[] = [
  { pipeline: 'no-context', retriever: null, topK: null },
  ...(['full-rag', 'compressed'] as const).flatMap((pipeline) =>
    (['jaccard', 'unixcoder', 'bm25'] as const).map((retriever) => ({ pipeline, retriever, topK: 10 })),
  ),
];
const SPEED: Readonly<Record<string, number>> = {
  ...{ 'no-context': 1, 'full-rag': 2.2, 'budget-rag': 1.1, compressed: 1.05 },
  ...{ 'compressed-random': 1.05, 'full-rag-shuffled': 2.2, 'compressed-shuffled': 1.05, 'soft-prompt': 1 },
};

interface Setting {
  readonly world: World;
  readonly tasks: Tasks;
  readonly baseline: GateSide;
}

const side = (columns: readonly OutcomeColumn[], noise: number): GateSide => ({
  columns,
  unscored: new Map(),
  isTimed: true,
  noise,
});

/** How nats differ between runs that mean the same: as soft tokens or texts of other chunks do, and a little beyond. */
function natsOf(rng: Rng): Pick<World, 'natsNoise' | 'repositoryNatsShift'> {
  const natsNoise = 0.02 + 0.13 * rng.next();
  return { natsNoise, repositoryNatsShift: natsNoise / 30 };
}

/** A baseline: EM from 1 to 55 %, up to 4 % of tasks flip between runs that mean the same. */
function drawSetting(sizes: readonly number[], rng: Rng): Setting {
  const exactMatch = 0.01 + 0.54 * rng.next();
  const discordance = Math.min(0.04 * rng.next(), exactMatch / 2);
  const world: World = {
    ...{ sizes, exactMatch, discordance, repositoryShift: discordance / 2, repositoryLogShift: 0.01 },
    timeNoise: 0.02 + 0.08 * rng.next(),
    ...natsOf(rng),
  };
  const tasks = drawTasks(world, rng);
  const machine = drawMachine(rng);
  const columns = CONFIGURATIONS.map((configuration) => {
    const column = drawColumn(tasks, world, machine, rng);
    return {
      configuration,
      ...column,
      ttftMs: column.ttftMs.map((time) => time * SPEED[configuration.pipeline]!),
    };
  });
  return { world, tasks, baseline: side(columns, Math.exp(0.004 * normal(rng))) };
}

/**
 * A later run in which nothing became worse: flips both ways, another machine speed, drift of each pipeline.
 * Repositories shift by amounts that cancel over all repositories, not over these eight: the harder case.
 */
function drawHarmless({ world, tasks, baseline }: Setting, rng: Rng): GateSide {
  const machine = drawMachine(rng);
  const columns = baseline.columns.map((before) => {
    const { configuration } = before;
    const ttftRatio = SPEED[configuration.pipeline]! * Math.exp(0.005 * normal(rng));
    const effect = { exactMatch: 0, ttftRatio, nats: 0, isBalanced: false };
    return { configuration, ...drawAfter(before, tasks, world, effect, machine, rng) };
  });
  return side(columns, Math.exp(0.004 * normal(rng)));
}

const isCompressed = ({ configuration }: OutcomeColumn): boolean => configuration.pipeline === 'compressed';

/** Three points of EM lost by `compressed`: right tasks turn wrong. */
function dropExactMatch(run: GateSide, { world }: Setting, rng: Rng): GateSide {
  const columns = run.columns.map((column) => {
    if (!isCompressed(column)) return column;
    const exactMatch = column.exactMatch.slice();
    const editSimilarity = column.editSimilarity.slice();
    for (let i = 0; i < exactMatch.length; i++) {
      if (exactMatch[i] === 1 && rng.next() < 0.03 / world.exactMatch) {
        exactMatch[i] = 0;
        editSimilarity[i]! -= 0.4;
      }
    }
    return { ...column, exactMatch, editSimilarity };
  });
  return { ...run, columns };
}

/** `compressed` finds every true completion less likely. */
function raiseNats(run: GateSide, nats: number): GateSide {
  const columns = run.columns.map((column) => {
    if (!isCompressed(column)) return column;
    const perToken = column.likelihood.perToken.map((value) => value + nats);
    return { ...column, likelihood: { ...column.likelihood, perToken } };
  });
  return { ...run, columns };
}

/** `compressed` becomes slower by a factor. */
function slowDown(run: GateSide, factor: number): GateSide {
  const columns = run.columns.map((column) =>
    isCompressed(column) ? { ...column, ttftMs: column.ttftMs.map((time) => time * factor) } : column,
  );
  return { ...run, columns };
}

function resultOf(checks: readonly Check[], mode: InconclusiveMode): GateResult {
  return gateResult({
    checks,
    mode,
    run: { path: 'run', fingerprint: 'f' },
    baseline: {
      reason: 'simulated',
      updatedAt: '2026-01-01T00:00:00.000Z',
      tasks: { ids: ['t'], repositories: ['r'], repository: [0] },
      run: { fingerprint: 'f' },
    },
    baselinePath: 'baseline.json',
    changes: [],
    isSameHardware: true,
    hasTimes: true,
    now: new Date('2026-01-02T00:00:00.000Z'),
  });
}

/** Words and exit code of one gate, which must agree under every mode. */
function assertAgrees(checks: readonly Check[]): GateResult['verdict'] {
  const expected = { passed: EXIT.done, failed: EXIT.gateFailed } as const;
  const open = { pass: EXIT.done, fail: EXIT.gateFailed, 'exit-5': EXIT.gateInconclusive } as const;
  for (const mode of INCONCLUSIVE_MODES) {
    const result = resultOf(checks, mode);
    const text = renderGate(result);
    const said = /^gate (passed|FAILED|inconclusive): /.exec(text)![1]!.toLowerCase();
    assert.equal(said, result.verdict);
    assert.equal(result.exitCode, result.verdict === 'inconclusive' ? open[mode] : expected[result.verdict]);
    const hasFailed = / FAILED$/m.test(text.slice(text.indexOf('\n')));
    assert.equal(result.verdict === 'failed', hasFailed);
    assert.ok(result.verdict !== 'passed' || checks.every(({ outcome }) => outcome === 'passed'));
  }
  return resultOf(checks, 'pass').verdict;
}

const RUNS = 1000;
const percentOf = (count: number, all: number): number => (count / all) * 100;

interface Counts {
  runs: number;
  failed: number;
  passed: number;
  failedQuality: number;
  failedLatency: number;
  failedLikelihood: number;
  caughtRise: number;
  caughtDrop: number;
  drops: number;
  caughtSlow: number;
}

function simulate(sizes: readonly number[], seed: number, injects: boolean): Counts {
  const rng = createRng(seed);
  const counts = {
    ...{ runs: 0, failed: 0, passed: 0, failedQuality: 0, failedLatency: 0 },
    ...{ failedLikelihood: 0, caughtRise: 0 },
    ...{ caughtDrop: 0, drops: 0, caughtSlow: 0 },
  };
  while (counts.runs < RUNS) {
    const setting = drawSetting(sizes, rng);
    for (let again = 0; again < 10 && counts.runs < RUNS; again++, counts.runs++) {
      const run = drawHarmless(setting, rng);
      const check = (of: GateSide, rules: Rules): Check[] => checkRun(setting.baseline, of, rules, true);
      const checks = check(run, DEFAULT_RULES);
      const verdict = assertAgrees(checks);
      if (verdict === 'failed') counts.failed++;
      if (verdict === 'passed') counts.passed++;
      const has = (kinds: RegExp): boolean =>
        checks.some(({ kind, outcome }) => outcome === 'failed' && kinds.test(kind));
      if (has(/exact|edit/)) counts.failedQuality++;
      if (has(/ttft/)) counts.failedLatency++;
      if (has(/likelihood/)) counts.failedLikelihood++;
      const risen = check(raiseNats(run, 0.05), { ...DEFAULT_RULES, quality: null, ttft: null });
      if (assertAgrees(risen) === 'failed') counts.caughtRise++;
      if (!injects) continue;
      // Quality and times are judged apart, each at its own level: what was not touched need not be judged again.
      const slow = check(slowDown(run, 1.15), { ...DEFAULT_RULES, quality: null, likelihood: null });
      if (assertAgrees(slow) === 'failed') counts.caughtSlow++;
      // A drop of three points needs more than three points to drop from.
      if (setting.world.exactMatch < 0.06) continue;
      counts.drops++;
      const dropped = check(dropExactMatch(run, setting, rng), {
        ...DEFAULT_RULES,
        ...{ ttft: null, likelihood: null },
      });
      if (assertAgrees(dropped) === 'failed') counts.caughtDrop++;
    }
  }
  return counts;
}

describe('the default gate, over 1,000 synthetic runs', () => {
  const large = simulate(Array<number>(8).fill(200), 1, true);
  const medium = simulate(Array<number>(8).fill(50), 3, false);
  const small = simulate(Array<number>(8).fill(10), 2, true);

  test('raises at most 5 % false alarms, all rules together, at 1,600 tasks, at 400 and at 80', (t) => {
    t.diagnostic(`1,600 tasks: ${JSON.stringify(large)}`);
    t.diagnostic(`400 tasks: ${JSON.stringify(medium)}`);
    t.diagnostic(`80 tasks: ${JSON.stringify(small)}`);
    assert.ok(percentOf(medium.failed, medium.runs) <= 5, `${medium.failed} of ${medium.runs}`);
    assert.ok(percentOf(large.failed, large.runs) <= 5, `${large.failed} of ${large.runs}`);
    assert.ok(percentOf(small.failed, small.runs) <= 5, `${small.failed} of ${small.runs}`);
  });

  test('catches a drop of three points of EM at 1,600 tasks in at least 95 %', () => {
    assert.ok(
      large.drops > 800 && percentOf(large.caughtDrop, large.drops) >= 95,
      `${large.caughtDrop} of ${large.drops}`,
    );
  });

  test('catches a loss of 0.05 nats a token at 400 tasks in at least 95 %', () => {
    assert.ok(percentOf(medium.caughtRise, medium.runs) >= 95, `${medium.caughtRise} of ${medium.runs}`);
  });

  test('catches a TTFT that is 15 % longer in at least 95 %', () => {
    assert.ok(percentOf(large.caughtSlow, large.runs) >= 95, `${large.caughtSlow} of ${large.runs}`);
  });

  test('passes harmless runs of 1,600 tasks, rather than calling them inconclusive', () => {
    assert.ok(percentOf(large.passed, large.runs) >= 90, `${large.passed} of ${large.runs}`);
  });
});
