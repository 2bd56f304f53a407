/**
 * @file Finds a model bundle and reads its description.
 *
 * A bundle is a folder `{bundle.json, decoder/, encoder/, projector.safetensors}`. Its description
 * may come from anywhere: every path must stay inside the folder, and every file must be there
 * before anything is loaded.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { sha256OfFile } from './file-hash.js';

/** The embedded bundle, by the name under which a user asks for it and its folder in this package. */
const EMBEDDED = {
  name: 'nano',
  folder: fileURLToPath(new URL('../../models/llavacode-nano', import.meta.url)),
} as const;

const count = z.number().int().positive();

const bundleSchema = z.object({
  schema: z.literal('llava-eval/bundle@1'),
  name: z.string().min(1),
  version: z.string().min(1),
  license: z.string().min(1),
  decoder: z.object({ path: z.string().min(1), promptFamily: z.enum(['qwen2.5-coder']) }),
  encoder: z.object({
    path: z.string().min(1),
    input: z.enum(['unixcoder']),
    maxTokens: count,
    pooling: z.enum(['mean']),
    normalize: z.boolean(),
  }),
  projector: z.object({
    path: z.string().min(1),
    layers: z.union([z.literal(2), z.literal(3), z.literal(4)]),
  }),
  defaults: z.object({
    maxPromptTokens: count,
    contextTokens: count,
    contextPlacement: z.enum(['before-prefix', 'after-suffix']),
  }),
});

/** The description of a bundle, with every `path` absolute. */
export interface Bundle extends Readonly<z.infer<typeof bundleSchema>> {
  /** The bundle's folder, absolute. */
  readonly dir: string;
  /** Lower-case hexadecimal SHA-256 of every file, by path inside the bundle. */
  readonly files: Readonly<Record<string, string>>;
}

/** Files of a decoder or encoder folder, as Hugging Face lays them out. */
const MODEL_FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'] as const;

/**
 * Reads the bundle that a reference names.
 *
 * @param reference `nano` for the embedded bundle, or the path of a folder.
 * @throws {ModelError} If there is no such bundle, its description is wrong, or files are missing.
 */
export async function readBundle(reference: string): Promise<Bundle> {
  const dir = findBundle(reference);
  const description = readDescription(join(dir, 'bundle.json'));
  const decoder = inside(dir, 'decoder', description.decoder.path);
  const encoder = inside(dir, 'encoder', description.encoder.path);
  const projector = inside(dir, 'projector', description.projector.path);

  const paths = [
    join(dir, 'bundle.json'),
    ...MODEL_FILES.map((file) => join(decoder, file)),
    ...MODEL_FILES.map((file) => join(encoder, file)),
    projector,
  ];
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0) {
    throw new ModelError(
      `${dir}: the bundle is incomplete`,
      missing.map((path) => `missing: ${path}`),
    );
  }
  const files: Record<string, string> = {};
  for (const path of paths) {
    files[
      path
        .slice(dir.length + 1)
        .split(sep)
        .join('/')
    ] = await sha256OfFile(path);
  }
  return {
    ...description,
    decoder: { ...description.decoder, path: decoder },
    encoder: { ...description.encoder, path: encoder },
    projector: { ...description.projector, path: projector },
    dir,
    files,
  };
}

/** The folder a reference names; a folder that exists wins over a name. */
function findBundle(reference: string): string {
  const valid = [
    `${EMBEDDED.name}: the bundle that comes with this program`,
    'a path: a folder with a bundle.json',
  ];
  const looksLikePath = /[\\/]|^\.{1,2}$/.test(reference);
  if (existsSync(join(reference, 'bundle.json'))) return resolve(reference);
  if (reference === EMBEDDED.name) {
    if (existsSync(join(EMBEDDED.folder, 'bundle.json'))) return EMBEDDED.folder;
    throw new ModelError(`model ${reference}: its files are missing from this installation`, [
      `expected in ${EMBEDDED.folder}; install the package again`,
    ]);
  }
  if (existsSync(reference)) {
    throw new ModelError(`model ${reference}: the folder has no bundle.json`, [
      'a bundle holds bundle.json, decoder/, encoder/ and projector.safetensors',
    ]);
  }
  throw new ModelError(`model ${reference}: not found`, [
    'valid references:',
    ...valid,
    ...(looksLikePath ? ['ids of models on a hub are not supported by this version'] : []),
  ]);
}

function readDescription(path: string): z.infer<typeof bundleSchema> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
  const result = bundleSchema.safeParse(parsed);
  if (!result.success) {
    throw new ModelError(
      `${path}: not a bundle description this version understands`,
      z.prettifyError(result.error).split('\n'),
    );
  }
  return result.data;
}

/** A path of the description as an absolute one. */
function inside(dir: string, part: string, path: string): string {
  const full = resolve(dir, path);
  if (!full.startsWith(dir + sep)) {
    throw new ModelError(`${join(dir, 'bundle.json')}: the path of the ${part} leaves the bundle: ${path}`);
  }
  return full;
}
