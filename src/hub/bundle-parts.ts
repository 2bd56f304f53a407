/**
 * @file The models that a bundle names by reference: brought to this machine, as a user's own would be.
 *
 * Flow: bundle -> **its decoder and its encoder, if they are models of their own** -> paths.
 */

import { isAbsolute } from 'node:path';
import { ModelError } from '../domain/errors.js';
import { readBundle, readDescription, type Bundle } from '../model/folder/bundle.js';
import { resolveHashed, type HashedModel } from './content-hashes.js';
import type { LocalModel, ResolveOptions } from './resolve.js';

/** References that replace those of a bundle. */
export interface ReplacedParts {
  readonly decoder: string | undefined;
  readonly encoder: string | undefined;
}

export interface FoundBundle {
  readonly bundle: Bundle;
  /** The models that are named by reference, or what replaced them; null for a part that the bundle holds. */
  readonly decoder: HashedModel | null;
  readonly encoder: HashedModel | null;
}

/**
 * Opens the description of a bundle and finds the models that it names.
 *
 * A user's decoder in the place of one that is named by reference stands for it: it is the same model in other files or
 * in another precision. The decoder inside a bundle is not replaced here.
 *
 * @throws {ModelError} If a model cannot be found, or a bundle of the hub names a path.
 */
export async function openBundle(
  model: LocalModel,
  replaced: ReplacedParts,
  options: ResolveOptions,
): Promise<FoundBundle> {
  const described = readDescription(model.path);
  const find = async (part: 'decoder' | 'encoder'): Promise<HashedModel | null> => {
    const { reference } = described[part];
    if (reference === undefined) return null;
    const wanted = replaced[part] ?? reference;
    if (wanted === reference && isAbsolute(reference) && model.origin !== null) {
      throw new ModelError(`${model.name}: names its ${part} by a path of another machine: ${reference}`, [
        `give the model with --${part}`,
      ]);
    }
    return await resolveHashed(wanted, part, options);
  };
  const decoder = await find('decoder');
  const encoder = await find('encoder');
  const named = { decoder: decoder?.model.path, encoder: encoder?.model.path };
  return { bundle: readBundle(model.path, named), decoder, encoder };
}
