/**
 * @file The committed baseline of a gate: what a run measured, task by task, small enough to review.
 *
 * It keeps outcomes per task, not only means, because a paired test needs them: whether 3 of 100 points were lost by
 * three tasks or by thirteen that fell and ten that rose. Numbers are rounded where the rest is noise: ES to six
 * decimals, nats a token to four, times to four digits.
 */

import { z } from 'zod';
import { DataError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignText, readForeignTextSync } from '../files/foreign-text-file.js';
import { noLikelihood } from '../report/numbers/likelihood.js';
import { tabulate, type OutcomeColumn } from '../report/numbers/outcomes.js';
import { summarizeRun } from '../report/numbers/summarize-run.js';
import { writeAtomically } from '../files/atomic-file.js';
import { configurations } from '../run/configurations.js';
import type { FinishedRun } from '../run/finished-run.js';
import { configurationOf, configurationShape } from '../run/record.js';
import type { RecordTable } from '../run/record-table.js';
import { isTimed } from '../run/run-spec.js';
import type { GateSide } from './outcome.js';

export const BASELINE_SCHEMA = 'llava-eval/baseline@1';

const nullableNumbers = z.array(z.number().nullable());

const outcomeSchema = z.strictObject({
  ...configurationShape,
  failed: z.int().nonnegative(),
  skipped: z.int().nonnegative(),
  /** One character a task: 1, 0, or - where it was not scored. */
  exactMatch: z.string().regex(/^[01-]*$/),
  editSimilarity: nullableNumbers,
  /** Absent in baselines of runs that are not timed. */
  ttftMs: z.exactOptional(nullableNumbers),
  /** Of the reference; absent in baselines of runs without likelihood. */
  natsPerToken: nullableNumbers.optional(),
});

const baselineSchema = z
  .strictObject({
    schema: z.literal(BASELINE_SCHEMA),
    /** Why it is what later runs are held to. */
    reason: z.string().min(1),
    updatedAt: z.iso.datetime(),
    run: z.strictObject({
      fingerprint: z.string(),
      startedAt: z.string(),
      /** As in run.json; of whatever version wrote it. */
      spec: z.record(z.string(), z.unknown()),
      hardware: z.record(z.string(), z.unknown()),
      git: z.record(z.string(), z.unknown()).nullable(),
    }),
    /** The summary of the run, for readers; a gate takes the A/A ratio from it. */
    summary: z.looseObject({
      noiseFloor: z.looseObject({ ratio: z.looseObject({ p50: z.number().positive() }) }).nullable(),
    }),
    tasks: z.strictObject({
      /** In code-point order; outcomes are in this order too. */
      ids: z.array(z.string()).min(1),
      repositories: z.array(z.string()),
      /** Index into `repositories` per task. */
      repository: z.array(z.int().nonnegative()),
    }),
    outcomes: z.array(outcomeSchema).min(1),
  })
  .refine(
    ({ tasks, outcomes }) =>
      tasks.repository.length === tasks.ids.length &&
      tasks.repository.every((index) => index < tasks.repositories.length) &&
      outcomes.every(({ exactMatch, editSimilarity, ttftMs = exactMatch, natsPerToken = exactMatch }) =>
        [exactMatch, editSimilarity, ttftMs, natsPerToken].every(({ length }) => length === tasks.ids.length),
      ),
    'outcomes and tasks are not of one length',
  )
  .refine(
    ({ outcomes }) => new Set(outcomes.map(({ ttftMs }) => ttftMs === undefined)).size === 1,
    'some outcomes have times and others have none',
  );

export type Baseline = z.infer<typeof baselineSchema>;

/** The baseline that a run makes. */
export function baselineOf({ run, records }: FinishedRun, reason: string, now: Date): Baseline {
  const rows = configurations(run.spec);
  const { noiseFloor, ...summary } = summarizeRun(run, records);
  const table = tabulate(rows, records);
  const names = Array.from(records.rows(), (row) => records.repository(row));
  const repositories = [...new Set(names)];
  const numbers = (values: Float64Array, round: (value: number) => number): (number | null)[] =>
    Array.from(values, (value) => (Number.isNaN(value) ? null : round(value)));
  return {
    schema: BASELINE_SCHEMA,
    reason,
    updatedAt: now.toISOString(),
    run: {
      fingerprint: run.fingerprint,
      startedAt: run.startedAt,
      spec: run.spec,
      hardware: run.hardware,
      git: run.git,
    },
    summary: {
      ...summary,
      noiseFloor: noiseFloor === null ? null : { ...noiseFloor, ratio: { ...noiseFloor.ratio } },
    },
    tasks: {
      ids: [...table.taskIds],
      repositories,
      repository: names.map((name) => repositories.indexOf(name)),
    },
    outcomes: table.columns.map(({ configuration, exactMatch, editSimilarity, ttftMs, likelihood }) => ({
      ...configuration,
      ...unscoredCounts(records, configuration),
      exactMatch: Array.from(exactMatch, (value) => (Number.isNaN(value) ? '-' : String(value))).join(''),
      editSimilarity: numbers(editSimilarity, roundSimilarity),
      ...(isTimed(run.spec) ? { ttftMs: numbers(ttftMs, (value) => Number(value.toPrecision(4))) } : {}),
      ...(likelihood.perToken.every((value) => Number.isNaN(value))
        ? {}
        : { natsPerToken: numbers(likelihood.perToken, roundNats) }),
    })),
  };
}

/** The text of a baseline file: a line a field and a line a configuration, so that a diff can be read. */
export function formatBaseline({ outcomes, ...rest }: Baseline): string {
  const fields = Object.entries(rest).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  const rows = outcomes.map((outcome) => `    ${JSON.stringify(outcome)}`);
  return `{\n${fields.join(',\n')},\n  "outcomes": [\n${rows.join(',\n')}\n  ]\n}\n`;
}

/** Writes it whole or not at all. */
export function writeBaseline(path: string, baseline: Baseline): Promise<void> {
  return writeAtomically(path, formatBaseline(baseline));
}

/** @throws {DataError} If a file is no baseline of any version: a new one would write over something else. */
export function requireBaseline(path: string): void {
  const head = readForeignTextSync(path).slice(0, 200);
  if (/^\s*\{\s*"schema"\s*:\s*"llava-eval\/baseline@/.test(head)) return;
  throw new DataError(`${path}: is no baseline, so a new one is not written over it`, [
    'name another file with --baseline, or move this one away',
  ]);
}

/** @throws {DataError} If the file cannot be read or is no baseline of this version. */
export async function readBaseline(path: string): Promise<Baseline> {
  let json: unknown;
  try {
    json = parseJson(await readForeignText(path));
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new DataError(
      isMissing ? `${path}: there is no such baseline` : `${path}: cannot be used: ${messageOf(error)}`,
      ['make one from a run you trust: llava-eval gate RUN --update --reason "why"'],
      { cause: error },
    );
  }
  const parsed = baselineSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new DataError(
    `${path}: is no ${BASELINE_SCHEMA}: ${issue.path.join('.') || 'file'}: ${issue.message}`,
    ['make it anew from a run you trust: llava-eval gate RUN --update --reason "why"'],
  );
}

/** What a gate reads of a baseline. */
export function baselineSide({ tasks, outcomes, summary }: Baseline): GateSide {
  const unmeasured = new Float64Array(tasks.ids.length).fill(NaN);
  const columns = outcomes.map(
    ({ exactMatch, editSimilarity, ttftMs, natsPerToken, ...configuration }): OutcomeColumn => ({
      configuration: configurationOf(configuration),
      exactMatch: Float64Array.from(exactMatch, (character) => (character === '-' ? NaN : Number(character))),
      editSimilarity: Float64Array.from(editSimilarity, (value) => value ?? NaN),
      ttftMs: ttftMs === undefined ? unmeasured : Float64Array.from(ttftMs, (value) => value ?? NaN),
      controlMs: unmeasured,
      likelihood: {
        ...noLikelihood(tasks.ids.length),
        ...(natsPerToken === undefined
          ? {}
          : { perToken: Float64Array.from(natsPerToken, (value) => value ?? NaN) }),
      },
    }),
  );
  return {
    columns,
    unscored: new Map(columns.map((column, i) => [column, outcomes[i]!])),
    isTimed: outcomes.every(({ ttftMs }) => ttftMs !== undefined),
    noise: summary.noiseFloor?.ratio.p50 ?? null,
  };
}

/** What a gate reads of a run. ES and nats are rounded as the baseline rounds them, so that equal stays equal. */
export function runSide({ run, records }: FinishedRun): GateSide {
  const { columns } = tabulate(configurations(run.spec), records);
  const rounded = columns.map((column) => ({
    ...column,
    editSimilarity: column.editSimilarity.map(roundSimilarity),
    likelihood: { ...column.likelihood, perToken: column.likelihood.perToken.map(roundNats) },
  }));
  return {
    columns: rounded,
    unscored: new Map(rounded.map((column) => [column, unscoredCounts(records, column.configuration)])),
    isTimed: isTimed(run.spec),
    noise: summarizeRun(run, records).noiseFloor?.ratio.p50 ?? null,
  };
}

function unscoredCounts(
  records: RecordTable,
  configuration: OutcomeColumn['configuration'],
): { failed: number; skipped: number } {
  const column = records.column(configuration);
  const rows = records.rows();
  return { failed: column.count('failed', rows), skipped: column.count('skipped', rows) };
}

function roundNats(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function roundSimilarity(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
