/**
 * @file What a metric profile is: one published way to cut, compare and average completions.
 *
 * Flow: raw completion -> **compared text -> score of the task** -> **report over tasks**. A profile is pure; one
 * that needs a parser is given it when it is opened. Profiles never mix: a report names its profile, its version
 * and its formula of ES.
 *
 * One file in this folder holds the profiles of one published harness, and `all.ts` lists them.
 */

import type { CompletionTask } from '../domain/task.js';
import type { PythonParser } from './python-statement.js';

/**
 * How ES is computed; figures of different formulas are not comparable ("fooab" against "fooba" is 60
 * by the first and 80 by the others).
 */
export const ES_FORMULAS = {
  levenshtein: '1 - Levenshtein distance / longer length, code points',
  'fuzz-indel': 'fuzz.ratio as an integer percentage: 2 LCS / total length, code points (rapidfuzz)',
  own: 'computed as the profile says',
  'fuzz-difflib': 'fuzz.ratio as an integer percentage: 2 matches / total length, code points (difflib)',
} as const;
export type EsFormula = keyof typeof ES_FORMULAS;

/** A score that a profile adds to EM and ES: a fraction in [0, 1], in the direction of the profile. */
export interface ExtraScore {
  /** What journals, summaries and details call it. */
  readonly name: string;
  /** The same for people. */
  readonly title: string;
}

/** The scores of one task. */
export interface TaskScore {
  /** EM: 0 or 1. */
  readonly exactMatch: 0 | 1;
  /** ES as a fraction in [0, 1]; null where the reference harness has no value, see `noValue`. */
  readonly editSimilarity: number | null;
  /** By the names of the profile's extra scores; absent in profiles that have none. */
  readonly extras?: Readonly<Record<string, number>>;
}

/** What scoring looks at. */
export type ScoringTask = Pick<CompletionTask, 'prefix' | 'reference' | 'language'>;

/** A scored task as reports need it. */
export interface ScoredTask {
  readonly task: Pick<CompletionTask, 'repository' | 'path' | 'category'>;
  readonly score: TaskScore;
}

/**
 * Told all that was generated so far, says whether the compared text is settled: whatever follows,
 * `compared` stays the same. Keeps what it learned, so each belongs to one completion.
 */
export type Settling = (completion: string) => boolean;

/** What a profile says about itself. */
export interface ProfileDescription {
  /** What flags and configuration files call it; its key in `all.ts`, too. */
  readonly name: string;
  /** Changes whenever a score can change; part of the run fingerprint and of every summary. */
  readonly version: string;
  /** Of EM, ES and every extra. */
  readonly direction: 'higher-is-better';
  readonly formula: EsFormula;
  /** What EM compares, in words, for reports. */
  readonly rule: string;
  /** When ES is null, in words; null where every pair has a value. */
  readonly noValue: string | null;
  readonly extras: readonly ExtraScore[];
}

/** A kind of metric profile describes itself, and makes the profile. */
export interface MetricProfileKind extends ProfileDescription {
  /** Whether the cut of a completion looks at the code before the hole. */
  readonly readsPrefix: boolean;
  /** Whether a completion of the task is cut with the help of the parser for Python. */
  needsPythonParser(task: Pick<CompletionTask, 'language'>): boolean;
  /**
   * The profile.
   *
   * @param parser May be null if no task needs it. A profile without a parser then throws where it would need one.
   */
  open(parser: PythonParser | null): MetricProfile;
}

/** A kind that needs no parser and does not look at the code before the hole. */
export function plainKind(profile: MetricProfile): MetricProfileKind {
  const { name, version, direction, formula, rule, noValue, extras } = profile;
  return {
    ...{ name, version, direction, formula, rule, noValue, extras },
    readsPrefix: false,
    needsPythonParser: () => false,
    open: () => profile,
  };
}

export interface MetricProfile extends ProfileDescription {
  /** False where ES is null whatever the completion: there is nothing to run the task for. */
  isScorable(task: ScoringTask): boolean;

  /** The part of a completion that is compared with the reference. */
  compared(completion: string, task: ScoringTask): string;

  /** Scores a text that needs no cut any more. */
  scoreCompared(compared: string, task: ScoringTask): TaskScore;

  /** For a completion about to be generated: when it may end early. Null where it never may. */
  settling(task: ScoringTask): Settling | null;

  /**
   * Averages as the harness does.
   *
   * @param scored In the order of the references; at least one.
   */
  report(scored: readonly ScoredTask[]): ProfileReport;
}

/** Means over tasks, in percent. */
export interface Means {
  readonly total: number;
  /** Rounded as the harness rounds. */
  readonly em: number;
  /** Over the tasks that have a value; null if none has. */
  readonly es: number | null;
}

export interface ProfileReport extends Means {
  readonly emExact: number;
  readonly esExact: number | null;
  /** Tasks without an ES. */
  readonly withoutEs: number;
  readonly extras: Readonly<Record<string, number>>;
  /** The parts that the harness reports on their own, in order of first use; empty where it has none. */
  readonly groups: readonly GroupReport[];
  /** What the groups are: repositories, settings, categories. */
  readonly groupedBy: 'repository' | 'setting' | 'category' | null;
  /** Where the harness averages in another way than over tasks: its own figures. */
  readonly published: { readonly em: number; readonly es: number } | null;
  /** How `em` and `es` stand to the figures of the harness, where that is not obvious. */
  readonly note: string | null;
}

export interface GroupReport extends Means {
  readonly name: string;
  readonly published?: { readonly em: number | null; readonly es: number | null };
}

/** Cuts and scores one raw completion. */
export function scoreCompletion(profile: MetricProfile, completion: string, task: ScoringTask): TaskScore {
  return profile.scoreCompared(profile.compared(completion, task), task);
}
