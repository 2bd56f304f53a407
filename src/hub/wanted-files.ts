/**
 * @file Which files of a repository a model needs: those and no others are fetched.
 *
 * A repository often holds the same weights in several formats, for several frameworks. Chosen is the
 * first of: one safetensors file, a safetensors index with its shards, an ONNX export of a decoder,
 * PyTorch's `pytorch_model.bin`.
 */

import { posix } from 'node:path';

import { z } from 'zod';

import { messageOf, ModelError } from '../domain/errors.js';
import { parseJson } from '../domain/json.js';
import { parseBundle } from '../model/folder/bundle.js';
import { INDEX_FILE, SINGLE_FILE, TORCH_FILE } from '../model/weights/checkpoint.js';
import type { Dtype } from '../inference/device.js';
import { exportFilesAmong } from '../model/folder/export-files.js';
import { isGguf, splitFiles } from '../model/gguf/split-names.js';

/** What a model is used as. */
export const MODEL_ROLES = ['decoder', 'encoder', 'projector', 'bundle'] as const;
export type ModelRole = (typeof MODEL_ROLES)[number];

/** Whose files are wanted: a model's, or the tokenizer of one alone. */
export type FileRole = ModelRole | 'tokenizer';

/** The files of a repository or a local folder, below one starting point. */
export interface FileTree {
  /** For messages. */
  readonly name: string;
  /** All paths, with `/`. */
  readonly paths: ReadonlySet<string>;
  /** Content of a small file. */
  readText(path: string): Promise<string>;
}

/** Read where they exist. */
const OPTIONAL = {
  decoder: [
    'generation_config.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
  ],
  encoder: [
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'modules.json',
    'sentence_bert_config.json',
    '1_Pooling/config.json',
  ],
} as const;

/** The tokenizer in one file, or in the two older ones. */
const TOKENIZERS = [['tokenizer.json'], ['vocab.json', 'merges.txt']] as const;

const BESIDE_SLOW_TOKENIZER = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'config.json',
] as const;

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string().min(1)) });
/**
 * The paths that a model in the role needs, sorted.
 *
 * @param at Folder of the model inside the tree, "" for its root; for a projector, its file; for a decoder
 *   also an `.onnx` or `.gguf` file.
 * @param dtype Number format, which decides among the ONNX exports of a decoder without safetensors.
 * @throws {ModelError} With everything that is missing.
 */
export async function wantedFiles(
  tree: FileTree,
  role: FileRole,
  at: string,
  dtype: Dtype = 'fp32',
): Promise<string[]> {
  switch (role) {
    case 'decoder':
    case 'encoder':
      return (await modelFiles(tree, role, at, dtype)).sort();
    case 'projector':
      return [projectorFile(tree, at)];
    case 'bundle':
      return (await bundleFiles(tree, at, dtype)).sort();
    case 'tokenizer':
      return tokenizerFiles(tree, at).sort();
  }
}

/** Files of a decoder or encoder, and what it lacks. */
interface Parts {
  readonly present: readonly string[];
  readonly missing: readonly string[];
}

async function modelParts(
  tree: FileTree,
  role: 'decoder' | 'encoder',
  reference: string,
  dtype: Dtype,
): Promise<Parts> {
  if (role === 'decoder' && isGguf(reference)) {
    // Everything is in the file, or in the parts of a split one.
    const parts = splitFiles(posix.basename(reference)).map((name) => inside(parent(reference), name));
    return {
      present: parts.filter((path) => tree.paths.has(path)),
      missing: parts.filter((path) => !tree.paths.has(path)),
    };
  }
  const isGraph = /\.onnx$/i.test(reference);
  const beside = isGraph ? parent(reference) : reference;
  // An export may lie in a folder below its configuration.
  const at = !isGraph || tree.paths.has(inside(beside, 'config.json')) ? beside : parent(beside);
  const exported = role === 'decoder' ? exportFilesAmong(tree.paths, reference, dtype) : [];
  const has = (name: string): boolean => tree.paths.has(inside(at, name));
  const missing: string[] = [];
  const names: string[] = OPTIONAL[role].filter(has);

  if (has('config.json')) names.push('config.json');
  else missing.push('config.json');

  const tokenizer = TOKENIZERS.find((files) => files.every(has));
  if (tokenizer === undefined) missing.push('tokenizer.json');
  else names.push(...tokenizer);

  if (isGraph) {
    if (exported.length === 0) missing.push(relativeTo(at, reference));
  } else if (has(SINGLE_FILE)) {
    names.push(SINGLE_FILE);
  } else if (has(INDEX_FILE)) {
    const shards = await shardsOf(tree, inside(at, INDEX_FILE));
    names.push(INDEX_FILE);
    // One by one: an index may name more shards than a call takes arguments.
    for (const name of shards) {
      names.push(name);
      if (!has(name)) missing.push(name);
    }
  } else if (exported.length > 0) {
    names.push(...exported.map((path) => relativeTo(at, path)));
  } else if (has(TORCH_FILE)) {
    names.push(TORCH_FILE);
  } else {
    missing.push(SINGLE_FILE);
  }
  if (isGraph) names.push(...exported.map((path) => relativeTo(at, path)));
  return { present: names.map((name) => inside(at, name)), missing: missing.map((name) => inside(at, name)) };
}

/** Hints on the files that have alternatives. */
const ALTERNATIVES = [
  [/tokenizer\.json$/, 'instead of tokenizer.json, vocab.json and merges.txt will do'],
  [
    /model\.safetensors$/,
    `instead of ${SINGLE_FILE}, ${INDEX_FILE} with its shards or ${TORCH_FILE} will do`,
  ],
] as const;

function assertComplete(tree: FileTree, what: string, missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new ModelError(`${tree.name}: is not a ${what} this program can use: it is incomplete`, [
    ...missing.map((name) => `missing: ${name}`),
    ...ALTERNATIVES.filter(([pattern]) => missing.some((name) => pattern.test(name))).map(([, hint]) => hint),
    ...insteadHints(tree),
  ]);
}

async function modelFiles(
  tree: FileTree,
  role: 'decoder' | 'encoder',
  at: string,
  dtype: Dtype,
): Promise<string[]> {
  const { present, missing } = await modelParts(tree, role, at, dtype);
  assertComplete(tree, role, missing);
  return [...present];
}

/** The tokenizer in a folder, without the model. */
function tokenizerFiles(tree: FileTree, at: string): string[] {
  const has = (name: string): boolean => tree.paths.has(inside(at, name));
  const names = TOKENIZERS.find((files) => files.every(has));
  assertComplete(tree, 'tokenizer', names === undefined ? [inside(at, 'tokenizer.json')] : []);
  // The older files say their rules only together with those beside them.
  const beside = names?.length === 1 ? ['tokenizer_config.json'] : BESIDE_SLOW_TOKENIZER;
  return [...(names ?? []), ...beside].filter(has).map((name) => inside(at, name));
}

/** The shards that an index names. */
async function shardsOf(tree: FileTree, path: string): Promise<string[]> {
  const index = await readJson(tree, path, indexSchema);
  const shards = [...new Set(Object.values(index.weight_map))].sort();
  const stray = shards.find((name) => /[\\/]/.test(name));
  if (stray !== undefined) {
    throw new ModelError(`${tree.name}/${path}: names a shard outside its folder: ${stray}`);
  }
  return shards;
}

function projectorFile(tree: FileTree, at: string): string {
  if (tree.paths.has(at)) return at;
  const prefix = at === '' ? '' : `${at}/`;
  const candidates = [...tree.paths].filter((path) => path.startsWith(prefix) && PROJECTOR.test(path));
  if (candidates.length === 1) return candidates[0]!;
  throw new ModelError(
    candidates.length === 0
      ? `${tree.name}${at === '' ? '' : `/${at}`}: there is no projector here`
      : `${tree.name}: holds ${candidates.length} projectors`,
    [
      'a projector is a .safetensors, .pth or .ckpt file; name it behind the repository: owner/name/file',
      ...candidates.slice(0, 8).map((path) => `there is: ${path}`),
    ],
  );
}

const PROJECTOR = /(?:projector[^/]*\.(?:safetensors|pth|pt|bin)|\.ckpt)$/i;

async function bundleFiles(tree: FileTree, at: string, dtype: Dtype): Promise<string[]> {
  const description = inside(at, 'bundle.json');
  if (!tree.paths.has(description)) {
    throw new ModelError(`${tree.name}: is not a bundle: it has no bundle.json`, [
      'a bundle holds bundle.json, decoder/, encoder/ and projector.safetensors',
      'a decoder alone is given with --decoder',
    ]);
  }
  const { decoder, encoder, projector, softPrompt } = parseBundle(
    await tree.readText(description),
    `${tree.name}/${description}`,
  );
  const parts: Parts[] = [];
  // A part that is named by reference is a model of its own.
  if (decoder.path !== undefined)
    parts.push(await modelParts(tree, 'decoder', inside(at, decoder.path), dtype));
  if (encoder.path !== undefined)
    parts.push(await modelParts(tree, 'encoder', inside(at, encoder.path), dtype));
  const missing = parts.flatMap((part) => part.missing);
  const single = [projector.path, softPrompt?.path, encoder.decoderLayers?.statistics].flatMap((path) =>
    path === undefined ? [] : [inside(at, path)],
  );
  assertComplete(tree, 'bundle', [...missing, ...single.filter((path) => !tree.paths.has(path))]);
  return [description, ...parts.flatMap((part) => part.present), ...single];
}

async function readJson<S extends z.ZodType>(tree: FileTree, path: string, schema: S): Promise<z.infer<S>> {
  try {
    return schema.parse(parseJson(await tree.readText(path)));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new ModelError(`${tree.name}/${path}: cannot be used`, problem.split('\n'), { cause: error });
  }
}

/** What the repository is instead, where that can be told. */
function insteadHints(tree: FileTree): string[] {
  const names = [...tree.paths];
  const exported = names.filter((name) => name.endsWith('.onnx'));
  if (exported.length > 0) {
    return [
      `it has these ONNX exports: ${exported.slice(0, 6).join(', ')}`,
      'name one, or choose by --dtype',
    ];
  }
  const ggufs = names.filter(isGguf);
  if (ggufs.length > 0) {
    return [`it has these GGUF files: ${ggufs.slice(0, 6).join(', ')}`, 'name one as a decoder'];
  }
  if (names.some((name) => /adapter_(?:model|config)/.test(name))) {
    return ['it holds an adapter (LoRA); merge it into its base model first'];
  }
  return [];
}

function parent(path: string): string {
  const folder = posix.dirname(path);
  return folder === '.' ? '' : folder;
}

function relativeTo(at: string, path: string): string {
  return at === '' ? path : posix.relative(at, path);
}

function inside(at: string, name: string): string {
  return posix.join(at, name);
}
