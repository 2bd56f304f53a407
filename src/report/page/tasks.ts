/**
 * @file The tasks of a page, as its explorer asks for them. No document here: everything is a pure function.
 */

import { positionsOf, subjectOf } from '../../pipelines/kinds.js';
import type { Configuration } from '../../run/record.js';
import { lookAt, type Look } from '../charts/palette.js';
import type { PackedResult, PackedTask, PackedTasks } from '../page-data/packed-tasks.js';

export interface Scored {
  readonly status: 'scored';
  readonly exactMatch: 0 | 1;
  readonly editSimilarity: number;
  /** Milliseconds; null where the run is not timed. */
  readonly times: { readonly ttftMs: number; readonly ttftColdMs: number } | null;
  readonly promptTokens: number;
  readonly softTokens: number;
  readonly contextTokens: number;
  readonly contextCharacters: number;
  readonly generatedTokens: number;
  readonly completion: string;
  readonly list: number;
  /** What the prompt holds of text that its pipeline made in its own way. */
  readonly contextText?: string;
  /** Nats of each position of the reference, where they were measured. */
  readonly tokenNats?: readonly number[];
}

export type Result =
  | Scored
  | { readonly status: 'failed'; readonly stage: string; readonly message: string }
  | { readonly status: 'skipped'; readonly promptTokens: number | null };

export interface Outcome {
  readonly configuration: Configuration;
  readonly result: Result;
}

export interface ShownChunk {
  readonly path: string;
  readonly startLine: number | null;
  readonly endLine: number | null;
  readonly score: number | null;
  readonly text: string;
  readonly shown?: string;
  /** Where it is of another repository than the task. */
  readonly repository?: string;
}

/** What the lists and panes of the explorer are about. */
export interface Selection {
  readonly retriever: string | null;
  readonly topK: number | null;
  /** Absent where the run has none. */
  readonly compressionRatio?: number | undefined;
  /** What the listed pipeline is compared with. */
  readonly against: string;
}

export const OUTCOMES = ['all', 'better', 'worse', 'same', 'unscored'] as const;
export type OutcomeFilter = (typeof OUTCOMES)[number];

export interface Filter extends Selection {
  readonly outcome: OutcomeFilter;
  readonly repository: string;
  readonly crossFileOnly: boolean;
  /** Every word must occur in the task's id, path, reference or a completion, in any case. */
  readonly words: string;
}

export function unpackResult(packed: PackedResult): Result {
  switch (packed[0]) {
    case 's': {
      const [, exactMatch, editSimilarity, ttftMs, ttftColdMs, ...rest] = packed;
      const [promptTokens, softTokens, contextTokens, contextCharacters, generatedTokens] = rest;
      return {
        status: 'scored',
        exactMatch,
        editSimilarity,
        times: ttftMs === null || ttftColdMs === null ? null : { ttftMs, ttftColdMs },
        promptTokens,
        softTokens,
        contextTokens,
        contextCharacters,
        generatedTokens,
        completion: rest[5],
        list: rest[6],
        ...(rest[7] === undefined || rest[7] === null ? {} : { contextText: rest[7] }),
        ...(rest[8] === undefined ? {} : { tokenNats: rest[8] }),
      };
    }
    case 'f':
      return { status: 'failed', stage: packed[1], message: packed[2] };
    case 'k':
      return { status: 'skipped', promptTokens: packed[1] };
  }
}

/** The outcomes of a task under the selected retriever and top-k, and those that have neither. */
export function outcomesOf(
  { configurations }: PackedTasks,
  task: PackedTask,
  { retriever, topK, compressionRatio }: Selection,
): Outcome[] {
  return configurations.flatMap((configuration, i) => {
    const packed = task.results[i];
    const isSelected =
      configuration.retriever === null ||
      (configuration.retriever === retriever &&
        configuration.topK === topK &&
        (configuration.compressionRatio === undefined ||
          configuration.compressionRatio === compressionRatio));
    return packed === null || packed === undefined || !isSelected
      ? []
      : [{ configuration, result: unpackResult(packed) }];
  });
}

/** The pipeline whose wins and losses are listed: what a report on these would be about, or else the first. */
export function listedPipeline({ configurations }: Pick<PackedTasks, 'configurations'>): string {
  const names = configurations.map(({ pipeline }) => pipeline);
  return subjectOf(names) ?? names[0] ?? '';
}

/** The look of each pipeline of a page. */
export function looksOf({ configurations }: PackedTasks): ReadonlyMap<string, Look> {
  const positions = positionsOf(configurations.map(({ pipeline }) => pipeline));
  return new Map([...positions].map(([name, position]) => [name, lookAt(position)]));
}

export type Standing = 'better' | 'worse' | 'same' | 'unscored';

/**
 * How one pipeline did against another on one task: by EM, and where that is equal by ES.
 *
 * @returns The difference of ES in points beside it; null unless both scored.
 */
export function standing(
  outcomes: readonly Outcome[],
  subject: string,
  against: string,
): { readonly standing: Standing; readonly points: number | null } {
  const find = (name: string): Result | undefined =>
    outcomes.find(({ configuration }) => configuration.pipeline === name)?.result;
  const [own, other] = [find(subject), find(against)];
  if (own?.status !== 'scored' || other?.status !== 'scored') return { standing: 'unscored', points: null };
  const points = own.editSimilarity - other.editSimilarity;
  const difference = own.exactMatch - other.exactMatch || points;
  return { standing: difference > 0 ? 'better' : difference < 0 ? 'worse' : 'same', points };
}

/** Whether a task is listed. */
export function matches(data: PackedTasks, task: PackedTask, filter: Filter): boolean {
  if (filter.crossFileOnly && task.crossFile !== 1) return false;
  if (filter.repository !== '' && task.repository !== filter.repository) return false;
  const outcomes = outcomesOf(data, task, filter);
  if (filter.outcome !== 'all') {
    const isListed =
      filter.outcome === 'unscored'
        ? outcomes.some(({ result }) => result.status !== 'scored')
        : standing(outcomes, listedPipeline(data), filter.against).standing === filter.outcome;
    if (!isListed) return false;
  }
  const words = filter.words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  if (words.length === 0) return true;
  const text = [
    task.id,
    task.source?.path ?? '',
    task.source?.reference ?? '',
    ...outcomes.map(({ result }) => (result.status === 'scored' ? result.completion : '')),
  ]
    .join('\n')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The chunks of an outcome, best first. */
export function chunksOf(data: PackedTasks, task: PackedTask, result: Scored): ShownChunk[] {
  return (task.lists[result.list] ?? []).flatMap(([index, score]) => {
    const chunk = data.chunks[index];
    if (chunk === undefined) return [];
    const [path, startLine, endLine, text, shown, repository] = chunk;
    const own = shown === null ? undefined : data.texts[shown];
    return [
      {
        ...{ path, startLine, endLine, score, text: data.texts[text] ?? '' },
        ...(own === undefined ? {} : { shown: own }),
        ...(repository === undefined ? {} : { repository }),
      },
    ];
  });
}
