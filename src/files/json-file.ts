/**
 * @file Small JSON files of a model that need not be there.
 */

import { existsSync } from 'node:fs';

import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { readForeignTextSync } from './foreign-text-file.js';

/**
 * The content of a file, checked; null if there is none.
 *
 * @throws {ModelError} If it is not JSON, or not what the schema says.
 */
export function readJsonIfThere<S extends z.ZodType>(path: string, schema: S): z.infer<S> | null {
  if (!existsSync(path)) return null;
  try {
    return schema.parse(parseJson(readForeignTextSync(path)));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new ModelError(`${path}: cannot be used`, problem.split('\n'), { cause: error });
  }
}
