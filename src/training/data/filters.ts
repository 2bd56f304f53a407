/**
 * @file Which holes are worth training on: named choices.
 */

import type { RetrievedChunk } from '../../domain/chunk.js';
import type { CompletionTask } from '../../domain/task.js';
import { contextQuality } from '../../retrieval/quality.js';

/** What a filter sees of a hole. */
export interface FilteredHole {
  readonly task: Pick<CompletionTask, 'reference' | 'language'>;
  /** The code around the hole that the prompt holds. */
  readonly left: string;
  readonly right: string;
  readonly chunks: readonly RetrievedChunk[];
}

interface HoleFilter {
  readonly summary: string;
  readonly keeps: (hole: FilteredHole) => boolean;
}

/** All filters by name; flags and help follow from the list. */
const FILTERS = {
  all: { summary: 'every hole', keeps: () => true },
  'chunk-names': {
    summary: 'holes whose line uses a name of the chunks that is not in the code around the hole',
    keeps: ({ task, left, right, chunks }) => {
      const { newIdentifiers } = contextQuality({ ...task, prefix: left, suffix: right }, chunks);
      return newIdentifiers !== null && newIdentifiers > 0;
    },
  },
} as const satisfies Readonly<Record<string, HoleFilter>>;

export type HoleFilterName = keyof typeof FILTERS;

export const HOLE_FILTERS = Object.keys(FILTERS) as readonly HoleFilterName[];

/** Names with what each keeps, for help. */
export function filterSummaries(): string {
  return HOLE_FILTERS.map((name) => `${name} (${FILTERS[name].summary})`).join(', ');
}

export function holeFilter(name: HoleFilterName): HoleFilter['keeps'] {
  return FILTERS[name].keeps;
}
