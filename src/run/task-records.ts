/**
 * @file The records of one task: one for each of its configurations, made when the configuration comes to its end.
 */

import { DeviceLostError, messageOf } from '../domain/errors.js';
import { withoutHome } from '../files/portable-path.js';
import type { CompletionTask } from '../domain/task.js';
import {
  configurationOf,
  type Configuration,
  type FailureStage,
  type ScoredRecord,
  type TaskRecord,
} from './record.js';

/** The fields of a scored record, without those that say whose record it is. */
export type Score = Omit<
  ScoredRecord,
  keyof Configuration | 'taskId' | 'repository' | 'crossFile' | 'status'
>;

export class TaskRecords {
  readonly #task: CompletionTask;
  readonly #records = new Map<Configuration, TaskRecord>();

  constructor(task: CompletionTask) {
    this.#task = task;
  }

  /** Whether a configuration has come to its end. */
  has(configuration: Configuration): boolean {
    return this.#records.has(configuration);
  }

  scored(configuration: Configuration, score: Score): void {
    this.#records.set(configuration, { ...this.#identity(configuration), status: 'scored', ...score });
  }

  /** @throws {DeviceLostError} The error itself, if it is one: the task has not failed, and no other can be answered. */
  failed(configuration: Configuration, stage: FailureStage, error: unknown): void {
    if (error instanceof DeviceLostError) throw error;
    this.#records.set(configuration, {
      ...this.#identity(configuration),
      status: 'failed',
      error: { stage, message: withoutHome(messageOf(error)) },
    });
  }

  tooLong(configuration: Configuration, promptTokens: number): void {
    this.#records.set(configuration, {
      ...this.#identity(configuration),
      status: 'skipped',
      reason: 'prompt-too-long',
      promptTokens,
    });
  }

  /** The metric profile has no value for the task, whatever the completion. */
  unscorable(configuration: Configuration): void {
    this.#records.set(configuration, {
      ...this.#identity(configuration),
      status: 'skipped',
      reason: 'no-reference',
      promptTokens: null,
    });
  }

  /** In the order given. */
  of(configurations: readonly Configuration[]): TaskRecord[] {
    return configurations.flatMap((configuration) => this.#records.get(configuration) ?? []);
  }

  #identity(configuration: Configuration) {
    const { id, repository, crossFile } = this.#task;
    return { taskId: id, repository, crossFile, ...configurationOf(configuration) };
  }
}
