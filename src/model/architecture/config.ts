/**
 * @file Reads a Hugging Face `config.json` into the architecture that a graph is built from.
 *
 * Flow: `config.json` -> family by `model_type` -> **architecture** -> graph.
 * Anything that the graphs do not compute is refused by name, and so is every unknown field.
 */

import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignTextSync } from '../../files/foreign-text-file.js';
import type { DecoderArchitecture } from '../../onnx/decoder-graph.js';
import type { EncoderArchitecture } from '../../onnx/encoder-graph.js';
import { requireKnownFields, type ModelFamily } from './config-fields.js';
import { DECODER_FAMILIES } from './decoder-families.js';
import { ENCODER_FAMILIES } from './encoder-families.js';

type Role = 'decoder' | 'encoder';

/**
 * The architecture of a decoder.
 *
 * @throws {ModelError} If the file cannot be read, is of another model type, or asks for something
 *   that the graph does not compute.
 */
export function readDecoderConfig(path: string): DecoderArchitecture {
  return parseDecoderConfig(readJson(path, 'decoder'), path);
}

/**
 * The architecture of an encoder.
 *
 * @throws {ModelError} As {@link readDecoderConfig}.
 */
export function readEncoderConfig(path: string): EncoderArchitecture {
  return parseEncoderConfig(readJson(path, 'encoder'), path);
}

/**
 * The same from a parsed file.
 *
 * @param where What the configuration is called in messages.
 * @throws {ModelError} As {@link readDecoderConfig}.
 */
export function parseDecoderConfig(config: unknown, where: string): DecoderArchitecture {
  return parse(config, where, 'decoder', DECODER_FAMILIES);
}

/** The same from a parsed file; see {@link parseDecoderConfig}. */
export function parseEncoderConfig(config: unknown, where: string): EncoderArchitecture {
  return parse(config, where, 'encoder', ENCODER_FAMILIES);
}

const headSchema = z.looseObject({ model_type: z.string() });

/** The model type is checked first, since everything else follows from it. */
function parse<A>(config: unknown, where: string, role: Role, families: readonly ModelFamily<A>[]): A {
  const head = headSchema.safeParse(config);
  const family = families.find(({ modelType }) => modelType === head.data?.model_type);
  if (!head.success || family === undefined) {
    throw new ModelError(`${where}: not a ${role} configuration this version can run`, [
      head.success ? `model_type is ${head.data.model_type}` : 'it has no model_type',
      `supported ${role}s: ${families.map(({ modelType }) => modelType).join(', ')}`,
    ]);
  }
  const architecture = family.read(config, where);
  requireKnownFields(head.data, family, where);
  return architecture;
}

function readJson(path: string, role: Role): unknown {
  try {
    return parseJson(readForeignTextSync(path));
  } catch (error) {
    throw new ModelError(
      `${path}: cannot be read (${messageOf(error)})`,
      [`a ${role} folder needs the config.json of its checkpoint`],
      { cause: error },
    );
  }
}
