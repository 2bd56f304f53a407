/**
 * @file What the nearest `tsconfig.json` or `jsconfig.json` of a file says about imports and about output.
 *
 * TypeScript's own reader follows `extends` through chains, lists and packages. A configuration that only
 * refers to others, as project templates make them, lends the aliases of those beside it.
 */

import { posix } from 'node:path';
import ts from 'typescript';
import type { Project } from '../lines/language.js';
import type { PathAliases } from './module-resolution.js';
import { ofCompiler } from './of-compiler.js';

/** The settings of a folder. Folders are absolute. */
export interface CompilerSettings {
  /** `paths`, with targets as absolute paths. */
  readonly paths: PathAliases;
  /** Where a specifier is looked up that names no file of its own; null if nowhere. */
  readonly baseUrl: string | null;
  /** Folders that the compiler writes to. */
  readonly outputs: readonly string[];
  /** Folder of the sources that are written there, if it is stated. */
  readonly rootDir: string | null;
}

const NAMES = ['tsconfig.json', 'jsconfig.json'];

/** Finds the settings for the files of a folder, given as an absolute path: the nearest first. */
export type SettingsFinder = (folder: string) => readonly CompilerSettings[];

/**
 * Reads the configurations of a project, each once.
 *
 * TypeScript knows the nearest one only. Those of the folders above come after it, since tools that bundle or run
 * a whole repository take their aliases from its root.
 */
export function createSettingsFinder(project: Project): SettingsFinder {
  const known = new Map<string, readonly CompilerSettings[]>();
  const find: SettingsFinder = (folder) => {
    const before = known.get(folder);
    if (before !== undefined) return before;
    const own = readSettings(project, folder);
    const parent = posix.dirname(folder);
    const above = folder === project.root || parent === folder ? [] : find(parent);
    const settings = own === null ? above : [own, ...above];
    known.set(folder, settings);
    return settings;
  };
  return find;
}

/** The settings that a folder states itself, or null. */
function readSettings(project: Project, folder: string): CompilerSettings | null {
  for (const name of NAMES) {
    const file = posix.join(folder, name);
    const text = project.read(file);
    if (text !== null) return ofCompiler(() => settingsOf(project, file, text));
  }
  return null;
}

function settingsOf(project: Project, file: string, text: string): CompilerSettings {
  const folder = posix.dirname(file);
  // A damaged text gives what could be read of it: a wrong configuration costs marks, not the dataset.
  const { config } = ts.parseConfigFileTextToJson(file, text) as { config?: unknown };
  const { options, projectReferences = [] } = ts.parseJsonConfigFileContent(
    config ?? {},
    hostOf(project),
    folder,
    {},
    file,
  );
  const own = fromOptions(options, folder);
  if (Object.keys(own.paths).length > 0 || own.baseUrl !== null) return own;
  for (const { path } of projectReferences) {
    const isBeside = posix.dirname(path) === folder && posix.basename(path).endsWith('.json');
    const referred = isBeside && path !== file ? project.read(path) : null;
    if (referred === null) continue;
    const settings = settingsOfReferred(project, path, referred);
    if (Object.keys(settings.paths).length > 0 || settings.baseUrl !== null) return settings;
  }
  return own;
}

/** Without its own references, so that a circle of them ends. */
function settingsOfReferred(project: Project, file: string, text: string): CompilerSettings {
  const { config } = ts.parseConfigFileTextToJson(file, text) as { config?: unknown };
  const folder = posix.dirname(file);
  return fromOptions(
    ts.parseJsonConfigFileContent(config ?? {}, hostOf(project), folder, {}, file).options,
    folder,
  );
}

function fromOptions(options: ts.CompilerOptions, folder: string): CompilerSettings {
  const { outDir, declarationDir, rootDir = null } = options;
  // TypeScript 6 deprecates `baseUrl`, and repositories go on using it. In `pathsBasePath` it notes which of the
  // inherited files states `paths`.
  const { baseUrl, pathsBasePath }: Readonly<Record<string, unknown>> = options;
  const base = [baseUrl, pathsBasePath, folder].find((path) => typeof path === 'string')!;
  // The compiler reports targets of a wrong form and passes them on.
  const stated: Readonly<Record<string, unknown>> = options.paths ?? {};
  const paths = Object.entries(stated).map(([pattern, targets]) => {
    const texts: readonly unknown[] = Array.isArray(targets) ? targets : [];
    return [
      pattern,
      texts.flatMap((target) => (typeof target === 'string' ? posix.resolve(base, target) : [])),
    ] as const;
  });
  return {
    paths: Object.fromEntries(paths),
    baseUrl: typeof baseUrl === 'string' ? baseUrl : null,
    outputs: [outDir, declarationDir].filter((path) => path !== undefined),
    rootDir,
  };
}

/** What TypeScript asks while it follows `extends`. The files that a configuration includes are not needed. */
function hostOf({ read }: Project): ts.ParseConfigHost {
  return {
    useCaseSensitiveFileNames: true,
    readDirectory: () => [],
    fileExists: (path) => read(path) !== null,
    readFile: (path) => read(path) ?? undefined,
  };
}
