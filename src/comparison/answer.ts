/**
 * @file Answers every task of a run with every configuration, and records each answer as it comes.
 */

import { execute } from '../run/execute.js';
import type { ExecutionParts } from '../run/execution.js';
import { JournalWriter } from '../run/journal.js';
import { RecordTable } from '../run/record-table.js';
import { makeFolder } from '../run/run-folder.js';
import { writeRunJson, type RunJson } from '../run/run-json.js';
import { EvidenceWriter } from '../run/task-evidence.js';
import type { Comparison } from './comparison.js';
import type { ChunkIndex } from './index-chunks.js';
import { openPipelines } from './open-pipelines.js';

/** All records of the run so far, those of earlier parts included. */
export interface Answers {
  /** As `run.json` has it from now on. */
  readonly begun: RunJson;
  readonly records: RecordTable;
  /** Whether every configuration of every task has a record. */
  readonly isComplete: boolean;
}

/** Makes the run folder and answers what is not recorded in it yet. */
export async function answerTasks(comparison: Comparison, index: ChunkIndex): Promise<Answers> {
  const { folder, run, open, phases } = comparison;
  phases.enter('recording');
  const begun: RunJson = { ...run, chunks: index.chunkCount };
  const records = folder.earlier?.records ?? new RecordTable();
  const files = await openFiles(comparison);
  try {
    await writeRunJson(folder.files.runJson, begun);
    const isComplete = await execute(
      { ...run.spec, tasks: open.tasks, configurations: open.configurations },
      await executionParts(comparison, index),
      hooks(comparison, files, records),
    );
    return { begun, records, isComplete };
  } finally {
    comparison.surroundings.onEvent({ kind: 'stopped' });
    await files.evidence.close();
    await files.journal.close();
  }
}

/** The files that grow with the records. */
interface GrowingFiles {
  readonly journal: JournalWriter;
  readonly evidence: EvidenceWriter;
}

/** Opens the journal first: it is what guards the folder against a second run. */
async function openFiles({ folder, run }: Comparison): Promise<GrowingFiles> {
  const { files, lock, earlier, evidenced } = folder;
  await makeFolder(files.path);
  await lock.take();
  const journal =
    earlier === null
      ? await JournalWriter.create(files.journal, run.fingerprint)
      : await JournalWriter.reopen(files.journal, earlier);
  return { journal, evidence: await EvidenceWriter.open(files.tasks, evidenced) };
}

async function executionParts(comparison: Comparison, index: ChunkIndex): Promise<ExecutionParts> {
  const { open, surroundings } = comparison;
  const { decoder, tokenizer, format } = open.models.decoder;
  return {
    ...{ decoder, tokenizer, format },
    metrics: open.metrics,
    likelihood:
      open.referenceEnd === null || decoder.scorer === null
        ? null
        : { scorer: decoder.scorer, end: open.referenceEnd },
    lender: open.lender,
    pipelines: await openPipelines(comparison, index),
    retriever: (name, task) => index.retriever(name, task),
    clock: surroundings.clock,
  };
}

/** What the loop does with a finished record. @param records Grows with it. */
function hooks(
  { surroundings, open, phases }: Comparison,
  { journal, evidence }: GrowingFiles,
  records: RecordTable,
): Parameters<typeof execute>[2] {
  const { onEvent, signal } = surroundings;
  const total = open.tasks.length * open.configurations.length;
  onEvent({ kind: 'started', work: 'answering', total, unit: 'steps' });
  onEvent({ kind: 'advanced', steps: records.size });
  return {
    recorded: records,
    isCancelled: () => signal.aborted,
    onPhase: (phase) => {
      phases.enter(phase);
    },
    onTask: (task) => evidence.append(task),
    onRecord: async (record) => {
      await journal.append(record);
      records.add(record);
      onEvent({ kind: 'advanced', steps: 1 });
    },
  };
}
