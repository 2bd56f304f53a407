/**
 * @file Answers every task of a run with every configuration, and records each answer as it comes.
 */

import { TooManyFailuresError } from '../domain/errors.js';

import { execute } from '../run/execute.js';
import type { ExecutionParts } from '../run/execution.js';
import { JournalWriter, withoutFailed } from '../run/journal.js';
import { configurationLabel, type TaskRecord } from '../run/record.js';
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

/**
 * Makes the run folder and answers what is not recorded in it yet.
 *
 * @throws {TooManyFailuresError} If more records failed than the settings allow.
 * @throws {DeviceLostError}      If the device of the models is gone.
 * @throws {DataError}            If a file cannot be written.
 */
export async function answerTasks(comparison: Comparison, index: ChunkIndex): Promise<Answers> {
  const { folder, run, open, phases, settings } = comparison;
  phases.enter('recording');
  const begun: RunJson = { ...run, chunks: index.chunkCount };
  const records = folder.earlier?.records ?? new RecordTable();
  const failures = new Failures(comparison, records);
  const files = await openFiles(comparison, begun);
  try {
    await writeRunJson(folder.files.runJson, begun);
    const isComplete = await execute(
      {
        ...{ tasks: open.tasks, configurations: open.configurations },
        ...{ maxNewTokens: run.spec.maxNewTokens, seed: run.spec.seed, timing: settings.answers.timing },
      },
      await executionParts(comparison, index),
      hooks(comparison, files, records, failures),
    );
    if (!isComplete && !comparison.surroundings.signal.aborted) throw failures.error();
    return { begun, records, isComplete };
  } finally {
    comparison.surroundings.onEvent({ kind: 'stopped' });
    try {
      await files.evidence.close();
    } finally {
      await files.journal.close();
    }
  }
}

/** The failed records of a run, and how many it may have. */
class Failures {
  readonly #comparison: Comparison;
  readonly #total: number;
  readonly #most: number;
  #count: number;
  #last: Extract<TaskRecord, { status: 'failed' }> | null = null;

  constructor(comparison: Comparison, earlier: RecordTable) {
    this.#comparison = comparison;
    this.#total = comparison.open.tasks.length * comparison.open.configurations.length;
    this.#most = mostFailures(comparison.settings.answers.maxFailures, this.#total);
    this.#count = earlier.failedCount;
  }

  get areTooMany(): boolean {
    return this.#count > this.#most;
  }

  count(record: TaskRecord): void {
    if (record.status !== 'failed') return;
    this.#count++;
    this.#last = record;
  }

  error(): TooManyFailuresError {
    const { folder, run, settings } = this.#comparison;
    const last = this.#last;
    const asked = String(settings.answers.maxFailures);
    return new TooManyFailuresError(
      `${folder.files.path}: ${this.#count} of ${this.#total} records failed, and --max-failures ${asked} allows ${this.#most}`,
      [
        ...(last === null
          ? []
          : [
              `the last: ${last.taskId} under ${configurationLabel(last, run.spec.topK)}: ${last.error.stage}: ${last.error.message}`,
            ]),
        'what was recorded is kept; mend the cause, then continue with --resume --retry-failed',
      ],
    );
  }
}

/** @param asked As the request has it. @param total Records of the run. @example mostFailures('5%', 30) // => 1 */
function mostFailures(asked: number | string | null, total: number): number {
  if (asked === null) return Infinity;
  return typeof asked === 'number' ? asked : Math.floor((total * Number.parseFloat(asked)) / 100);
}

/** The files that grow with the records. */
interface GrowingFiles {
  readonly journal: JournalWriter;
  readonly evidence: EvidenceWriter;
}

/** Opens the journal first: it is what guards the folder against a second run. */
async function openFiles({ folder, retried, run }: Comparison, begun: RunJson): Promise<GrowingFiles> {
  const { files, lock, earlier, evidenced } = folder;
  await makeFolder(files.path);
  await lock.take();
  let journal: JournalWriter;
  if (earlier === null) {
    journal = await JournalWriter.create(files.journal, run.fingerprint);
  } else if (retried === 0) {
    journal = await JournalWriter.reopen(files.journal, earlier);
  } else {
    // In this order: a finished run whose journal lacks records would be refused by everybody.
    await writeRunJson(files.runJson, begun);
    journal = await JournalWriter.reopen(files.journal, await withoutFailed(files.journal));
  }
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
  failures: Failures,
): Parameters<typeof execute>[2] {
  const { onEvent, signal } = surroundings;
  const total = open.tasks.length * open.configurations.length;
  onEvent({ kind: 'started', work: 'answering', total, unit: 'steps' });
  onEvent({ kind: 'advanced', steps: records.size });
  return {
    recorded: records,
    isCancelled: () => signal.aborted || failures.areTooMany,
    onPhase: (phase) => {
      phases.enter(phase);
    },
    onTask: (task) => evidence.append(task),
    onRecord: async (record) => {
      await journal.append(record);
      records.add(record);
      failures.count(record);
      onEvent({ kind: 'advanced', steps: 1 });
    },
  };
}
