/**
 * @file What a gate holds a run to: rules with defaults, each of which a JSON file can change or switch off.
 */

import { z } from 'zod';
import { DataError, messageOf } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { whatWasMeant } from '../metrics/nearest-name.js';

export const RULES_SCHEMA = 'llava-eval/gate-rules@1';

const level = z.number().positive().max(0.5);
const points = z.number().positive().max(100);
const nats = z.number().positive();
const fraction = z.number().nonnegative();

const qualityRule = z.strictObject({
  /** Passes once a drop of this many points is ruled out with 95 % confidence. */
  margin: points.default(3),
  /** Fails at a drop of more than this many points, whatever the test says; null for no such limit. */
  maxDrop: points.nullable().default(10),
  /** Fails below this percentage; null for no such limit. */
  floor: z.number().min(0).max(100).nullable().default(null),
});

/** Ratios of TTFT within a run, which do not depend on the speed of the machine. */
const ttftRule = z.strictObject({
  /** Chance of even one false alarm of all ratios together. */
  level: level.default(0.02),
  /** How much slower is still no regression: 0.05 is 5 %. */
  tolerance: fraction.default(0.05),
  /** The same where the baseline was measured on other hardware, which moves ratios a little. */
  otherHardwareTolerance: fraction.default(0.1),
});

export type TtftRule = z.infer<typeof ttftRule>;

/** What holds for the ratios of TTFT where the rules do not mention them, and the baseline has times. */
export const DEFAULT_TTFT_RULE: TtftRule = ttftRule.parse({});

export const rulesSchema = z.strictObject({
  schema: z.literal(RULES_SCHEMA).optional(),
  quality: z
    .strictObject({
      /** Chance of even one false alarm of all tests of quality together (Holm). */
      level: level.default(0.015),
      exactMatch: qualityRule.nullable().prefault({}),
      editSimilarity: qualityRule.nullable().prefault({}),
    })
    .nullable()
    .prefault({}),
  /** Nats a token of the true completion: it sees losses that no completion shows yet. */
  likelihood: z
    .strictObject({
      /** Chance of even one false alarm of all configurations together (Holm). */
      level: level.default(0.005),
      /** Passes once a rise of this many nats a token is ruled out with 95 % confidence. */
      margin: nats.default(0.05),
      /** Fails at a rise of more than this, whatever the test says; null for no such limit. */
      maxRise: nats.nullable().default(0.5),
    })
    .nullable()
    .prefault({}),
  /**
   * Null switches it off. Absent, it is the default rule, which says nothing of times that the baseline does not have. A rule
   * that is there asks for times: without them it fails.
   */
  ttft: z.exactOptional(ttftRule.nullable()),
  /** TTFT itself, in milliseconds: only for a machine that is always the same and otherwise idle. */
  absoluteTtft: z
    .strictObject({ level: level.default(0.02), tolerance: fraction.default(0.1) })
    .nullable()
    .default(null),
  tasks: z
    .strictObject({
      /** Tasks that may fail beyond those that failed in the baseline, per configuration. */
      newFailed: z.int().nonnegative().default(0),
      newSkipped: z.int().nonnegative().default(0),
    })
    .prefault({}),
});

export type Rules = z.infer<typeof rulesSchema>;
export type QualityRule = z.infer<typeof qualityRule>;

export const DEFAULT_RULES: Rules = rulesSchema.parse({});

/** @throws {DataError} If the file cannot be read, is not JSON, or has an unknown or ill-typed field. */
export async function readRules(path: string): Promise<Rules> {
  let json: unknown;
  try {
    json = parseJson(await readForeignText(path));
  } catch (error) {
    throw new DataError(`${path}: cannot be used: ${messageOf(error)}`, ['rules are one JSON object'], {
      cause: error,
    });
  }
  const parsed = rulesSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(complaints);
  throw new DataError(`${path}: ${problems.join('; ')}`, ['docs/gate.md lists the rules and their defaults']);
}

/** What is wrong with a rule, one sentence each. */
function complaints(issue: z.core.$ZodIssue): string[] {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${at || 'rules'}: ${issue.message}`];
  const known = fieldsAt(issue.path);
  return issue.keys.map(
    (key) => `${at === '' ? key : `${at}.${key}`}: there is no such rule; ${whatWasMeant(key, known)}`,
  );
}

/** The names that may stand at a place: those of the defaults, and of the one rule that is off by default. */
function fieldsAt(path: readonly PropertyKey[]): string[] {
  if (path[0] === 'absoluteTtft') return ['level', 'tolerance'];
  let at: unknown = { schema: RULES_SCHEMA, ...DEFAULT_RULES, ttft: DEFAULT_TTFT_RULE };
  for (const key of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined;
  return typeof at === 'object' && at !== null ? Object.keys(at) : [];
}
