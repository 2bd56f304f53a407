/**
 * @file What a decoder's folder says beside its architecture: model type, and where generation ends.
 *
 * Source: `config.json` and `generation_config.json` as Hugging Face transformers writes them.
 */

import { join } from 'node:path';

import { z } from 'zod';

import { tokenId } from '../../domain/units.js';
import type { DecoderFacts } from '../../prompt/fim.js';
import { readJsonIfThere } from '../../files/json-file.js';

const id = z.number().int().nonnegative();
/** One id, several, or none. */
const ids = z
  .union([id.transform((one) => [one]), z.array(id)])
  .nullish()
  .transform((value) => value ?? []);
const schema = z.looseObject({ model_type: z.string().nullish(), eos_token_id: ids });

/**
 * Reads the facts.
 *
 * @param vocabularySize Rows of the embedding table; ids beyond them are left out.
 * @throws {ModelError} If a file is not JSON, or a field has another type.
 */
export function readDecoderFacts(dir: string, vocabularySize: number): DecoderFacts {
  const config = readJsonIfThere(join(dir, 'config.json'), schema);
  const generation = readJsonIfThere(join(dir, 'generation_config.json'), schema);
  const ends = new Set([...(config?.eos_token_id ?? []), ...(generation?.eos_token_id ?? [])]);
  return {
    modelType: config?.model_type ?? null,
    vocabularySize,
    endIds: [...ends].filter((end) => end < vocabularySize).map(tokenId),
  };
}
