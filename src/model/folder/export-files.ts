/**
 * @file Finds the files of a ready-made ONNX export.
 *
 * Layouts: optimum puts `model.onnx` beside `config.json`; transformers.js puts `onnx/model.onnx` below it, one
 * file per number format (`model_fp16.onnx`, `model_quantized.onnx`, ...), and for graphs that take embeddings the
 * lookup as `embed_tokens*.onnx` and the decoder as `decoder_model*.onnx`.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

import { ModelError } from '../../domain/errors.js';
import { DTYPES, type Dtype } from '../../inference/device.js';

/** Ends of file names per dtype, best first. Weight-only int8 has no customary name. */
const SUFFIXES: Readonly<Record<Dtype, readonly string[]>> = {
  fp32: [''],
  fp16: ['_fp16'],
  int8: [],
  int4: ['_q4', '_int4'],
  'int8-dynamic': ['_quantized', '_int8'],
};

const STEMS = ['model', 'decoder_model_merged', 'decoder_model', 'decoder_with_past_model'] as const;
const LOOKUP_STEM = 'embed_tokens';

/** The files of one export. */
export interface ExportFiles {
  /** The decoder's graph. */
  readonly graph: string;
  /** The lookup, where it is a file of its own. */
  readonly lookup: string | null;
  /** Folder with `config.json` and the tokenizer. */
  readonly folder: string;
}

/**
 * The files of an export among the files of a repository or folder, data in separate files included.
 *
 * @param at An `.onnx` file, or the folder of the model.
 * @returns Empty if there is none of that number format.
 */
export function exportFilesAmong(paths: ReadonlySet<string>, at: string, dtype: Dtype): string[] {
  const graphs = /\.onnx$/i.test(at)
    ? [at]
    : [at, posix.join(at, 'onnx')].flatMap((folder) =>
        STEMS.flatMap((stem) => SUFFIXES[dtype].map((suffix) => posix.join(folder, `${stem}${suffix}.onnx`))),
      );
  const graph = graphs.find((path) => paths.has(path));
  if (graph === undefined) return [];
  const suffix = /(_[a-z0-9]+)?\.onnx$/i.exec(graph)?.[1] ?? '';
  const lookups = [`${LOOKUP_STEM}${suffix}.onnx`, `${LOOKUP_STEM}.onnx`];
  const lookup = lookups
    .map((name) => posix.join(posix.dirname(graph), name))
    .find((path) => paths.has(path));
  const wanted = lookup === undefined ? [graph] : [graph, lookup];
  // External data is called after its graph: model.onnx_data, model.onnx_data_1, model.onnx.data.
  return [...paths].filter((path) =>
    wanted.some(
      (file) => path === file || (/^[_.]data/.test(path.slice(file.length)) && path.startsWith(file)),
    ),
  );
}

/** Whether a reference names an ONNX file or a folder that holds exports and no safetensors. */
export function isExport(reference: string): boolean {
  if (/\.onnx$/i.test(reference)) return true;
  return !hasSafetensors(reference) && exportsIn(reference).length > 0;
}

function hasSafetensors(folder: string): boolean {
  return filesIn(folder).some((name) => /\.safetensors(\.index\.json)?$/.test(name));
}

/**
 * The files a reference stands for.
 *
 * @param reference An ONNX file of any number format, or a folder in which the file of the given dtype is looked for.
 * @throws {ModelError} If there is no such file, or no `config.json` beside or above it.
 */
export function findExport(reference: string, dtype: Dtype): ExportFiles {
  const graph = /\.onnx$/i.test(reference) ? existing(reference) : pick(reference, dtype);
  const beside = dirname(graph);
  const folder = [beside, dirname(beside)].find((at) => existsSync(join(at, 'config.json')));
  if (folder === undefined) {
    throw new ModelError(`${graph}: there is no config.json beside it or one folder above`, [
      'an export needs the config.json and the tokenizer files of its model',
    ]);
  }
  const suffix = /(_[a-z0-9]+)?\.onnx$/i.exec(basename(graph))?.[1] ?? '';
  const lookup = [`${LOOKUP_STEM}${suffix}.onnx`, `${LOOKUP_STEM}.onnx`]
    .map((name) => join(beside, name))
    .find((path) => existsSync(path));
  return { graph, lookup: lookup ?? null, folder };
}

/** Folder with `config.json` and tokenizer of any decoder reference, export or not. */
export function modelFolder(reference: string): string {
  if (!/\.onnx$/i.test(reference)) return reference;
  const beside = dirname(reference);
  return existsSync(join(beside, 'config.json')) ? beside : dirname(beside);
}

function existing(path: string): string {
  if (existsSync(path) && statSync(path).isFile()) return path;
  throw new ModelError(`${path}: no such file`, [
    'name the .onnx file of an export, or the folder of a model',
  ]);
}

function pick(folder: string, dtype: Dtype): string {
  const found = exportsIn(folder);
  for (const stem of STEMS) {
    for (const suffix of SUFFIXES[dtype]) {
      const match = found.find((path) => basename(path) === `${stem}${suffix}.onnx`);
      if (match !== undefined) return match;
    }
  }
  throw new ModelError(`${folder}: has no ONNX export in ${dtype}`, [
    `it has: ${found.map((path) => path.slice(folder.length + 1)).join(', ')}`,
    `looked for: ${SUFFIXES[dtype].map((suffix) => `model${suffix}.onnx`).join(', ') || '(nothing: no customary name)'}`,
    `name one of them with --decoder, or ask for another of ${DTYPES.join(', ')} with --dtype`,
  ]);
}

/** The ONNX files of a folder and of `onnx/` in it that may be decoders. */
function exportsIn(folder: string): string[] {
  return [folder, join(folder, 'onnx')].flatMap((at) =>
    filesIn(at)
      .filter((name) => name.endsWith('.onnx') && !name.startsWith(LOOKUP_STEM))
      .sort()
      .map((name) => join(at, name)),
  );
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
