/**
 * @file What a training takes over from the bundle of an earlier one: its constant vectors, and its projector.
 */

import { join } from 'node:path';
import { UsageError } from '../../domain/errors.js';
import { fileHash } from '../../files/file-hash.js';
import { readDescription } from '../../model/folder/bundle.js';
import { openTensors } from '../../model/weights/checkpoint.js';
import { readSoftPrompt } from '../../model/weights/soft-prompt-file.js';
import { CONSTANTS, type TrainingWorld } from '../../training/loop/world.js';

/** Parameters of an earlier training. */
export interface Earlier {
  /** By name, those of the projector and of the constant vectors. */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly hasProjector: boolean;
  /** SHA-256 of the files. */
  readonly files: Readonly<Record<string, string>>;
  /** What is taken over and what is not, in words. */
  readonly note: string;
}

/**
 * Reads the bundle of an earlier training.
 *
 * Its projector is taken over if it reads the vectors of the same encoder and has the same shape. Otherwise the
 * constant vectors are taken over alone, since they belong to the decoder.
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
  if (softPrompt !== undefined && found !== null) {
    parameters.set(CONSTANTS, found.data);
    files[softPrompt.path] = await fileHash(join(dir, softPrompt.path));
  }
  const path = join(dir, description.projector.path);
  const made =
    trainedFor.encoder === encoderIdentity ? await readProjectorLike(path, projector.shapes) : null;
  for (const [name, values] of made ?? []) parameters.set(name, values);
  if (made !== null) files[description.projector.path] = await fileHash(path);
  if (parameters.size === 0) {
    throw new UsageError(`--from ${dir}: has no constant vectors, and its projector is of another kind`);
  }
  const taken = [
    ...(found === null ? [] : [`${found.rows} constant vectors`]),
    ...(made === null ? [] : ['the projector']),
  ];
  const left = made === null ? '; its projector is for another encoder or of another shape' : '';
  return {
    ...{ parameters, files, hasProjector: made !== null },
    note: `taken over from ${description.name}: ${taken.join(' and ')}${left}`,
  };
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
