/**
 * @file The folder of a training: what lies in it, and who works in it.
 *
 *   <out>/
 *     train.json      what is trained, with hashes; a training is known by its fingerprint
 *     metrics.jsonl   a line a step and a line a validation
 *     curves.svg      the validations as curves
 *     bundle/         what `llava-eval run --model` takes; README.md in it is the card
 *     work/           checkpoint, chunk vectors, kept prefixes; not needed any more when the training is done
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../domain/canonical-json.js';
import { DataError, JournalError, messageOf, UsageError } from '../../domain/errors.js';
import { sha256 } from '../../domain/hash.js';
import { parseJson } from '../../domain/json.js';
import { removeTemporaries, writeAtomically } from '../../files/atomic-file.js';
import { makeFolders } from '../../files/folder.js';
import { readForeignText } from '../../files/foreign-text-file.js';
import { RunLock } from '../../run/run-lock.js';
import type { Surroundings } from '../events.js';

export interface TrainFolder {
  readonly path: string;
  readonly description: string;
  readonly metrics: string;
  readonly curves: string;
  readonly bundle: string;
  readonly work: string;
  readonly checkpoint: string;
  readonly vectors: string;
  readonly prefixes: string;
  readonly statistics: string;
}

export function trainFolder(path: string): TrainFolder {
  const work = join(path, 'work');
  return {
    path,
    description: join(path, 'train.json'),
    metrics: join(path, 'metrics.jsonl'),
    curves: join(path, 'curves.svg'),
    bundle: join(path, 'bundle'),
    work,
    checkpoint: join(work, 'checkpoint.safetensors'),
    vectors: join(work, 'vectors'),
    prefixes: join(work, 'prefixes'),
    statistics: join(work, 'encoder-statistics.safetensors'),
  };
}

/**
 * Makes the folder and takes its lock. The caller releases it.
 *
 * @throws {JournalError} If it holds a training that is not to be continued, or another process works in it.
 * @throws {DataError}    If it cannot be written.
 */
export async function claimTrainFolder(
  folder: TrainFolder,
  mayResume: boolean,
  { onEvent, signal }: Surroundings,
): Promise<RunLock> {
  if (existsSync(folder.description) && !mayResume) {
    throw new JournalError(`${folder.path}: holds a training already`, [
      'continue it with --resume, or choose another folder with --out',
    ]);
  }
  for (const path of [folder.bundle, folder.vectors, folder.prefixes]) await makeFolders(path);
  const lock = new RunLock(folder.path, join(folder.path, 'run.lock'), {
    onWait: (line) => {
      onEvent({ kind: 'noted', line });
    },
    signal,
  });
  await lock.take();
  for (const path of [folder.path, folder.bundle, folder.work, folder.vectors]) await removeTemporaries(path);
  return lock;
}

/** Everything that decides the numbers of a training. */
export type TrainSpec = Readonly<Record<string, Json>>;

const descriptionSchema = z.looseObject({ fingerprint: z.string(), spec: z.json() });

/**
 * Writes what is trained, or checks it against what the folder says.
 *
 * @returns The fingerprint.
 * @throws {UsageError} If the folder holds another training.
 */
export async function describeTraining(
  { description, path }: TrainFolder,
  spec: TrainSpec,
  more: { readonly startedAt: string; readonly program: string },
): Promise<string> {
  const fingerprint = sha256(canonicalJson(spec));
  if (!existsSync(description)) {
    const content = { schema: 'llava-eval/training@1', fingerprint, ...more, spec };
    await writeAtomically(description, `${JSON.stringify(content, null, 2)}\n`);
    return fingerprint;
  }
  let known: z.infer<typeof descriptionSchema>;
  try {
    known = descriptionSchema.parse(parseJson(await readForeignText(description)));
  } catch (error) {
    throw new DataError(`${description}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  if (known.fingerprint === fingerprint) return fingerprint;
  throw new UsageError(`${path}: was made with other settings, data, models or versions`, [
    ...changedKeys(known.spec, spec).map((key) => `another value: ${key}`),
    'repeat the first command exactly and add --resume, or start a new training with another --out',
  ]);
}

function changedKeys(a: unknown, b: unknown): string[] {
  const entries = (value: unknown): Map<string, string> =>
    new Map(Object.entries(value ?? {}).map(([key, item]) => [key, JSON.stringify(item)]));
  const [old, now] = [entries(a), entries(b)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key));
}
