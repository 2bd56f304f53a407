/**
 * @file `as-shipped`: the chunks that a benchmark ships with its tasks, in the benchmark's order.
 *
 * Nobody searches, so no repository is needed, and `retrieveMs` holds no search. The cold time to first token
 * of this retriever is therefore not comparable with that of the others.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';

/** The name of the retriever that takes shipped chunks. */
export const SHIPPED = 'as-shipped';

/** Whatever gives a task its chunks: a retriever over its repository, or the task itself. */
export interface ChunkSource {
  /** At most k chunks, best first. */
  retrieve(task: CompletionTask, k: number): Promise<readonly RetrievedChunk[]>;
}

/** The first k chunks that the task brings along. */
export const asShipped: ChunkSource = {
  retrieve(task, k) {
    if (task.shipped === undefined) {
      return Promise.reject(new RangeError(`${task.id} ships no chunks; it should have been refused`));
    }
    return Promise.resolve(task.shipped.slice(0, k));
  },
};
