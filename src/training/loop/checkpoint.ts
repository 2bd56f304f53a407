/**
 * @file A checkpoint: one file with everything that a training needs to go on as if it had never stopped.
 *
 * It is a safetensors file. Tensors are the parameters, both moments of the optimizer and the best parameters so far; the
 * position is JSON in its metadata. Everything random follows from seed and position, so that no state of a generator is
 * in it. It is written under another name and then renamed: after a crash there is the old file or the new one.
 */

import { closeSync, existsSync, openSync } from 'node:fs';
import { z } from 'zod';
import { JournalError, messageOf } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { writePartsAtomically } from '../../files/atomic-file.js';
import { headerLength, readRange, SafetensorsFile } from '../../model/weights/safetensors.js';
import { safetensorsParts, type WrittenTensor } from '../../model/weights/safetensors-writer.js';
import type { Moments } from '../optimizer/adamw.js';

const interval = z.tuple([z.number(), z.number()]).readonly();
export const natsMeanSchema = z.strictObject({ mean: z.number(), ci95: interval.nullable() });
export const validationSchema = z.strictObject({
  holes: z.int(),
  means: z.partialRecord(z.enum(['plain', 'no-chunks', 'own', 'shuffled', 'random']), natsMeanSchema),
  differences: z.record(z.string(), natsMeanSchema),
  reconstruction: z.strictObject({ own: natsMeanSchema, ownLessOther: natsMeanSchema }).nullable(),
});
const bestSchema = z.strictObject({
  step: z.int(),
  criterion: z.strictObject({ name: z.string(), value: z.number() }),
  validation: validationSchema,
});
const positionSchema = z.strictObject({
  schema: z.literal('llava-eval/training-position@1'),
  /** Of the training: a checkpoint of another one is refused. */
  fingerprint: z.string(),
  /** Stage at work, from 0; as many as there are stages when all are done. */
  stage: z.int(),
  /** Optimizer steps of that stage that are done, of how many. */
  step: z.int(),
  /** Step of the stage's last validation; null before its first one. */
  validatedAt: z.int().nullable(),
  /** Steps that the optimizer's moments have seen. */
  optimizerSteps: z.int(),
  best: bestSchema.nullable(),
  /** Validations since the best one. */
  sinceBest: z.int(),
  /** What the stages that are done came to. */
  finished: z.array(
    z.strictObject({
      name: z.string(),
      steps: z.int(),
      samples: z.int(),
      endedEarly: z.boolean(),
      best: bestSchema,
    }),
  ),
});

export type Position = z.infer<typeof positionSchema>;
export type BestValidation = z.infer<typeof bestSchema>;

/** The state of a training between two steps. Maps are changed in place by whoever owns it. */
export interface TrainingState {
  position: Position;
  readonly parameters: Map<string, Float32Array>;
  moments: Moments;
  /** Parameters at the best validation of the stage. */
  best: Map<string, Float32Array>;
}

/** Where a training stands before its first step. */
export function firstPosition(fingerprint: string): Position {
  return {
    schema: 'llava-eval/training-position@1',
    fingerprint,
    ...{ stage: 0, step: 0, validatedAt: null, optimizerSteps: 0, best: null, sinceBest: 0, finished: [] },
  };
}

/** Writes the state. @throws {DataError} If the disk does not take it; the earlier file is unchanged then. */
export async function saveCheckpoint(path: string, state: TrainingState): Promise<void> {
  const { position, parameters, moments, best } = state;
  const groups = { parameter: parameters, first: moments.first, second: moments.second, best };
  const tensors = Object.entries(groups).flatMap(([group, values]) =>
    [...values].map(([name, data]): WrittenTensor => ({
      name: `${group}.${name}`,
      shape: [data.length],
      data,
    })),
  );
  const metadata = { position: JSON.stringify({ ...position, optimizerSteps: moments.steps }) };
  await writePartsAtomically(path, safetensorsParts(tensors, metadata));
}

/**
 * Reads a state.
 *
 * @returns Null if there is none.
 * @throws {JournalError} If it is damaged or belongs to another training.
 */
export function readCheckpoint(path: string, fingerprint: string): TrainingState | null {
  if (!existsSync(path)) return null;
  const position = readPosition(path);
  if (position.fingerprint !== fingerprint) {
    throw new JournalError(`${path}: belongs to another training`, [
      'repeat the first command exactly and add --resume, or start a new one with another --out',
    ]);
  }
  const file = SafetensorsFile.open(path);
  try {
    const group = (prefix: string): Map<string, Float32Array> =>
      new Map(
        [...file.tensors.keys()]
          .filter((name) => name.startsWith(`${prefix}.`))
          .map((name) => [name.slice(prefix.length + 1), file.read(name)]),
      );
    return {
      position,
      parameters: group('parameter'),
      moments: { steps: position.optimizerSteps, first: group('first'), second: group('second') },
      best: group('best'),
    };
  } finally {
    file.close();
  }
}

function readPosition(path: string): Position {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = headerLength(readRange(path, descriptor, 0, 8));
    const header = z
      .looseObject({ __metadata__: z.object({ position: z.string() }) })
      .parse(parseJson(Buffer.from(readRange(path, descriptor, 8, bytes)).toString('utf8')));
    return positionSchema.parse(parseJson(header.__metadata__.position));
  } catch (error) {
    throw new JournalError(
      `${path}: is no checkpoint of this version: ${messageOf(error)}`,
      ['start the training anew with another --out'],
      { cause: error },
    );
  } finally {
    closeSync(descriptor);
  }
}
