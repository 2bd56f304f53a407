/**
 * @file What the task explorer of a page holds: every task with its outcomes, and of as many tasks as fit the
 * prompt they were given and the chunks in it.
 */

import { kindOf, PIPELINES } from '../../pipelines/kinds.js';
import type { RunSpec } from '../../run/run-spec.js';
import { sha256 } from '../../domain/hash.js';
import { compareCodePoints } from '../../domain/text.js';
import {
  isSameConfiguration,
  type Configuration,
  type ScoredRecord,
  type TaskRecord,
} from '../../run/record.js';
import { RecordTable } from '../../run/record-table.js';
import { scanTaskEvidence, type TaskEvidence } from '../../run/task-evidence.js';
import type {
  PackedChunk,
  PackedList,
  PackedResult,
  PackedTask,
  PackedTasks,
} from '../page-data/packed-tasks.js';

/** Characters of JSON that prompts and chunks may take unless the user asks for all. */
const PROMPT_BUDGET = 6_000_000;
/** Characters of them that are kept in memory while the tasks are read. */
const READ_BUDGET = 4 * PROMPT_BUDGET;
/** Tasks that a page lists unless the user asks for all: a list of more is neither read nor scrolled. */
const LISTED_TASKS = 10_000;
/** What is shown around the hole of a task whose prompt is not held. */
const EXCERPT = { left: 400, right: 200 } as const;

/** What a page may show of a task; of an excerpt only what stands around the hole is there. */
export type PageEvidence = TaskEvidence & { readonly isExcerpt?: true };

/**
 * Reads of a file of tasks what a page can hold of it, so that memory does not grow with the file: the tasks the
 * page lists, and whole only those that stand first among them, as long as there is room.
 *
 * @param records A table, or the records one by one.
 * @param limit  As for {@link packTasks}.
 * @param budget Characters of whole tasks to keep, give or take as much again.
 */
export async function readPageEvidence(
  path: string,
  records: RecordTable | Iterable<TaskRecord>,
  limit: number | 'fit' | 'all',
  budget = READ_BUDGET,
): Promise<ReadonlyMap<string, PageEvidence>> {
  const order = listedTasks(RecordTable.from(records), limit);
  const rankOf = new Map(order.map((id, rank): [string, number] => [id, rank]));
  const kept = new Map<string, PageEvidence>();
  /** Those kept whole, and their characters. */
  let whole: string[] = [];
  let size = 0;
  await scanTaskEvidence(path, (evidence) => {
    const rank = rankOf.get(evidence.taskId);
    if (rank === undefined) return;
    if (typeof limit === 'number' && rank >= limit) {
      kept.set(evidence.taskId, excerptOf(evidence));
      return;
    }
    kept.set(evidence.taskId, evidence);
    if (limit !== 'fit') return;
    whole.push(evidence.taskId);
    size += sizeOf(evidence);
    if (size <= 2 * budget) return;
    // Repeated chunks count once in the page, so what is kept here is far more than it will hold.
    whole.sort((a, b) => rankOf.get(a)! - rankOf.get(b)!);
    size = 0;
    const first = whole.findIndex((id) => (size += sizeOf(kept.get(id)!)) > budget);
    for (const id of whole.slice(first)) kept.set(id, excerptOf(kept.get(id)!));
    whole = whole.slice(0, first);
    size = whole.reduce((sum, id) => sum + sizeOf(kept.get(id)!), 0);
  });
  return kept;
}

function sizeOf({ left, right, chunks }: TaskEvidence): number {
  return chunks.reduce((sum, { text }) => sum + text.length, left.length + right.length);
}

/** What is shown of a task that is not held whole. */
function excerptOf(evidence: TaskEvidence): PageEvidence {
  const { left, right } = evidence;
  return {
    ...evidence,
    left: copied(left.slice(-EXCERPT.left)),
    right: copied(right.slice(0, EXCERPT.right)),
    chunks: [],
    isExcerpt: true,
  };
}

/** The same text without the long one it was cut from, which a slice keeps in memory. */
function copied(text: string): string {
  return String(JSON.parse(JSON.stringify(text)));
}

function recordsByTask(records: readonly TaskRecord[]): Map<string, TaskRecord[]> {
  const byTask = new Map<string, TaskRecord[]>();
  for (const record of records) {
    const own = byTask.get(record.taskId);
    if (own === undefined) byTask.set(record.taskId, [record]);
    else own.push(record);
  }
  return byTask;
}

/**
 * Packs the tasks of a run.
 *
 * @param records All records, or those of the tasks that the page lists.
 * @param limit   Most tasks to hold whole; 'fit' holds as many as the budget allows.
 * @param table   The numbers of all records.
 */
export function packTasks(
  configurations: readonly Configuration[],
  { contextPlacement, models }: Pick<RunSpec, 'contextPlacement' | 'models'>,
  records: readonly TaskRecord[],
  evidence: ReadonlyMap<string, PageEvidence>,
  limit: number | 'fit' | 'all',
  table: RecordTable = RecordTable.from(records),
): PackedTasks {
  const byTask = recordsByTask(records);
  const ranked = rankedTasks(table);
  const ids = listed(ranked, limit).sort(compareCodePoints);
  const whole = chooseWhole(ranked, evidence, limit);

  const texts = new Table<string>();
  const chunks = new Table<string>();
  const packedChunks: PackedChunk[] = [];
  const tasks = ids.map((id): PackedTask => {
    const own = byTask.get(id)!;
    const source = evidence.get(id);
    const isWhole = source !== undefined && whole.has(id);
    const lists = new Table<string>();
    const packedLists: PackedList[] = [];
    const results = configurations.map((configuration): PackedResult | null => {
      const record = own.find((one) => isSameConfiguration(one, configuration));
      if (record === undefined) return null;
      switch (record.status) {
        case 'failed':
          return ['f', record.error.stage, record.error.message];
        case 'skipped':
          return ['k', record.promptTokens];
        case 'scored': {
          const list: PackedList = !isWhole
            ? []
            : shownChunks(record, source).map(({ chunk, score }): [number, number | null] => {
                const { path, startLine, endLine, text, shown, repository = source.repository } = chunk;
                const key = JSON.stringify([repository, path, startLine, endLine, text, shown]);
                const { index, isNew } = chunks.add(key);
                if (isNew) {
                  packedChunks.push([
                    path,
                    startLine,
                    endLine,
                    texts.add(text).index,
                    shown === undefined ? null : texts.add(shown).index,
                    ...(chunk.repository === undefined ? ([] as const) : ([chunk.repository] as const)),
                  ]);
                }
                return [index, score === null ? null : Number(score.toPrecision(5))];
              });
          const { index, isNew } = lists.add(JSON.stringify(list));
          if (isNew) packedLists.push(list);
          return [
            's',
            record.exactMatch,
            rounded(record.editSimilarity * 100),
            record.timing === undefined ? null : rounded(record.timing.ttftMs),
            record.timing === undefined ? null : rounded(record.timing.ttftColdMs),
            record.promptTokens,
            record.softTokens,
            record.contextTokens,
            record.contextCharacters,
            record.generatedTokens,
            record.completion,
            index,
            ...optionalParts(record, isWhole),
          ];
        }
      }
    });
    const { repository, crossFile } = own[0]!;
    return {
      id,
      repository,
      crossFile: crossFile === null ? null : crossFile ? 1 : 0,
      results,
      lists: packedLists,
      source:
        source === undefined
          ? null
          : {
              path: source.path,
              language: source.language,
              reference: source.reference,
              ...(source.referencePieces === undefined ? {} : { pieces: source.referencePieces }),
              left: isWhole ? source.left : source.left.slice(-EXCERPT.left),
              right: isWhole ? source.right : source.right.slice(0, EXCERPT.right),
              isWhole,
            },
    };
  });
  const builtIn: readonly string[] = PIPELINES;
  const others = [...new Set(configurations.map(({ pipeline }) => pipeline))].filter(
    (name) => !builtIn.includes(name),
  );
  return {
    configurations,
    ...(others.length === 0 ? {} : { kinds: others.map(kindOf) }),
    placement: contextPlacement,
    constants: models.softPrompt?.tokens ?? 0,
    texts: texts.keys,
    chunks: packedChunks,
    tasks,
    total: ranked.length,
    whole: [...whole].filter((id) => evidence.has(id)).length,
  };
}

/** What only some records have, at the end of a packed one. */
function optionalParts(
  { contextText, likelihood }: ScoredRecord,
  isWhole: boolean,
): readonly [] | readonly [string | null] | readonly [string | null, readonly number[]] {
  const text = isWhole && contextText !== undefined ? contextText : null;
  if (likelihood !== undefined) return [text, likelihood.tokenNats.map(rounded)];
  return text === null ? [] : [text];
}

/** The chunks of a record with their texts. Those without lines are told apart by their order alone. */
function shownChunks(
  record: ScoredRecord,
  source: TaskEvidence,
): { readonly chunk: TaskEvidence['chunks'][number]; readonly score: number | null }[] {
  const unplaced = source.chunks.filter(
    ({ startLine, repository }) => startLine === null && repository === record.chunks[0]?.repository,
  );
  let next = 0;
  return record.chunks.flatMap(({ path, startLine, endLine, score, repository }) => {
    const chunk =
      startLine === null
        ? unplaced[next++]
        : source.chunks.find(
            (one) =>
              one.repository === repository &&
              one.path === path &&
              one.startLine === startLine &&
              one.endLine === endLine,
          );
    return chunk === undefined ? [] : [{ chunk, score }];
  });
}

/**
 * Tasks as a reader wants to see them: first those that failed somewhere, then those whose configurations disagree
 * in EM, then the others; in each group by a hash of the id, so that no repository comes first.
 */
function rankedTasks(table: RecordTable): string[] {
  return table.taskIds
    .map((id, row) => ({ id, rank: `${group(table, row)} ${sha256(id)}` }))
    .sort((a, b) => compareCodePoints(a.rank, b.rank))
    .map(({ id }) => id);
}

/** The tasks that a page lists, those that a reader wants to see first being the first. */
export function listedTasks(table: RecordTable, limit: number | 'fit' | 'all'): string[] {
  return listed(rankedTasks(table), limit);
}

function listed(ranked: readonly string[], limit: number | 'fit' | 'all'): string[] {
  return limit === 'all' ? [...ranked] : ranked.slice(0, Math.max(LISTED_TASKS, limit === 'fit' ? 0 : limit));
}

/** The tasks to hold whole: the first that fit, or so many. */
function chooseWhole(
  ranked: readonly string[],
  evidence: ReadonlyMap<string, PageEvidence>,
  limit: number | 'fit' | 'all',
): ReadonlySet<string> {
  if (limit === 'all') return new Set(ranked);
  if (typeof limit === 'number') return new Set(ranked.slice(0, limit));
  const held = new Set<string>();
  const texts = new Set<string>();
  let size = 0;
  for (const id of ranked) {
    const source = evidence.get(id);
    if (source === undefined) continue;
    if (source.isExcerpt === true) break;
    const fresh = source.chunks.filter(({ text }) => !texts.has(text));
    size += source.left.length + source.right.length;
    for (const { text } of fresh) size += text.length;
    if (size > PROMPT_BUDGET) break;
    for (const { text } of fresh) texts.add(text);
    held.add(id);
  }
  return held;
}

function group(table: RecordTable, row: number): 0 | 1 | 2 {
  const recorded = table.columns.filter((column) => column.status(row) !== null);
  if (recorded.some((column) => column.status(row) !== 'scored')) return 0;
  return new Set(recorded.map((column) => column.number('exactMatch', row))).size > 1 ? 1 : 2;
}

/** Values with the order in which they first came. */
class Table<T> {
  readonly #index = new Map<T, number>();

  get keys(): readonly T[] {
    return [...this.#index.keys()];
  }

  add(value: T): { readonly index: number; readonly isNew: boolean } {
    const known = this.#index.get(value);
    if (known !== undefined) return { index: known, isNew: false };
    this.#index.set(value, this.#index.size);
    return { index: this.#index.size - 1, isNew: true };
  }
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}
