/**
 * @file The files of a plug-in with their hashes: its own file, and what that imports by a relative path, and so on. Of
 * packages the versions are recorded, not the files.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { compareCodePoints } from '../domain/text.js';
import { messageOf, PluginError } from '../domain/errors.js';
import { sha256 } from '../domain/hash.js';
import { parseJson } from '../domain/json.js';
import type { ImportReader } from '../parsing/module-imports.js';

/** What a plug-in is made of. */
export interface PluginFiles {
  /** SHA-256 by path from the folder of the plug-in's own file, in code-point order. */
  readonly files: Readonly<Record<string, string>>;
  /** Versions of the packages that those files import; null where none is stated. */
  readonly packages: Readonly<Record<string, string | null>>;
}

/** Files with these endings are modules, whose imports count too. */
const MODULE = /\.[cm]?[jt]s$/;

/**
 * Reads the files of a plug-in.
 *
 * @param entry Absolute path of its own file.
 * @throws {PluginError} If one of them cannot be read, or is too much work to look into.
 */
export async function pluginFiles(entry: string, importsOf: ImportReader): Promise<PluginFiles> {
  const files = new Map<string, string>();
  const packages = new Map<string, string | null>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    const text = await textOf(path, entry);
    files.set(path, sha256(text));
    if (!MODULE.test(path)) continue;
    const imports = importsOf(path, text);
    if (imports === null) {
      throw new PluginError(`plug-in ${entry}: ${path} is too large to be looked into`, [
        'a run records the hash of every file that a plug-in imports, so each of them is read first',
      ]);
    }
    for (const specifier of imports) {
      if (isBuiltin(specifier)) continue;
      const file = fileOf(specifier, path);
      if (file !== null) open.push(file);
      else packages.set(packageOf(specifier), await versionOf(packageOf(specifier), dirname(path)));
    }
  }
  const root = dirname(entry);
  const hashes = [...files].map(
    ([path, hash]) => [relative(root, path).replaceAll('\\', '/'), hash] as const,
  );
  return { files: sorted(hashes), packages: sorted([...packages]) };
}

async function textOf(path: string, entry: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (path === entry) {
      throw new PluginError(`plug-in ${entry}: cannot be read: ${messageOf(error)}`, [], { cause: error });
    }
    throw new PluginError(
      `plug-in ${entry}: imports ${path}, which cannot be read: ${messageOf(error)}`,
      ['a run records the hash of every file that a plug-in imports by a relative path'],
      { cause: error },
    );
  }
}

/** The file that a relative or absolute name means; null for the name of a package. */
function fileOf(specifier: string, importer: string): string | null {
  if (specifier.startsWith('file:')) return fileURLToPath(specifier);
  return /^\.{0,2}\//.test(specifier) ? resolve(dirname(importer), specifier) : null;
}

/** @example packageOf('@scope/name/sub') // => '@scope/name' */
function packageOf(specifier: string): string {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
}

const manifestSchema = z.looseObject({ version: z.string().optional() });

/** The version of a package as Node would find it from a folder: in the nearest `node_modules` that has it. */
async function versionOf(name: string, folder: string): Promise<string | null> {
  for (let at = folder; ; at = dirname(at)) {
    const manifest = join(at, 'node_modules', name, 'package.json');
    if (existsSync(manifest)) {
      const parsed = manifestSchema.safeParse(parseJson(await readFile(manifest, 'utf8')));
      return parsed.data?.version ?? null;
    }
    if (dirname(at) === at) return null;
  }
}

function sorted<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => compareCodePoints(a, b)));
}
