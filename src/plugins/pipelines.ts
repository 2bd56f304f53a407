/**
 * @file The pipelines of plug-ins, as the program runs them.
 */

import { z } from 'zod';
import { tokenId } from '../domain/units.js';
import { addPipeline } from '../pipelines/all.js';
import { pipelineInRole, type PipelineKind } from '../pipelines/kinds.js';
import { partsPipeline, type ContextPart, type PartTools } from '../pipelines/parts.js';
import { matrixOf, row } from '../tensor/matrix.js';
import type { PipelineDefinition, PipelineTools } from './definition.js';
import { frozenCopy, guardedAsync, visibleTask, type Origin } from './guard.js';

/** A report is about soft tokens where they were run, and otherwise about the method that somebody put beside text. */
const SUBJECT_RANK = 1;

/** The row of a pipeline, with what the plug-in left out. */
export function pipelineRow(
  definition: PipelineDefinition,
): PipelineKind & { readonly needs: Omit<PipelineKind['needs'], 'expansion'> } {
  const { name, title, needs, shows, against, isBaseOf } = definition;
  const softTokens = needs?.softTokens ?? 'none';
  return {
    ...{ name, title, isDefault: false, role: null },
    needs: {
      ...{ retrieval: needs?.retrieval ?? true, softTokens },
      ...(needs?.scorer === true ? { scorer: true as const } : {}),
    },
    shows: shows ?? (softTokens === 'vectors' ? ['own-text', 'soft-tokens'] : ['own-text']),
    against: against ?? [
      { pipeline: pipelineInRole('no-retrieval'), reading: 'baseline' },
      { pipeline: pipelineInRole('full-text'), reading: 'full-text' },
    ],
    isBaseOf: isBaseOf ?? [],
    subjectRank: SUBJECT_RANK,
  };
}

/** Makes a pipeline of a plug-in known. @param path The plug-in, for messages. */
export function registerPipeline(definition: PipelineDefinition, path: string): void {
  const { name } = definition;
  const origin: Origin = { path, what: `pipeline ${name}` };
  addPipeline(pipelineRow(definition), (resources) => ({
    name,
    async prepare(task, chunks) {
      // Copied before the clock starts: the copies are the program's doing.
      const [visible, copies] = [visibleTask(task), frozenCopy(chunks)];
      const pipeline = partsPipeline(name, resources, async (_task, _chunks, tools) => {
        const made: unknown = await definition.prepare(visible, copies, toolsFor(tools));
        return checkedParts(made);
      });
      return guardedAsync(origin, () => pipeline.prepare(task, chunks));
    },
  }));
}

function toolsFor(tools: PartTools): PipelineTools {
  return {
    ...{ budgetTokens: tools.budgetTokens, seed: tools.seed },
    get width() {
      return tools.width;
    },
    get tokensPerChunk() {
      return tools.tokensPerChunk;
    },
    encode: (text) => tools.encode(text),
    decode: (ids) => tools.decode(ids.map(tokenId)),
    async softTokens(chunks) {
      const soft = await tools.softTokens(chunks);
      return Array.from({ length: soft.rows }, (_, r) => row(soft, r).slice());
    },
    nats: (before, ids) => tools.nats(before.map(tokenId), ids.map(tokenId)),
  };
}

const vectorSchema = z.union([z.instanceof(Float32Array), z.array(z.number()).readonly()], {
  error: 'expected a Float32Array or an array of numbers, none of them NaN',
});

const partsSchema = z.array(
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('text'), text: z.string() }),
    z.strictObject({ kind: z.literal('ids'), ids: z.array(z.int().nonnegative()) }),
    z.strictObject({ kind: z.literal('vectors'), vectors: z.array(vectorSchema) }),
  ]),
);

/** @throws {RangeError} If something of it is no part. */
function checkedParts(made: unknown): ContextPart[] {
  const parsed = partsSchema.safeParse(made);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const place = ['prepare', ...issue.path].map(String).join('.');
    throw new RangeError(`${place} returned what is no list of parts: ${issue.message}`);
  }
  return parsed.data.flatMap((part): ContextPart[] => {
    switch (part.kind) {
      case 'text':
        return [part];
      case 'ids':
        return [{ kind: 'ids', ids: part.ids.map(tokenId) }];
      case 'vectors':
        return part.vectors.map((vector) => ({
          kind: 'vectors',
          vectors: matrixOf(1, vector.length, Float32Array.from(vector)),
        }));
    }
  });
}
