/**
 * @file Index time of a run: chunks of all repositories, and their vectors where a retriever compares those.
 */

import { retrievalEmbedder } from '../retrieval/rankers/embedder.js';
import { indexRepositories, type RepositoryIndex } from '../run/repository-index.js';
import { openVectorCache } from './models/open-encoder.js';
import type { Comparison } from './comparison.js';

/** The index, and how many vectors it needed. */
export interface ChunkIndex extends RepositoryIndex {
  /** Texts whose vectors the index needed, and how many of those an earlier run had kept. */
  readonly vectors: { readonly needed: number; readonly kept: number };
}

/** Indexes what the tasks of a run need. Null if it was interrupted. */
export async function indexChunks({
  surroundings,
  phases,
  settings,
  open,
}: Pick<Comparison, 'surroundings' | 'phases' | 'settings' | 'open'>): Promise<ChunkIndex | null> {
  const { onEvent, signal } = surroundings;
  const { dataset, models, retrieval, lender } = open;
  // Lenders are asked like any other task, and may be of another shard.
  const tasks = [...new Set(lender === null ? open.tasks : [...open.tasks, ...open.tasks.map(lender)])];
  phases.enter('index');
  const encoder = models.retrieverEncoder;
  const cache =
    encoder === null || !settings.keepsVectors
      ? null
      : openVectorCache(encoder.encoder, models.execution, (line) => {
          onEvent({ kind: 'noted', line });
        });
  let encoded = 0;
  const index = await indexRepositories(
    {
      tasks,
      repository: (name) => dataset.repository(name),
      setting: retrieval,
      retrievers: settings.axes.retrievers,
      resources: {
        embedder() {
          if (encoder === null) throw new RangeError('the models were loaded without an embedder');
          return retrievalEmbedder(encoder.encoder, encoder.tokenizer, cache);
        },
      },
    },
    {
      start(chunks) {
        phases.enter('encoding');
        encoded = chunks;
        onEvent({ kind: 'started', work: 'encoding', total: chunks, unit: 'steps' });
      },
      advance(chunks) {
        onEvent({ kind: 'advanced', steps: chunks });
      },
      isCancelled: () => signal.aborted,
    },
  );
  onEvent({ kind: 'stopped' });
  if (index === null) return null;
  return { ...index, vectors: { needed: cache?.use.asked ?? encoded, kept: cache?.use.found ?? 0 } };
}
