/**
 * @file What a decoder in a GGUF file is, from its header alone.
 *
 * Flow: reference -> header, fetched piece by piece -> **facts, element types, memory, or why it does not run**.
 */

import { posix } from 'node:path';

import { ModelError } from '../domain/errors.js';
import { tokenizerDefinition } from '../model/gguf/tokenizer.js';
import { ggufFacts } from '../model/gguf/facts.js';
import { fetchHeader, type GgufHeader } from '../model/gguf/header.js';
import { READABLE_TYPES } from '../model/gguf/element-types.js';
import { splitFiles } from '../model/gguf/split-names.js';
import { ggufWeights, type GgufSource } from '../model/gguf/weights.js';
import type { TensorInfo } from '../model/weights/safetensors.js';
import { buildDecoderGraph, embeddingTensor } from '../onnx/decoder-graph.js';
import { tokenizerOf } from '../tokenizer/hf.js';
import { byType, decoderMemory, elements, networkFacts, type MemoryEstimate } from './cost.js';
import { promptFacts } from './prompt-facts.js';
import type { Peek } from './peek.js';

type Facts = Readonly<Record<string, string | number>>;

/** What the headers say, whether or not the model runs. */
export interface GgufHeaders {
  readonly source: GgufSource;
  readonly facts: Facts;
  /** Numbers by element type. */
  readonly numbers: Readonly<Record<string, number>>;
}

/**
 * Reads the headers of a file, or of all parts of a split one.
 *
 * @throws {ModelError} If a part is missing or is not a usable GGUF file.
 */
export async function readGgufHeaders(model: Peek): Promise<GgufHeaders> {
  const parts: GgufHeader[] = [];
  const names = splitFiles(posix.basename(model.at));
  for (const name of names) {
    const path = posix.join(posix.dirname(model.at), name);
    const bytes = model.sizes.get(path);
    if (bytes === undefined) throw new ModelError(`${model.name}: there is no ${path}`);
    parts.push(await fetchHeader(path, bytes, (start, length) => model.range(path, start, length)));
  }
  const metadata: GgufHeader['metadata'] = parts[0]?.metadata ?? new Map();
  const tensors = new Map<string, TensorInfo>(parts.flatMap((part) => [...part.tensors]));
  const read = (name: string): Float32Array => {
    // Nothing here depends on the numbers, only on how many there are.
    return new Float32Array(elements(tensors.get(name)!)).fill(1);
  };
  const architecture = metadata.get('general.architecture');
  const title = metadata.get('general.name');
  const infos = [...tensors.values()];
  return {
    source: { path: model.name, metadata, tensors, readableTypes: READABLE_TYPES, read },
    facts: {
      format: names.length === 1 ? 'GGUF' : `GGUF in ${names.length} files`,
      ...(typeof architecture === 'string' ? { 'model type': architecture } : {}),
      ...(typeof title === 'string' ? { title } : {}),
      parameters: infos.reduce((total, info) => total + elements(info), 0),
    },
    numbers: byType(infos),
  };
}

/**
 * The network, the prompt family, and what a run would take.
 *
 * @throws {ModelError} If the model cannot be run.
 */
export function describeGgufDecoder(
  { source }: GgufHeaders,
  positions: number,
): { readonly facts: Facts; readonly memory: readonly MemoryEstimate[] } {
  const found = ggufWeights(source);
  const { architecture, weights } = found;
  const { vocabularySize, width } = architecture;
  weights.tensor(embeddingTensor(architecture).name, [vocabularySize, width]);
  buildDecoderGraph(architecture, weights, 'float32');
  found.requireUsable();
  return {
    facts: { ...networkFacts(architecture), ...tokenizerFacts(source, vocabularySize) },
    memory: decoderMemory(architecture, positions),
  };
}

/** A file without a usable tokenizer runs all the same, with one from elsewhere. */
function tokenizerFacts({ path, metadata }: GgufSource, vocabularySize: number): Facts {
  try {
    const tokenizer = tokenizerOf(tokenizerDefinition(path, metadata), [], path);
    return promptFacts(tokenizer, ggufFacts(metadata, vocabularySize));
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return { tokenizer: `none that this version can run; give one with --tokenizer: ${error.message}` };
  }
}
