/**
 * @file The configuration file of `run`.
 */

import { UsageError, messageOf } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignText } from '../../files/foreign-text-file.js';
import { checkedOptions, type RunOptions } from './run-options.js';

/** Looked for in the working folder. */
export const CONFIG_FILE = 'llava-eval.config.json';

/** What a configuration file says. */
export interface ConfigFile {
  readonly options: RunOptions;
  /** Where it was found; null if there is none. */
  readonly path: string | null;
}

/**
 * Reads the configuration file.
 *
 * @param path As given by `--config`; undefined looks for the default name and accepts its absence.
 * @throws {UsageError} If it cannot be read, is not JSON, or has an unknown or ill-typed key.
 */
export async function readConfigFile(path: string | undefined): Promise<ConfigFile> {
  const found = await readConfigJson(path);
  return found === null
    ? { options: {}, path: null }
    : { options: checkedOptions(found.json, found.file), path: found.file };
}

/** What a configuration file holds, unchecked; null if there is none. @throws {UsageError} As {@link readConfigFile}. */
export async function readConfigJson(
  path: string | undefined,
): Promise<{ readonly file: string; readonly json: unknown } | null> {
  const file = path ?? CONFIG_FILE;
  let content: string;
  try {
    content = await readForeignText(file);
  } catch (error) {
    if (path === undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return null;
    }
    throw new UsageError(`${file}: cannot be read: ${messageOf(error)}`, [], { cause: error });
  }
  try {
    // Editors on Windows put a byte order mark in front, which is not JSON.
    return { file, json: parseJson(content.replace(/^\uFEFF/, '')) };
  } catch (error) {
    throw new UsageError(`${file}: not JSON: ${messageOf(error)}`, [], { cause: error });
  }
}
