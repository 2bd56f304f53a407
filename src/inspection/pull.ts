/**
 * @file Brings a model to this machine, as what its files say it is unless told.
 */

import { resolveHashed } from '../hub/content-hashes.js';
import { resolveModel, type LocalModel, type ResolveOptions } from '../hub/resolve.js';
import type { ModelRole } from '../hub/wanted-files.js';
import { readModelConfig } from './model-config.js';
import { peek, roleOf } from './peek.js';

/** A model on this machine, and what it is. */
export interface BroughtModel {
  readonly model: LocalModel;
  readonly role: ModelRole;
}

/**
 * Brings the files of a model here.
 *
 * @param role What it is to be used as; told from its files if undefined.
 * @throws {ModelError | DownloadError} If it cannot be had or is damaged.
 */
export async function bringModel(
  reference: string,
  role: ModelRole | undefined,
  options: ResolveOptions = {},
): Promise<BroughtModel> {
  const used = role ?? (await guessRole(reference, options));
  return { model: await resolveModel(reference, used, options), role: used };
}

async function guessRole(reference: string, options: ResolveOptions): Promise<ModelRole> {
  const model = await peek(reference, options);
  const { modelType } = await readModelConfig(model);
  return roleOf(model, modelType);
}

/** A model whose files are here and were compared with their hashes. */
export interface PulledModel extends LocalModel {
  readonly role: ModelRole;
  /** SHA-256 by path inside the model. */
  readonly hashes: Readonly<Record<string, string>>;
}

/**
 * Fetches what a run needs of a model, once, and checks every hash; later runs work offline.
 *
 * @throws {ModelError | DownloadError} As {@link bringModel}; also if a file in the cache is damaged and cannot be
 *         fetched again.
 * @example (await pullModel('nano', undefined)).role // => 'bundle'
 */
export async function pullModel(
  reference: string,
  role: ModelRole | undefined,
  options: ResolveOptions = {},
): Promise<PulledModel> {
  const used = role ?? (await guessRole(reference, options));
  const { model, files } = await resolveHashed(reference, used, options);
  return { ...model, role: used, hashes: files };
}
