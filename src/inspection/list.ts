/**
 * @file The models that can be used without fetching anything.
 */

import { cachedModels, type CachedModel } from '../hub/cache.js';
import { EMBEDDED_NAME } from '../hub/reference.js';
import { hubSettings } from '../hub/settings.js';
import {
  SYNTHETIC_NAMES,
  syntheticArchitecture,
  syntheticReference,
} from '../model/architecture/synthetic.js';
import { describeDecoder } from './describe.js';

/** What {@link listModels} finds. */
export interface ListedModels {
  readonly embedded: { readonly reference: string };
  /** The cache of the Hugging Face hub. */
  readonly cacheDir: string;
  readonly cached: readonly CachedModel[];
  /** Real shapes with random weights, for latency alone. */
  readonly synthetic: readonly { readonly reference: string; readonly parameters: number }[];
}

/**
 * Lists the embedded model, those in the hub's cache, and the synthetic ones.
 *
 * @example (await listModels()).cached.map(({ id }) => id)
 */
export async function listModels(): Promise<ListedModels> {
  const { cacheDir } = hubSettings();
  return {
    embedded: { reference: EMBEDDED_NAME },
    cacheDir,
    cached: await cachedModels(cacheDir),
    synthetic: SYNTHETIC_NAMES.map((shape) => ({
      reference: syntheticReference(shape),
      parameters: describeDecoder(syntheticArchitecture(shape), 'fp32').parameters,
    })),
  };
}
