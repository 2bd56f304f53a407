/**
 * @file What a training takes over from the bundle of an earlier one: its constant vectors, and its projector.
 */

import { join } from 'node:path';
import { UsageError } from '../../domain/errors.js';
import { fileHash } from '../../files/file-hash.js';
import { readDescription, type TrainedPart } from '../../model/folder/bundle.js';
import { openTensors } from '../../model/weights/checkpoint.js';
import { readSoftPrompt } from '../../model/weights/soft-prompt-file.js';
import { CONSTANTS, type TrainingWorld } from '../../training/loop/world.js';

/** Parameters of an earlier training. */
export interface Earlier {
  /** By name, those of the projector and of the constant vectors. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** What is taken over. */
  readonly parts: readonly TrainedPart[];
  /** SHA-256 of the files. */
  readonly files: Readonly<Record<string, string>>;
  /** What is taken over and what is not, in words. */
  readonly note: string;
}

/**
 * Reads the bundle of an earlier training.
 *
 * What it trained is taken over. So a training of the constant vectors alone hands on no projector. A projector must read
 * the vectors of the same encoder and have the same shape; otherwise the constant vectors are taken over alone, since they
 * belong to the decoder.
 *
 * @param dir             The bundle's folder.
 * @param encoderIdentity Of the encoder that is trained with now.
 * @param constants       How many constant vectors the recipe has.
 * @throws {UsageError} If the bundle was trained for another decoder, has another number of constant vectors, or has
 *   nothing that could be taken over.
 * @throws {ModelError} If a file cannot be read.
 */
export async function readEarlier(
  dir: string,
  { decoder, projector }: Pick<TrainingWorld, 'decoder' | 'projector'>,
  encoderIdentity: string,
  constants: number,
): Promise<Earlier> {
  const description = readDescription(dir);
  const { trainedFor, softPrompt } = description;
  if (trainedFor?.decoder !== decoder.identity) {
    throw new UsageError(`--from ${dir}: was trained for another decoder, or does not say for which`, [
      'constant vectors and projectors belong to the weights that they were trained through',
    ]);
  }
  const parameters = new Map<string, Float32Array>();
  const files: Record<string, string> = {};
  const found =
    softPrompt === undefined ? null : await readSoftPrompt(join(dir, softPrompt.path), decoder.width);
  if ((found?.rows ?? 0) !== constants) {
    throw new UsageError(
      `--from ${dir}: has ${found?.rows ?? 0} constant vectors, and the recipe has ${constants}`,
      ['give the recipe as many `constants` as the bundle has'],
    );
  }
  const isTrained = (part: TrainedPart): boolean => trainedFor.parts?.includes(part) ?? true;
  const hasPrompt = softPrompt !== undefined && found !== null && isTrained('prompt');
  if (hasPrompt) {
    parameters.set(CONSTANTS, found.data);
    files[softPrompt.path] = await fileHash(join(dir, softPrompt.path));
  }
  const path = join(dir, description.projector.path);
  const isFitting = trainedFor.encoder === encoderIdentity;
  const made = isTrained('projector') && isFitting ? await readProjectorLike(path, projector.shapes) : null;
  for (const [name, values] of made ?? []) parameters.set(name, values);
  if (made !== null) files[description.projector.path] = await fileHash(path);
  if (parameters.size === 0) {
    throw new UsageError(
      `--from ${dir}: has no trained constant vectors, and its projector is of another kind`,
    );
  }
  const taken = [
    ...(hasPrompt ? [`${found.rows} constant vectors`] : []),
    ...(made === null ? [] : ['the projector']),
  ];
  return {
    ...{ parameters, files },
    parts: [...(hasPrompt ? (['prompt'] as const) : []), ...(made === null ? [] : (['projector'] as const))],
    note: `taken over from ${description.name}: ${taken.join(' and ')}${leftWhy(isTrained('projector'), made !== null)}`,
  };
}

function leftWhy(isTrained: boolean, isTaken: boolean): string {
  if (isTaken) return '';
  return isTrained
    ? '; its projector is for another encoder or of another shape'
    : '; its projector was not trained';
}

/** The tensors of a file, if they are those that are wanted. */
async function readProjectorLike(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<ReadonlyMap<string, Float32Array> | null> {
  const file = await openTensors(path);
  try {
    const isLike = [...shapes].every(
      ([name, shape]) => file.tensors.get(name)?.shape.join() === shape.join(),
    );
    if (!isLike || file.tensors.size !== shapes.size) return null;
    return new Map([...shapes.keys()].map((name) => [name, file.read(name)]));
  } finally {
    file.close();
  }
}
