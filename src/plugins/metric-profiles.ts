/**
 * @file The metric profiles of plug-ins, as the program scores by them.
 */

import { z } from 'zod';
import { editSimilarity } from '../metrics/edit-similarity.js';
import { meanEditSimilarity, meanExactMatch, meanExtra } from '../metrics/means.js';
import {
  plainKind,
  type MetricProfile,
  type ProfileDescription,
  type ScoringTask,
  type TaskScore,
} from '../metrics/profile.js';
import { addMetricProfile } from '../metrics/registry.js';
import { roundHalfEven2 } from '../metrics/rounding.js';
import type { MetricProfileDefinition } from './definition.js';
import { guarded, type Origin } from './guard.js';

/** What the profile says about itself, with what the plug-in left out. */
export function profileRow(definition: MetricProfileDefinition): ProfileDescription & { noValue: null } {
  const { name, version, rule, formula = 'levenshtein', extras = [] } = definition;
  return {
    ...{ name, version: `${name}@${version}`, formula, rule, noValue: null, extras },
    direction: 'higher-is-better',
  };
}

/** Makes a metric profile of a plug-in known. @param path The plug-in, for messages. */
export function registerMetricProfile(definition: MetricProfileDefinition, path: string): void {
  const row = profileRow(definition);
  const origin: Origin = { path, what: `metric profile ${row.name}` };
  const { isSettled } = definition;
  const visible = ({ prefix, reference, language }: ScoringTask): ScoringTask =>
    Object.freeze({ prefix, reference, language });
  const profile: MetricProfile = {
    ...row,
    isScorable: () => true,
    compared: (completion, task) =>
      guarded(origin, () => z.string().parse(definition.compared(completion, visible(task)))),
    scoreCompared: (compared, task) =>
      guarded(origin, () =>
        checkedScore(definition.score(compared, visible(task)), compared, task, definition),
      ),
    settling: (task) =>
      isSettled === undefined
        ? null
        : (completion) => guarded(origin, () => isSettled(completion, visible(task))),
    report(scored) {
      const [emExact, esExact] = [meanExactMatch(scored) * 100, (meanEditSimilarity(scored) ?? 0) * 100];
      const extras = row.extras.map(({ name }): [string, number] => [
        name,
        roundHalfEven2(meanExtra(scored, name) * 100),
      ]);
      return {
        ...{ total: scored.length, emExact, esExact, withoutEs: 0, extras: Object.fromEntries(extras) },
        ...{ em: roundHalfEven2(emExact), es: roundHalfEven2(esExact) },
        ...{ groups: [], groupedBy: null, published: null, note: null },
      };
    },
  };
  addMetricProfile({ ...plainKind(profile), readsPrefix: true });
}

const fraction = z.number().min(0).max(1);

/** @throws {RangeError} If a score is missing, or no fraction. */
function checkedScore(
  score: unknown,
  compared: string,
  { reference }: ScoringTask,
  { extras = [], formula }: MetricProfileDefinition,
): TaskScore {
  const parsed = z
    .strictObject({
      exactMatch: z.union([z.literal(0), z.literal(1)]),
      editSimilarity: formula === 'own' ? fraction : fraction.optional(),
      extras:
        extras.length === 0
          ? z.undefined()
          : z.strictObject(Object.fromEntries(extras.map(({ name }) => [name, fraction]))),
    })
    .safeParse(score);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new RangeError(
      `score returned ${issue.path.map(String).join('.') || 'no object'}: ${issue.message}`,
    );
  }
  const { exactMatch, extras: own } = parsed.data;
  return {
    exactMatch,
    editSimilarity: parsed.data.editSimilarity ?? editSimilarity(compared, reference) ?? 1,
    ...(own === undefined ? {} : { extras: own }),
  };
}
