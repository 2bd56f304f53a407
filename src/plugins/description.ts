/**
 * @file What a run records about its plug-ins: the hashes of their files, and what they say about what they bring.
 *
 * It is part of the fingerprint. It is also all that a reader of a run folder needs: names, titles, comparisons and
 * rules of what plug-ins brought. So reports, gate and compare read the folder without the plug-in.
 */

import { z } from 'zod';
import { ES_FORMULAS, type EsFormula } from '../metrics/profile.js';
import { learnMetricProfile } from '../metrics/registry.js';
import {
  CONTEXT_FORMS,
  learnPipelineKind,
  READINGS,
  SOFT_TOKEN_NEEDS,
  type PipelineKind,
} from '../pipelines/kinds.js';

/** Names are words of flags, journals and file names. */
export const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, 'expected lower case letters, digits and single hyphens');

/** One line of words. */
export const titleSchema = z
  .string()
  .regex(/^\S(?:[^\n]*[^\s.])?$/, 'expected one line without a full stop at its end');

export const relationsSchema = z.array(z.strictObject({ pipeline: nameSchema, reading: z.enum(READINGS) }));

export const extrasSchema = z.array(
  z.strictObject({ name: z.string().regex(/^[a-z]\w*$/i), title: titleSchema }),
);

export const formulaSchema = z.enum(Object.keys(ES_FORMULAS) as [EsFormula, ...EsFormula[]]);

const pipelineRowSchema = z.strictObject({
  name: nameSchema,
  title: titleSchema,
  isDefault: z.literal(false),
  role: z.null(),
  needs: z.strictObject({
    retrieval: z.boolean(),
    softTokens: z.enum(SOFT_TOKEN_NEEDS),
    scorer: z.exactOptional(z.literal(true)),
  }),
  shows: z.array(z.enum(CONTEXT_FORMS)),
  against: relationsSchema,
  isBaseOf: relationsSchema,
  subjectRank: z.int().nullable(),
}) satisfies z.ZodType<PipelineKind>;

const profileRowSchema = z.strictObject({
  name: nameSchema,
  version: z.string(),
  direction: z.literal('higher-is-better'),
  formula: formulaSchema,
  rule: titleSchema,
  noValue: z.null(),
  extras: extrasSchema,
});

const namedSchema = z.strictObject({ name: nameSchema, title: titleSchema });

export const pluginDescriptionSchema = z.strictObject({
  /** Name of its file, without folders. */
  file: z.string(),
  /** SHA-256 of that file and of the files that it imports or names, by their paths from its folder. */
  files: z.record(z.string(), z.string()),
  /** Versions of the packages that those files import; null where no version is stated. */
  packages: z.record(z.string(), z.string().nullable()),
  pipelines: z.array(pipelineRowSchema),
  retrievers: z.array(namedSchema),
  metricProfiles: z.array(profileRowSchema),
  recordFormats: z.array(namedSchema),
});

export type PluginDescription = z.infer<typeof pluginDescriptionSchema>;

/** Makes known to this process what the plug-ins of a run folder brought. */
export function learnPlugins(plugins: readonly PluginDescription[]): void {
  for (const { pipelines, metricProfiles } of plugins) {
    pipelines.forEach(learnPipelineKind);
    metricProfiles.forEach(learnMetricProfile);
  }
}
