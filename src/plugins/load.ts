/**
 * @file Loads plug-ins: hashes their files, runs them, checks what they export, and adds it to the lists of kinds.
 *
 * A plug-in is code that the user chose to run. It runs with the rights of the program, and nothing here guards against
 * one that means harm. What is guarded against is mistakes.
 */

import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FORMAT_NAMES } from '../datasets/formats/all.js';
import { canonicalJson } from '../domain/canonical-json.js';
import { messageOf, PluginError } from '../domain/errors.js';
import { METRIC_PROFILES } from '../metrics/registry.js';
import { loadImportReader } from '../parsing/module-imports.js';
import { PIPELINES } from '../pipelines/kinds.js';
import { isReservedName, SINGLE_RETRIEVERS } from '../retrieval/kinds.js';
import { checkedDefinitions } from './check.js';
import type { PluginDefinition } from './definition.js';
import type { PluginDescription } from './description.js';
import { profileRow, registerMetricProfile } from './metric-profiles.js';
import { pipelineRow, registerPipeline } from './pipelines.js';
import { registerRecordFormat } from './record-formats.js';
import { registerRetriever } from './retrievers.js';
import { pluginFiles, type PluginFiles } from './source-files.js';

/** A plug-in that was loaded and checked, and is not known yet. */
interface Loaded {
  readonly path: string;
  readonly files: PluginFiles;
  readonly definitions: readonly PluginDefinition[];
}

/**
 * Loads plug-ins. Afterwards their names work wherever the program's own names do. Nothing becomes known if one of them
 * cannot be used.
 *
 * @param paths From the working folder.
 * @returns What runs record of them, in the order given.
 * @throws {PluginError} Naming the plug-in: if it cannot be read, throws, exports something else than definitions, or
 *         has a name that is taken.
 */
export async function loadPlugins(paths: readonly string[]): Promise<readonly PluginDescription[]> {
  if (paths.length === 0) return [];
  const importsOf = await loadImportReader();
  const loaded: Loaded[] = [];
  for (const path of paths) {
    const entry = resolve(path);
    if (loaded.some((one) => resolve(one.path) === entry)) {
      throw new PluginError(`plug-in ${path}: is given twice`, ['give each plug-in once']);
    }
    const files = await pluginFiles(entry, importsOf);
    const definitions = checkedDefinitions(path, await importOnce(path, entry, files));
    loaded.push({ path, files, definitions });
  }
  requireFreeNames(loaded);
  requireKnownRelations(loaded);
  for (const { path, definitions } of loaded) {
    for (const one of definitions) register(one, path);
  }
  return loaded.map(describe);
}

/** What was imported by this process, by path: a module is run once, whatever becomes of its file. */
const imported = new Map<string, string>();

async function importOnce(path: string, entry: string, { files }: PluginFiles): Promise<object> {
  const hash = canonicalJson(files);
  if ((imported.get(entry) ?? hash) !== hash) {
    throw new PluginError(`plug-in ${path}: was changed since this process loaded it`, [
      'a run would record the new files and run the old ones; start the program again',
    ]);
  }
  imported.set(entry, hash);
  try {
    const module: unknown = await import(pathToFileURL(entry).href);
    return typeof module === 'object' && module !== null ? module : {};
  } catch (error) {
    throw new PluginError(
      `plug-in ${path}: cannot be loaded: ${messageOf(error)}`,
      [
        'it is a module in JavaScript that Node can import; `import … from "llava-eval"` needs the package in a ' +
          'node_modules folder above it',
      ],
      { cause: error },
    );
  }
}

const KIND_WORDS = {
  'llava-eval/pipeline@1': 'pipeline',
  'llava-eval/retriever@1': 'retriever',
  'llava-eval/metric-profile@1': 'metric profile',
  'llava-eval/record-format@1': 'record format',
} as const satisfies Readonly<Record<PluginDefinition['defines'], string>>;

function isTaken({ defines, name }: PluginDefinition): boolean {
  switch (defines) {
    case 'llava-eval/pipeline@1':
      return (PIPELINES as readonly string[]).includes(name);
    case 'llava-eval/retriever@1':
      return (SINGLE_RETRIEVERS as readonly string[]).includes(name) || isReservedName(name);
    case 'llava-eval/metric-profile@1':
      return METRIC_PROFILES.includes(name);
    case 'llava-eval/record-format@1':
      return FORMAT_NAMES.includes(name);
  }
}

/** @throws {PluginError} If a name is the program's own, or two plug-ins have it. */
function requireFreeNames(loaded: readonly Loaded[]): void {
  const owners = new Map<string, string>();
  for (const { path, definitions } of loaded) {
    for (const one of definitions) {
      const what = `${KIND_WORDS[one.defines]} ${one.name}`;
      if (isTaken(one)) {
        throw new PluginError(`plug-in ${path}: ${what}: the program itself has a ${what}`, [
          'records and reports know it by its name alone; choose another',
        ]);
      }
      const owner = owners.get(what);
      if (owner !== undefined) {
        throw new PluginError(`plug-in ${path}: ${what}: ${owner} has a ${what}, too`, [
          'records and reports know it by its name alone; rename one of them',
        ]);
      }
      owners.set(what, path);
    }
  }
}

/** @throws {PluginError} If a pipeline is to be compared with one that is not there. */
function requireKnownRelations(loaded: readonly Loaded[]): void {
  const own = loaded.flatMap(({ definitions }) =>
    definitions.flatMap((one) => (one.defines === 'llava-eval/pipeline@1' ? [one.name] : [])),
  );
  const known: readonly string[] = [...PIPELINES, ...own];
  for (const { path, definitions } of loaded) {
    for (const one of definitions) {
      if (one.defines !== 'llava-eval/pipeline@1') continue;
      const named = [...(one.against ?? []), ...(one.isBaseOf ?? [])].map(({ pipeline }) => pipeline);
      const stray = named.find((name) => !known.includes(name));
      if (stray === undefined) continue;
      throw new PluginError(
        `plug-in ${path}: pipeline ${one.name}: is compared with ${stray}, which is none`,
        [`pipelines are ${known.join(', ')}`],
      );
    }
  }
}

function register(definition: PluginDefinition, path: string): void {
  switch (definition.defines) {
    case 'llava-eval/pipeline@1':
      registerPipeline(definition, path);
      return;
    case 'llava-eval/retriever@1':
      registerRetriever(definition, path);
      return;
    case 'llava-eval/metric-profile@1':
      registerMetricProfile(definition, path);
      return;
    case 'llava-eval/record-format@1':
      registerRecordFormat(definition, path);
      return;
  }
}

function describe({ path, files, definitions }: Loaded): PluginDescription {
  return {
    file: basename(path),
    files: { ...files.files },
    packages: { ...files.packages },
    pipelines: definitions.flatMap((one) => {
      if (one.defines !== 'llava-eval/pipeline@1') return [];
      const { shows, against, isBaseOf, ...row } = pipelineRow(one);
      return [
        {
          ...{ ...row, isDefault: false as const, role: null },
          ...{ shows: [...shows], against: [...against], isBaseOf: [...isBaseOf] },
        },
      ];
    }),
    retrievers: definitions.flatMap((one) =>
      one.defines === 'llava-eval/retriever@1' ? [{ name: one.name, title: one.title }] : [],
    ),
    metricProfiles: definitions.flatMap((one) => {
      if (one.defines !== 'llava-eval/metric-profile@1') return [];
      const row = profileRow(one);
      return [{ ...row, extras: row.extras.map((extra) => ({ ...extra })) }];
    }),
    recordFormats: definitions.flatMap((one) =>
      one.defines === 'llava-eval/record-format@1' ? [{ name: one.name, title: one.title }] : [],
    ),
  };
}
