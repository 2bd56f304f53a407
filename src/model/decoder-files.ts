/**
 * @file The files of a decoder as one thing, whatever their layout: weights, configuration, tokenizer and
 * facts of a Hugging Face folder or of a GGUF file.
 *
 * Flow: reference on this machine -> **what the files say** -> graph, tokenizer, prompt.
 */

import { join } from 'node:path';

import type { Tokenizer } from '../inference/tokenizer.js';
import { embeddingTensor, type DecoderArchitecture } from '../onnx/decoder-graph.js';
import type { WeightSource } from '../onnx/weights.js';
import type { DecoderFacts } from '../prompt/fim.js';
import { loadTokenizer, tokenizerOf } from '../tokenizer/hf.js';
import { readDecoderConfig } from './architecture/config.js';
import { readDecoderFacts } from './folder/decoder-facts.js';
import { modelFolder } from './folder/export-files.js';
import { identityOf } from './folder/model-hash.js';
import { ggufFacts } from './gguf/facts.js';
import { GgufFile } from './gguf/gguf-file.js';
import { isGguf } from './gguf/split-names.js';
import { tokenizerDefinition } from './gguf/tokenizer.js';
import { openGgufWeights } from './gguf/weights.js';
import { Checkpoint } from './weights/checkpoint.js';
import { CheckpointWeights, findPrefix } from './weights/safetensors.js';

/** What a graph is built from. Close it when the graph is built. */
export interface DecoderWeights {
  readonly architecture: DecoderArchitecture;
  readonly weights: WeightSource;
  /**
   * Hash of the weights and the configuration. Called when all weights were asked for.
   *
   * @throws {ModelError} If any of them is missing or has another shape or type.
   */
  identify(): Promise<string>;
  close(): void;
}

/** The files of one decoder. */
export interface DecoderFiles {
  /** @throws {ModelError} If a file is missing or damaged, or the architecture is not supported. */
  openWeights(): Promise<DecoderWeights>;
  /** @throws {ModelError} If there is no tokenizer, or none that can be run. */
  loadTokenizer(): Promise<Tokenizer>;
  /**
   * @param vocabularySize Rows of the embedding table; ids beyond them are left out.
   * @throws {ModelError} If a file cannot be read.
   */
  readFacts(vocabularySize: number): DecoderFacts;
}

/**
 * The files that a reference stands for. Nothing is read here.
 *
 * @param reference A GGUF file; a folder in Hugging Face layout; or a ready-made export, whose weights are
 *   opened elsewhere (`ort/open-export.ts`).
 * @param tokenizerDir Folder of the tokenizer that is used instead of the decoder's own.
 */
export function decoderFiles(reference: string, tokenizerDir?: string): DecoderFiles {
  const files = isGguf(reference) ? ggufFiles(reference) : folderFiles(modelFolder(reference));
  return tokenizerDir === undefined ? files : { ...files, loadTokenizer: () => loadTokenizer(tokenizerDir) };
}

function ggufFiles(path: string): DecoderFiles {
  // Read once: a vocabulary of 150,000 tokens takes half a second.
  let known: GgufFile['metadata'] | undefined;
  const metadata = (): GgufFile['metadata'] => {
    if (known !== undefined) return known;
    const file = GgufFile.open(path);
    file.close();
    return (known = file.metadata);
  };
  return {
    // A file is read at once, and a promise fails where an interface promises one.
    openWeights: () => Promise.resolve().then(() => openGgufWeights(path)),
    loadTokenizer: () =>
      Promise.resolve().then(() => {
        const definition = tokenizerDefinition(path, metadata());
        return tokenizerOf(definition, [JSON.stringify(definition)], path);
      }),
    readFacts: (vocabularySize) => ggufFacts(metadata(), vocabularySize),
  };
}

function folderFiles(dir: string): DecoderFiles {
  return {
    openWeights: () => openFolderWeights(dir),
    loadTokenizer: () => loadTokenizer(dir),
    readFacts: (vocabularySize) => readDecoderFacts(dir, vocabularySize),
  };
}

async function openFolderWeights(dir: string): Promise<DecoderWeights> {
  const configPath = join(dir, 'config.json');
  const architecture = readDecoderConfig(configPath);
  const checkpoint = await Checkpoint.openFolder(dir);
  const { name: embedding, prefix } = embeddingTensor(architecture);
  // A checkpoint of the bare model lacks the prefix of everything but the head.
  const isBare = findPrefix(checkpoint, embedding.slice(prefix.length), [prefix, '']) === '';
  const weights = new CheckpointWeights(checkpoint, (name) =>
    isBare && name.startsWith(prefix) ? name.slice(prefix.length) : name,
  );
  return {
    architecture,
    weights,
    identify: () => {
      weights.assertComplete(configPath);
      return identityOf('decoder', [configPath, ...checkpoint.files]);
    },
    close: () => {
      checkpoint.close();
    },
  };
}
