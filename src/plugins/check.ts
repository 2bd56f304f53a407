/**
 * @file Checks what a plug-in exports, field by field.
 */

import { z } from 'zod';
import { PluginError } from '../domain/errors.js';
import { SOFT_TOKEN_NEEDS } from '../pipelines/kinds.js';
import type {
  MetricProfileDefinition,
  PipelineDefinition,
  PluginDefinition,
  RecordFormatDefinition,
  RetrieverDefinition,
} from './definition.js';
import { extrasSchema, formulaSchema, nameSchema, relationsSchema, titleSchema } from './description.js';

/** A function of which no more can be known before it is called. What it returns is checked then. */
function functionAs<T>() {
  return z.custom<T>((value) => typeof value === 'function', { error: 'expected a function' });
}

const definitionSchema = z.discriminatedUnion(
  'defines',
  [
    z.strictObject({
      defines: z.literal('llava-eval/pipeline@1'),
      name: nameSchema,
      title: titleSchema,
      needs: z
        .strictObject({
          retrieval: z.boolean().optional(),
          softTokens: z.enum(SOFT_TOKEN_NEEDS).optional(),
          scorer: z.boolean().optional(),
        })
        .optional(),
      shows: z
        .array(z.enum(['own-text', 'soft-tokens']))
        .min(1)
        .optional(),
      against: relationsSchema.optional(),
      isBaseOf: relationsSchema.optional(),
      prepare: functionAs<PipelineDefinition['prepare']>(),
    }),
    z.strictObject({
      defines: z.literal('llava-eval/retriever@1'),
      name: nameSchema,
      title: titleSchema,
      index: functionAs<RetrieverDefinition['index']>(),
    }),
    z.strictObject({
      defines: z.literal('llava-eval/metric-profile@1'),
      name: nameSchema,
      version: z.int().positive(),
      rule: titleSchema,
      formula: formulaSchema.optional(),
      extras: extrasSchema.optional(),
      compared: functionAs<MetricProfileDefinition['compared']>(),
      score: functionAs<MetricProfileDefinition['score']>(),
      isSettled: functionAs<NonNullable<MetricProfileDefinition['isSettled']>>().optional(),
    }),
    z.strictObject({
      defines: z.literal('llava-eval/record-format@1'),
      name: nameSchema,
      title: titleSchema,
      needs: z.array(z.array(z.string().min(1)).min(1)).min(1),
      read: functionAs<RecordFormatDefinition['read']>(),
    }),
  ],
  {
    error: 'expected what definePipeline, defineRetriever, defineMetricProfile or defineRecordFormat returns',
  },
);

/** The end of every complaint about what a plug-in exports. */
const ADVICE = 'a plug-in has a default export: one definition or an array of them (docs/library.md)';

/**
 * The definitions that a plug-in exports.
 *
 * @param path What messages call the plug-in.
 * @throws {PluginError} If its default export is missing, or a definition is not as it has to be.
 */
export function checkedDefinitions(path: string, module: object): readonly PluginDefinition[] {
  const exported: unknown = 'default' in module ? module.default : undefined;
  if (exported === undefined) {
    const others = Object.keys(module).join(', ');
    throw new PluginError(`plug-in ${path}: has no default export`, [
      ...(others === '' ? [] : [`it exports ${others}`]),
      ADVICE,
    ]);
  }
  const list: readonly unknown[] = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) throw new PluginError(`plug-in ${path}: exports nothing`, [ADVICE]);
  return list.map((one, i) => {
    const parsed = definitionSchema.safeParse(one);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const of = Array.isArray(exported) ? `default[${i}]` : 'default';
    const place = [of, ...(issue?.path ?? [])].map(String).join('.');
    throw new PluginError(`plug-in ${path}: ${place}: ${issue?.message ?? 'is no definition'}`, [ADVICE]);
  });
}
