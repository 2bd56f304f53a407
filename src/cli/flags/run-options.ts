/**
 * @file From the flags of `run` and the configuration file to one request. Flags win, then the file; the model's
 * own defaults and the program's come later (`comparison/settings.ts`).
 */

import { z } from 'zod';
import {
  comparisonRequestSchema,
  latencyRequestSchema,
  type ComparisonRequest,
  type LatencyRequest,
} from '../../comparison/request.js';
import { UsageError } from '../../domain/errors.js';
import { nearestName } from '../../metrics/nearest-name.js';
import { ON_BY_DEFAULT } from '../../run/command-line.js';

/** How the command shows what it does. */
const outputSchema = z
  .strictObject({
    /** Print `summary.json` instead of the table. */
    json: z.boolean(),
    /** No progress and no notes on stderr. */
    quiet: z.boolean(),
  })
  .partial();

export type RunOutput = z.infer<typeof outputSchema>;

const runOptionsSchema = z.strictObject({
  ...comparisonRequestSchema.shape,
  ...latencyRequestSchema.shape,
  ...outputSchema.shape,
  latencyOnly: z.boolean().optional(),
});

/** Everything that flags and file can say; the keys are the names of the flags in camel case. */
export type RunOptions = z.infer<typeof runOptionsSchema>;

/** What `run` is asked to do. */
export type RunCommand =
  | { readonly kind: 'comparison'; readonly request: ComparisonRequest; readonly output: RunOutput }
  | { readonly kind: 'latency'; readonly request: LatencyRequest; readonly output: RunOutput };

/**
 * Joins flags and file. A flag that was given wins, and `--top-k` wins over a sweep of the file as well as the
 * other way round. So does `--compression-ratio`. `--no-timing` wins over repeated timings of the file, and the other way
 * round.
 *
 * @param flags As commander has them; an absent flag is absent or undefined.
 * @throws {UsageError} If flags contradict each other or do not go with `--latency-only`.
 * @example runCommand({ limit: 3 }, { limit: 9, seed: 1 }).request // => { seed: 1, limit: 3 }
 */
export function runCommand(flags: Readonly<Record<string, unknown>>, file: RunOptions): RunCommand {
  const given = checkedOptions(
    Object.fromEntries(
      Object.entries(flags).flatMap(([key, value]) => (value === undefined ? [] : [[settingOf(key), value]])),
    ),
    'command line',
  );
  const isLatencyOnly = given.latencyOnly ?? file.latencyOnly ?? false;
  const { json, quiet, latencyOnly, ...merged } = isLatencyOnly
    ? mergedForLatency(given, file)
    : mergedForTasks(given, file);
  const output = {
    ...(json === undefined ? {} : { json }),
    ...(quiet === undefined ? {} : { quiet }),
  };
  return latencyOnly === true
    ? { kind: 'latency', request: latencyRequestSchema.parse(merged), output }
    : { kind: 'comparison', request: comparisonRequestSchema.parse(merged), output };
}

/** A flag that stands there once for each value is called after one of them. */
function settingOf(flag: string): string {
  return flag === 'plugin' ? 'plugins' : flag;
}

const LATENCY_KEYS = Object.keys(latencyRequestSchema.shape);
const COMPARISON_KEYS = Object.keys(comparisonRequestSchema.shape);

/** Settings that a run over tasks does not have. */
const WITHOUT_TASKS_ONLY = new Set(LATENCY_KEYS.filter((key) => !COMPARISON_KEYS.includes(key)));

/** Settings that mean something where there are no tasks. */
const WITHOUT_TASKS = new Set([...LATENCY_KEYS, ...Object.keys(outputSchema.shape), 'latencyOnly']);

/** Flags of the other kind of run are refused; settings of a file, which serves both kinds, are left out. */
function mergedForTasks(given: RunOptions, file: RunOptions): RunOptions {
  const stray = Object.keys(given).filter((key) => WITHOUT_TASKS_ONLY.has(key));
  if (stray.length > 0) {
    throw new UsageError(`command line: ${stray.map(flagOf).join(' and ')} only with --latency-only`, [
      'a run over tasks takes its prompts from the tasks',
    ]);
  }
  const isGiven = (axis: string): boolean =>
    SWEPT.some((one) => one === axis && (given[one] !== undefined || given.sweep?.[one] !== undefined));
  const isOverruled = (key: string): boolean => CONTRADICTED.get(key)?.(given) ?? false;
  const kept = withoutKeys(
    file,
    (key) => WITHOUT_TASKS_ONLY.has(key) || isGiven(key) || isOverruled(key) || key === 'sweep',
  );
  const swept = Object.entries(file.sweep ?? {}).filter(([axis]) => !isGiven(axis));
  const sweep = { ...Object.fromEntries(swept), ...given.sweep };
  return { ...kept, ...given, ...(Object.keys(sweep).length === 0 ? {} : { sweep }) };
}

/** Settings of a file that flags contradict without naming them. */
const CONTRADICTED: ReadonlyMap<string, (given: RunOptions) => boolean> = new Map([
  ['ttftRepeats', ({ timing }) => timing === false],
  ['timing', ({ ttftRepeats }) => ttftRepeats !== undefined],
]);

/** Settings that a sweep can go through. */
const SWEPT = ['topK', 'compressionRatio'] as const;

function mergedForLatency(given: RunOptions, file: RunOptions): RunOptions {
  const stray = Object.entries(given).filter(([key]) => !WITHOUT_TASKS.has(key));
  if (stray.length > 0) {
    const flags = stray.map(([key, value]) => (value === false ? switchedOff(key) : flagOf(key)));
    throw new UsageError(`command line: --latency-only does not go with ${flags.join(', ')}`, [
      'it times prompts of given lengths: there are no tasks, nothing is retrieved and nothing is scored',
      `it takes ${[...WITHOUT_TASKS]
        .filter((key) => key !== 'latencyOnly')
        .map(flagOf)
        .join(', ')}`,
    ]);
  }
  return { ...withoutKeys(file, (key) => !WITHOUT_TASKS.has(key)), ...given };
}

function withoutKeys(options: RunOptions, isLeftOut: (key: string) => boolean): RunOptions {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !isLeftOut(key)));
}

/** @example switchedOff('vectorCache') // => '--no-vector-cache' */
function switchedOff(key: string): string {
  return flagOf(key).replace('--', '--no-');
}

/** @example flagOf('maxNewTokens') // => '--max-new-tokens' */
function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Checks options that somebody wrote down.
 *
 * A flag that switches something off may stand in its own name: `noVectorCache` for `--no-vector-cache`.
 *
 * @param where What messages call their origin.
 * @throws {UsageError} If a key is unknown, a value has the wrong type, or two values contradict each other.
 */
export function checkedOptions(value: unknown, where: string): RunOptions {
  const parsed = runOptionsSchema.safeParse(withPositiveNames(value, where));
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => complaints(issue, value));
    throw new UsageError(`${where}: ${problems.join('; ')}`, [
      'the keys are those of the flags of `llava-eval run`, in camel case',
    ]);
  }
  for (const axis of SWEPT) {
    if (parsed.data[axis] === undefined || parsed.data.sweep?.[axis] === undefined) continue;
    throw new UsageError(`${where}: ${flagOf(axis)} and --sweep exclude each other`, [
      `a sweep runs every ${flagOf(axis).slice(2)} it lists; put the one you want among them`,
    ]);
  }
  return parsed.data;
}

/** Flags of the form `--no-<setting>`, by the key of the setting. */
const SWITCHED_OFF: Readonly<Record<string, string>> = Object.fromEntries(
  ON_BY_DEFAULT.map((key) => [`no${key[0]!.toUpperCase()}${key.slice(1)}`, key]),
);

function withPositiveNames(value: unknown, where: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const options: Record<string, unknown> = { ...value };
  for (const [negative, positive] of Object.entries(SWITCHED_OFF)) {
    const given = options[negative];
    if (typeof given !== 'boolean') continue;
    if (positive in options) {
      throw new UsageError(`${where}: ${negative} and ${positive} say the same thing twice`, [
        `keep ${positive}`,
      ]);
    }
    options[positive] = !given;
    options[negative] = undefined;
  }
  return Object.fromEntries(Object.entries(options).filter(([, given]) => given !== undefined));
}

const KNOWN_KEYS = [...Object.keys(runOptionsSchema.shape), ...Object.keys(SWITCHED_OFF)];

/** What is wrong, with the value and, for a key that is not known, the one that was probably meant. */
function complaints(issue: z.core.$ZodIssue, options: unknown): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const meant = nearestName(key, KNOWN_KEYS);
      return `there is no setting "${key}"${meant === null ? '' : `; did you mean "${meant}"?`}`;
    });
  }
  const path = issue.path.map(String).join('.');
  if (path === '') return [`expected an object of settings, got ${JSON.stringify(options)}`];
  return [`${path}: ${issue.message}, got ${JSON.stringify(valueAt(options, issue.path))}`];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}
