/**
 * @file From datasets to the holes of a training: opened, de-duplicated, split, and given their chunks.
 */

import { evenSample } from '../../datasets/even-sample.js';
import { openDataset } from '../../datasets/open/open-dataset.js';
import type { Dataset } from '../../datasets/dataset.js';
import type { RetrievedChunk } from '../../domain/chunk.js';
import { DataError, UsageError } from '../../domain/errors.js';
import { taskId, type CompletionTask } from '../../domain/task.js';
import { takesShipped, usesEmbedder } from '../../retrieval/kinds.js';
import { retrieveAll } from '../../run/task-chunks.js';
import { ExcludedCode } from '../../training/data/duplicates.js';
import { splitTasks, type Split } from '../../training/data/split.js';
import type { Surroundings } from '../events.js';
import { requestedTopK, requireShipped, retrievalSetting } from '../retrieval-setting.js';
import type { TrainSettings } from './request.js';

/** A hole and what was retrieved for it, best first; at least one chunk. */
export interface Hole {
  readonly task: CompletionTask;
  readonly chunks: readonly RetrievedChunk[];
}

/** What the data of a training is, for its record. */
export interface DataFacts {
  readonly datasets: readonly { readonly id: string; readonly contentHash: string; readonly tasks: number }[];
  readonly excluded: readonly { readonly id: string; readonly contentHash: string }[];
  /** Holes that were left out as they stand in excluded code. */
  readonly duplicates: { readonly exact: number; readonly near: number };
  readonly split: { readonly by: Split['by']; readonly held: readonly string[] };
  readonly topK: number;
}

export interface FoundHoles {
  readonly training: readonly CompletionTask[];
  readonly validation: readonly CompletionTask[];
  readonly facts: DataFacts;
  /** Retrieves for tasks of either side. Null if it was stopped. */
  retrieve(tasks: readonly CompletionTask[], work: string): Promise<readonly Hole[] | null>;
}

/**
 * Opens the datasets and divides their holes.
 *
 * @throws {DataError}  If a dataset cannot be used, or no hole is left.
 * @throws {UsageError} If the settings ask for a retriever that needs a model.
 */
export async function findHoles(settings: TrainSettings, surroundings: Surroundings): Promise<FoundHoles> {
  const { retriever, retrievalProfile, validationTasks, limit } = settings;
  if (usesEmbedder(retriever)) {
    throw new UsageError(`--retriever ${retriever}: a training retrieves without a model`, [
      'take jaccard or bm25, or write the chunks of another retriever with llava-eval retrieve and take as-shipped',
    ]);
  }
  const setting = await retrievalSetting(retrievalProfile);
  const topK = requestedTopK(setting.profile, settings.topK);
  const opened = await openAll(settings.datasets, settings, surroundings);
  const tasks = opened.flatMap(({ tasks: own }) => own);
  const { kept, duplicates, excluded } = await withoutExcluded(tasks, settings, surroundings);
  const split = splitTasks(kept, {
    share: settings.validationShare,
    repositories: settings.validationRepos,
    seed: settings.seed,
  });
  requireShipped(settings.datasets.join(', '), kept, [retriever]);
  return {
    training: limit === 'all' ? split.training : evenSample(split.training, limit),
    validation: evenSample(split.validation, validationTasks),
    facts: {
      datasets: opened.map(({ dataset: { id, contentHash }, tasks: own }) => ({
        id,
        contentHash,
        tasks: own.length,
      })),
      excluded,
      duplicates,
      split: { by: split.by, held: split.held },
      topK,
    },
    async retrieve(wanted, work) {
      const holes: Hole[] = [];
      surroundings.onEvent({ kind: 'started', work, total: wanted.length, unit: 'steps' });
      const names = new Set<string>(wanted.map(({ id }) => id));
      for (const { dataset, tasks: own } of opened) {
        const asked = own.filter(({ id }) => names.has(id));
        const outcome = await retrieveAll(
          {
            ...{ tasks: asked, setting, retrievers: [retriever], topK },
            repository: (name) => dataset.repository(name),
            resources: { embedder: noEmbedder },
          },
          progressOf(surroundings),
          ({ task, chunks }) => {
            const found = chunks.get(retriever) ?? [];
            if (found.length > 0) holes.push({ task, chunks: found });
            return Promise.resolve();
          },
        );
        if (outcome === 'cancelled') return null;
      }
      surroundings.onEvent({ kind: 'stopped' });
      return holes;
    },
  };
}

function noEmbedder(): never {
  throw new RangeError('no retriever of a training compares vectors');
}

interface Opened {
  readonly dataset: Dataset;
  /** With ids that are unique over all datasets. */
  readonly tasks: readonly CompletionTask[];
}

async function openAll(
  references: readonly string[],
  { repos, language, lines, skipInvalid, retriever }: TrainSettings,
  { onEvent }: Surroundings,
): Promise<Opened[]> {
  const opened: Opened[] = [];
  for (const [n, reference] of references.entries()) {
    const dataset = await openDataset(reference, {
      ...(repos === undefined ? {} : { reposDir: repos }),
      ...(language === undefined ? {} : { language }),
      ...{ lines, skipInvalid },
      withShipped: takesShipped(retriever),
      onProgress: (line) => {
        onEvent({ kind: 'noted', line });
      },
    });
    const tasks =
      references.length === 1
        ? dataset.tasks
        : dataset.tasks.map((task) => ({ ...task, id: taskId(`${n + 1}:${task.id}`) }));
    opened.push({ dataset, tasks });
  }
  return opened;
}

/** Tasks that do not stand in code that will be evaluated, nor in a repository of its name. */
async function withoutExcluded(
  tasks: readonly CompletionTask[],
  settings: TrainSettings,
  surroundings: Surroundings,
): Promise<{
  readonly kept: readonly CompletionTask[];
  readonly duplicates: DataFacts['duplicates'];
  readonly excluded: DataFacts['excluded'];
}> {
  const duplicates = { exact: 0, near: 0 };
  if (settings.exclude.length === 0) return { kept: tasks, duplicates, excluded: [] };
  const opened = await openAll(settings.exclude, settings, surroundings);
  const code = new ExcludedCode();
  for (const { dataset, tasks: own } of opened) {
    for (const task of own) code.addTask(task);
    for (const { repository, isMissing } of dataset.sources) {
      if (isMissing) continue;
      for (const { text } of (await dataset.repository(repository)).files) code.addFile(text);
    }
  }
  const kept = tasks.filter((task) => {
    const kind = code.kindOf(task);
    if (kind !== null) duplicates[kind]++;
    return kind === null;
  });
  if (kept.length === 0) {
    throw new DataError(`all ${tasks.length} holes stand in code of ${settings.exclude.join(', ')}`, [
      'give other code with --dataset',
    ]);
  }
  const excluded = opened.map(({ dataset: { id, contentHash } }) => ({ id, contentHash }));
  return { kept, duplicates, excluded };
}

function progressOf({ onEvent, signal }: Surroundings): Parameters<typeof retrieveAll>[1] {
  return {
    encoding: () => undefined,
    encoded: () => undefined,
    answered() {
      onEvent({ kind: 'advanced', steps: 1 });
    },
    isCancelled: () => signal.aborted,
  };
}
