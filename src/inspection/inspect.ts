/**
 * @file What a model is and what it would cost here, before its weights are fetched.
 *
 * Flow: reference -> configuration, tokenizer, headers of the weights -> **description**.
 * A model that this program cannot run is described all the same, with the reason.
 */

import { dirname, posix } from 'node:path';

import { ModelError, UserError } from '../domain/errors.js';
import { readForeignText } from '../files/foreign-text-file.js';
import { parseBundle, type BundleDescription } from '../model/folder/bundle.js';
import { openTensors } from '../model/weights/checkpoint.js';
import { parseDecoderConfig, parseEncoderConfig } from '../model/architecture/config.js';
import { readDecoderFacts } from '../model/folder/decoder-facts.js';
import { byType, decoderMemory, elements, estimate, networkFacts, type MemoryEstimate } from './cost.js';
import { describeDecoder, describeEncoder } from './describe.js';
import { encoderConventions } from '../model/folder/encoder-conventions.js';
import { readProjector } from '../model/weights/projector-file.js';
import { softTokensPerChunk } from '../inference/soft-tokens.js';
import {
  headerLength,
  MAX_HEADER_BYTES,
  parseHeader,
  type TensorInfo,
} from '../model/weights/safetensors.js';
import { isGguf } from '../model/gguf/split-names.js';
import { isSynthetic, syntheticArchitecture, syntheticShape } from '../model/architecture/synthetic.js';
import { loadTokenizer } from '../tokenizer/hf.js';
import { describeGgufDecoder, readGgufHeaders } from './inspect-gguf.js';
import { readModelConfig } from './model-config.js';
import { promptFacts } from './prompt-facts.js';
import { peek, roleOf, type Peek } from './peek.js';
import type { ResolveOptions } from '../hub/resolve.js';
import { wantedFiles, type ModelRole } from '../hub/wanted-files.js';

export interface ModelDescription {
  readonly reference: string;
  readonly origin: { readonly id: string; readonly commit: string } | null;
  readonly role: ModelRole;
  /** Why this program cannot run it; null if it can. */
  readonly problem: string | null;
  /** Facts by name, in the order in which they are shown. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** Numbers in the checkpoint by element type; empty where the headers were not read. */
  readonly numbers: Readonly<Record<string, number>>;
  /** What a run needs of it. */
  readonly files: { readonly count: number; readonly bytes: number; readonly missingBytes: number } | null;
  readonly memory: readonly MemoryEstimate[];
  /** Of a bundle: its decoder, encoder and projector. */
  readonly parts: readonly ModelDescription[];
}

/** LlavaCode's window, its cross-file block and the longest completion. */
export const DEFAULT_POSITIONS = 2048 + 512;

export interface InspectOptions extends ResolveOptions {
  /** Prompt and completion that the KV cache is estimated for; {@link DEFAULT_POSITIONS} if absent. */
  readonly positions?: number;
}

/**
 * Describes a model.
 *
 * @example (await inspectModel('nano')).parts.map(({ role }) => role) // => ['decoder', 'encoder', 'projector']
 * @throws {ModelError} If there is no such model, or it may not be read.
 */
export async function inspectModel(
  reference: string,
  options: InspectOptions = {},
): Promise<ModelDescription> {
  if (isSynthetic(reference)) return describeSynthetic(reference, options);
  return describe(await peek(reference, options), options);
}

/** A shape with random weights: no files, and a network like any other. */
function describeSynthetic(
  reference: string,
  { positions = DEFAULT_POSITIONS }: InspectOptions,
): ModelDescription {
  const architecture = syntheticArchitecture(syntheticShape(reference));
  const { parameters } = describeDecoder(architecture, 'fp32');
  return {
    reference,
    origin: null,
    role: 'decoder',
    problem: null,
    facts: { weights: 'random, for run --latency-only', parameters, ...networkFacts(architecture) },
    numbers: {},
    files: null,
    memory: decoderMemory(architecture, positions),
    parts: [],
  };
}

async function describe(model: Peek, options: InspectOptions): Promise<ModelDescription> {
  const { path: configPath, content: config, modelType } = await readModelConfig(model);
  const role = roleOf(model, modelType);
  const base: Described = { facts: {}, numbers: {}, memory: [], parts: [], problem: null };
  let described = base;
  try {
    switch (role) {
      case 'bundle':
        described = { ...base, ...(await describeBundle(model, options)) };
        break;
      case 'projector':
        described = { ...base, ...(await describeProjector(model)) };
        break;
      case 'decoder':
      case 'encoder': {
        if (isGguf(model.at)) {
          const own = await readGgufHeaders(model);
          described = { ...base, facts: own.facts, numbers: own.numbers };
          const network = describeGgufDecoder(own, options.positions ?? DEFAULT_POSITIONS);
          described = { ...described, memory: network.memory, facts: { ...own.facts, ...network.facts } };
          break;
        }
        const heads = await headers(model, role, options);
        const common = {
          ...(modelType === null ? {} : { 'model type': modelType }),
          parameters: sum(Object.values(heads)),
        };
        described = { ...base, facts: common, numbers: heads };
        const network =
          role === 'decoder'
            ? await describeDecoderFolder(model, config, dirOf(configPath), options)
            : await describeEncoderFolder(model, config, dirOf(configPath));
        described = { ...described, ...network, facts: { ...common, ...network.facts } };
        break;
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    described = { ...described, problem: error.render() };
  }
  return {
    reference: model.name,
    origin: model.origin,
    role,
    files: await filesOf(model, role, options),
    ...described,
  };
}

type Described = Pick<ModelDescription, 'facts' | 'numbers' | 'memory' | 'parts' | 'problem'>;

async function describeDecoderFolder(
  model: Peek,
  config: unknown,
  dir: string,
  { positions = DEFAULT_POSITIONS }: InspectOptions,
): Promise<Pick<Described, 'facts' | 'memory'>> {
  const architecture = parseDecoderConfig(config, `${model.name}/config.json`);
  const folder = await smallFiles(model, dir, ['config.json', 'generation_config.json', ...TOKENIZER_FILES]);
  const tokenizer = await loadTokenizer(folder);
  const decoderFacts = readDecoderFacts(folder, architecture.vocabularySize);
  return {
    facts: { ...networkFacts(architecture), ...promptFacts(tokenizer, decoderFacts) },
    memory: decoderMemory(architecture, positions),
  };
}

async function describeEncoderFolder(
  model: Peek,
  config: unknown,
  dir: string,
): Promise<Pick<Described, 'facts' | 'memory'>> {
  const architecture = parseEncoderConfig(config, `${model.name}/config.json`);
  const folder = await smallFiles(model, dir, ['config.json', '1_Pooling/config.json', ...TOKENIZER_FILES]);
  const { input } = encoderConventions(folder, await loadTokenizer(folder));
  const { width, vocabularySize, maxTokens, kind } = architecture;
  return {
    facts: {
      width,
      vocabulary: vocabularySize,
      context: maxTokens,
      pooling: kind === 'causal' ? 'last token' : 'mean',
      input,
    },
    // Only the decoder is quantized.
    memory: (['fp32', 'fp16'] as const).map((dtype) =>
      estimate(dtype, describeEncoder(architecture, dtype).graphBytes, 0),
    ),
  };
}

async function describeProjector(model: Peek): Promise<Pick<Described, 'facts' | 'numbers'>> {
  const paths = await wantedFiles(treeOf(model), 'projector', model.at);
  const file = await openTensors(await model.file(paths[0]!));
  try {
    const { architecture, prefix } = readProjector(file);
    const own = [...file.tensors].filter(([name]) => name.startsWith(prefix)).map(([, info]) => info);
    const { layers, inputWidth, outputWidth } = architecture;
    return {
      facts: {
        depth: `${layers}L`,
        'from encoder width': inputWidth,
        'to width': outputWidth,
        parameters: sum(own.map(elements)),
      },
      numbers: byType(own),
    };
  } finally {
    file.close();
  }
}

async function describeBundle(
  model: Peek,
  options: InspectOptions,
): Promise<Pick<Described, 'facts' | 'parts'>> {
  const path = posix.join(model.at, 'bundle.json');
  const bundle = parseBundle(await readForeignText(await model.file(path)), `${model.name}/${path}`);
  const parts: ModelDescription[] = [];
  for (const part of ['decoder', 'encoder', 'projector'] as const) {
    const { path: own } = bundle[part];
    // A part that is named by reference is looked at by its own name.
    if (own === undefined) continue;
    const at = posix.join(model.at, own);
    parts.push(await describe({ ...model, name: `${model.name} ${part}`, at }, options));
  }
  const { name, version, license } = bundle;
  const [from, to] = [
    bundle.decoder.path === undefined ? undefined : parts[0]?.facts.width,
    parts.at(-1)?.facts['to width'],
  ];
  const perChunk =
    typeof from === 'number' && typeof to === 'number' ? softTokensPerChunk(to, from) : undefined;
  return {
    facts: {
      ...{ name, version, licence: license },
      ...named('decoder', bundle.decoder.reference),
      ...named('encoder', bundle.encoder.reference ?? layersInWords(bundle.encoder)),
      ...(perChunk === undefined
        ? {}
        : { 'soft tokens a chunk': perChunk ?? `none: ${to} is no multiple of ${from}` }),
    },
    parts,
  };
}

function named(part: string, reference: string | undefined): Record<string, string> {
  return reference === undefined ? {} : { [part]: reference };
}

function layersInWords({ decoderLayers }: BundleDescription['encoder']): string | undefined {
  return decoderLayers === undefined ? undefined : `first ${decoderLayers.layers} layers of the decoder`;
}

/** Numbers by element type, from the headers of safetensors; empty for other formats. */
async function headers(
  model: Peek,
  role: 'decoder' | 'encoder',
  options: InspectOptions,
): Promise<Record<string, number>> {
  const paths = await wantedFiles(treeOf(model), role, model.at, options.dtype);
  const tensors: TensorInfo[] = [];
  for (const path of paths.filter((name) => name.endsWith('.safetensors'))) {
    const first = await model.range(path, 0, 8);
    const length = headerLength(first);
    const bytes = model.sizes.get(path) ?? 0;
    if (length > Math.min(bytes, MAX_HEADER_BYTES))
      throw new ModelError(`${model.name}: the header of ${path} claims ${length} bytes`);
    const start = await model.range(path, 0, 8 + length);
    const found = parseHeader(`${model.name}/${path}`, bytes, (from, count) =>
      start.slice(from, from + count),
    );
    for (const tensor of found.values()) tensors.push(tensor);
  }
  return byType(tensors);
}

async function filesOf(
  model: Peek,
  role: ModelRole,
  options: InspectOptions,
): Promise<ModelDescription['files']> {
  try {
    const paths = await wantedFiles(treeOf(model), role, model.at, options.dtype);
    const bytes = sum(paths.map((path) => model.sizes.get(path) ?? 0));
    return { count: paths.length, bytes, missingBytes: model.missingBytes(paths) };
  } catch (error) {
    if (error instanceof UserError) return null; // Said where the model is described.
    throw error;
  }
}

const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.json',
  'merges.txt',
  'added_tokens.json',
  'special_tokens_map.json',
];

/** The folder that holds those of the files that there are. */
async function smallFiles(model: Peek, dir: string, names: readonly string[]): Promise<string> {
  let folder = '';
  for (const name of names) {
    const path = posix.join(dir, name);
    if (!model.sizes.has(path)) continue;
    const here = await model.file(path);
    if (name === 'config.json') folder = dirname(here);
  }
  return folder;
}

function treeOf(model: Peek): Parameters<typeof wantedFiles>[0] {
  return {
    name: model.name,
    paths: new Set(model.sizes.keys()),
    readText: async (path) => readForeignText(await model.file(path)),
  };
}

function dirOf(path: string | null): string {
  return path === null ? '' : posix.dirname(path);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
