/**
 * @file The configuration of a model that is only looked at.
 */

import { posix } from 'node:path';

import { ModelError } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { isGguf } from '../model/gguf/split-names.js';
import type { Peek } from './peek.js';

/** `config.json` of a model, as far as it has one. */
export interface ModelConfig {
  /** Where it stands in the tree; null if there is none. */
  readonly path: string | null;
  readonly content: unknown;
  /** `model_type`; null if there is none. */
  readonly modelType: string | null;
}

/**
 * Reads the configuration: in the folder of a model, or for an ONNX file beside or above it.
 *
 * @throws {ModelError} If it is not JSON.
 */
export async function readModelConfig(model: Peek): Promise<ModelConfig> {
  const path = configOf(model);
  if (path === null) return { path, content: null, modelType: null };
  const content = await readJson(await model.file(path));
  return { path, content, modelType: textField(content, 'model_type') };
}

function configOf({ at, sizes }: Peek): string | null {
  // A GGUF file holds its own.
  if (isGguf(at)) return null;
  const beside = sizes.has(at) ? posix.dirname(at) : at;
  const candidates = [beside, posix.dirname(beside)].map((dir) => posix.join(dir, 'config.json'));
  return candidates.slice(0, sizes.has(at) ? 2 : 1).find((path) => sizes.has(path)) ?? null;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return parseJson(await readForeignText(path));
  } catch (error) {
    throw new ModelError(`${path}: is not JSON`, [], { cause: error });
  }
}

function textField(value: unknown, name: string): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const field: unknown = Reflect.get(value, name);
  return typeof field === 'string' ? field : null;
}
