/**
 * @file The retrieval of one task, timed: the chunks of each retriever and top-k, and what is kept of them.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { stopwatch } from '../domain/clock.js';
import type { CompletionTask } from '../domain/task.js';
import { ms, type Ms } from '../domain/units.js';
import type { Reference } from '../generation/reference.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import type { InFileContext } from '../pipelines/in-file.js';
import { borrowsChunks } from '../pipelines/kinds.js';
import type { ExecutionPlan, TaskWork } from './execution.js';
import type { Configuration, ScoredRecord } from './record.js';
import type { TaskEvidence } from './task-evidence.js';

/** What a retriever found for a task at one top-k, or why it found nothing. */
export type Ranking =
  | {
      readonly chunks: readonly RetrievedChunk[];
      /** The same chunks as records name them. The records of all pipelines share one list. */
      readonly recorded: ScoredRecord['chunks'];
      readonly retrieveMs: Ms;
    }
  | { readonly error: unknown };

/** The key of a configuration's ranking: configurations with the same retriever, top-k and asker share one. */
export function rankingKey({ pipeline, retriever, topK }: Configuration): string {
  return JSON.stringify([retriever, topK, borrowsChunks(pipeline)]);
}

/**
 * Makes one timed ranking per retriever and top-k of the run. The pipelines that use a ranking share its chunks and its
 * time.
 *
 * The chunks for a smaller k need not be the first of those for a larger one: repeated texts are dropped
 * after the k best were taken, so what is shown second for k = 10 may not be shown for k = 2.
 */
export async function rankTask({ task, plan, parts, rng }: TaskWork): Promise<Map<string, Ranking>> {
  const rankings = new Map<string, Ranking>();
  for (const configuration of rng.shuffle(plan.configurations)) {
    const key = rankingKey(configuration);
    if (rankings.has(key)) continue;
    const { retriever: name, topK } = configuration;
    if (name === null || topK === null) {
      rankings.set(key, { chunks: [], recorded: [], retrieveMs: ms(0) });
      continue;
    }
    try {
      const asker = borrowsChunks(configuration.pipeline) ? lentBy(task, parts) : task;
      const retriever = parts.retriever(name, asker);
      const elapsed = stopwatch(parts.clock);
      const chunks = await retriever.retrieve(asker, topK);
      const retrieveMs = elapsed();
      const repository = asker === task ? {} : { repository: asker.repository };
      const recorded = chunks.map(({ path, startLine, endLine, score }) => ({
        ...{ path, startLine, endLine, score },
        ...repository,
      }));
      rankings.set(key, { chunks, recorded, retrieveMs });
    } catch (error) {
      rankings.set(key, { error });
    }
  }
  return rankings;
}

/** @throws {RangeError} If nobody lends: such a run is refused before it begins. */
function lentBy(task: CompletionTask, { lender }: TaskWork['parts']): CompletionTask {
  if (lender === null) throw new RangeError('no task lends its chunks');
  return lender(task);
}

/** What a reader of the records may want to see of the task. */
export function evidenceOf(
  task: CompletionTask,
  { left, right }: InFileContext,
  written: Reference | null,
  rankings: ReadonlyMap<string, Ranking>,
  plan: ExecutionPlan,
  tokenizer: Tokenizer,
): TaskEvidence {
  const { id, repository, path, language, reference } = task;
  const chunks = new Map<string, TaskEvidence['chunks'][number]>();
  for (const configuration of plan.configurations) {
    const ranking = rankings.get(rankingKey(configuration))!;
    if ('error' in ranking) continue;
    for (const [i, chunk] of ranking.chunks.entries()) {
      const { path: from, startLine, endLine, text, shown } = chunk;
      const lent = ranking.recorded[i]!.repository;
      // A chunk without lines is known by its place in the shipped order.
      const key = JSON.stringify(
        startLine === null ? ['shipped', lent, i] : [lent, from, startLine, endLine],
      );
      chunks.set(key, {
        ...{ path: from, startLine, endLine, text },
        ...(shown === undefined ? {} : { shown }),
        ...(lent === undefined ? {} : { repository: lent }),
      });
    }
  }
  return {
    ...{ taskId: id, repository, path, language, reference },
    ...{ left: tokenizer.decode(left), right: tokenizer.decode(right) },
    ...(written === null ? {} : { referencePieces: [...written.pieces] }),
    chunks: [...chunks.values()],
  };
}
