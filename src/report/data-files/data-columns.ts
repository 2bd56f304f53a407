/**
 * @file A run as a table for other programs: one row a task and configuration, with every score, time and budget.
 *
 * Names and units are those of the journal (results/README.md). What a record does not have is null: a task that failed
 * has no score, and one that was skipped has no time. A run that is not timed has no columns of times.
 */

import { EXTRA_SCORES } from '../../metrics/registry.js';
import type { Likelihood, ScoredRecord, TaskRecord, Timing } from '../../run/record.js';
import type { RunJson } from '../../run/run-json.js';
import { isTimed } from '../../run/run-spec.js';

/** What a cell holds; null for nothing. */
export type DataValue = string | number | boolean | null;

export interface DataColumn {
  readonly name: string;
  readonly type: 'text' | 'integer' | 'number' | 'boolean';
  readonly valueOf: (record: TaskRecord) => DataValue;
}

/** The columns of a run, in the order in which files have them. */
export function dataColumns({ spec, fingerprint }: RunJson): DataColumn[] {
  const text = (name: string, valueOf: DataColumn['valueOf']): DataColumn => ({
    name,
    type: 'text',
    valueOf,
  });
  const integer = (name: string, valueOf: DataColumn['valueOf']): DataColumn => ({
    ...{ name, type: 'integer', valueOf },
  });
  const ofScored = (
    name: string,
    type: DataColumn['type'],
    read: (record: ScoredRecord) => DataValue,
  ): DataColumn => ({ name, type, valueOf: (record) => (record.status === 'scored' ? read(record) : null) });
  const time = (name: string, read: (timing: Timing) => number | null): DataColumn =>
    ofScored(name, 'number', ({ timing }) => (timing === undefined ? null : read(timing)));
  const likelihood = (
    name: string,
    type: DataColumn['type'],
    read: (of: Likelihood) => number | null,
  ): DataColumn => ofScored(name, type, (record) => (record.likelihood ? read(record.likelihood) : null));
  return [
    text('run', () => fingerprint),
    text('dataset', () => spec.dataset.id),
    text('taskId', ({ taskId }) => taskId),
    text('repository', ({ repository }) => repository),
    { name: 'crossFile', type: 'boolean', valueOf: ({ crossFile }) => crossFile },
    text('pipeline', ({ pipeline }) => pipeline),
    text('retriever', ({ retriever }) => retriever),
    integer('topK', ({ topK }) => topK),
    text('status', ({ status }) => status),
    text('reason', reasonOf),
    ofScored('exactMatch', 'integer', (record) => record.exactMatch),
    ofScored('editSimilarity', 'number', (record) => record.editSimilarity),
    ...EXTRA_SCORES.map(({ name }) => ofScored(name, 'number', ({ extras }) => extras?.[name] ?? null)),
    likelihood('referenceNats', 'number', ({ referenceNats }) => referenceNats),
    likelihood('endNats', 'number', ({ endNats }) => endNats),
    likelihood('referenceTokens', 'integer', ({ referenceTokens }) => referenceTokens),
    likelihood('referenceCharacters', 'integer', ({ referenceCharacters }) => referenceCharacters),
    ...(isTimed(spec)
      ? [
          time('ttftMs', ({ ttftMs }) => ttftMs),
          time('ttftColdMs', ({ ttftColdMs }) => ttftColdMs),
          time('controlTtftMs', ({ control }) => control?.ttftMs ?? null),
          ...(spec.server === undefined
            ? []
            : [time('embeddedTtftMs', ({ embedded }) => embedded?.ttftMs ?? null)]),
          ...STAGES.map((name) => time(name, (timing) => timing[name])),
        ]
      : []),
    integer('promptTokens', (record) => (record.status === 'failed' ? null : record.promptTokens)),
    ofScored('softTokens', 'integer', (record) => record.softTokens),
    ofScored('contextTokens', 'integer', (record) => record.contextTokens),
    ofScored('contextCharacters', 'integer', (record) => record.contextCharacters),
    ofScored('chunks', 'integer', (record) => record.chunks.length),
    ofScored('generatedTokens', 'integer', (record) => record.generatedTokens),
    ofScored('stopReason', 'text', (record) => record.stopReason),
    integer('maxPromptTokens', () => spec.maxPromptTokens),
    integer('maxContextTokens', () => spec.contextTokens),
    integer('maxNewTokens', () => spec.maxNewTokens),
    text('contextPlacement', () => spec.contextPlacement),
    ofScored('completion', 'text', (record) => record.completion),
    ofScored('rawCompletion', 'text', (record) => record.rawCompletion),
  ];
}

const STAGES = ['retrieveMs', 'tokenizeMs', 'encodeMs', 'projectMs', 'prefillMs', 'decodeMs'] as const;

/** Why there is no score. */
function reasonOf(record: TaskRecord): string | null {
  switch (record.status) {
    case 'scored':
      return null;
    case 'failed':
      return `${record.error.stage}: ${record.error.message}`;
    case 'skipped':
      return record.reason;
  }
}
