/**
 * @file Readers of models: weights, configurations, tokenizers, bundles, PyTorch files, ONNX exports.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { ModelError } from '../../../src/domain/errors.js';
import { inspectModel } from '../../../src/inspection/inspect.js';
import { readDecoderConfig, readEncoderConfig } from '../../../src/model/architecture/config.js';
import { readDecoderFacts } from '../../../src/model/folder/decoder-facts.js';
import { encoderConventions } from '../../../src/model/folder/encoder-conventions.js';
import { Checkpoint, openTensors } from '../../../src/model/weights/checkpoint.js';
import { isReadableType } from '../../../src/model/gguf/element-types.js';
import { GgufFile } from '../../../src/model/gguf/gguf-file.js';
import { tokenizerDefinition } from '../../../src/model/gguf/tokenizer.js';
import { openGgufWeights } from '../../../src/model/gguf/weights.js';
import { readPickle } from '../../../src/model/weights/pickle.js';
import { readProjector } from '../../../src/model/weights/projector-file.js';
import { CheckpointWeights, type TensorStore } from '../../../src/model/weights/safetensors.js';
import { buildDecoderGraph } from '../../../src/onnx/decoder-graph.js';
import { buildEncoderGraph } from '../../../src/onnx/encoder-graph.js';
import { readExportedModel } from '../../../src/onnx/exported-model.js';
import { buildProjectorGraph } from '../../../src/onnx/projector-graph.js';
import { ExportError } from '../../../src/onnx/exported-decoder-io.js';
import { rewriteDecoder } from '../../../src/onnx/rewrite-decoder.js';
import { WireError } from '../../../src/onnx/wire-reader.js';
import { loadTokenizer, tokenizerOf } from '../../../src/tokenizer/hf.js';
import { writeTinyBundle } from '../../support/tiny-models.js';
import { byteLevelDefinition, sentencePieceDefinition } from '../../support/tiny-tokenizers.js';
import { recordsOf, storedZip } from '../stored-zip.js';
import { bendBytes, bendTail } from '../mutate/bytes.js';
import { bendGguf } from '../mutate/gguf.js';
import { bendJson } from '../mutate/json.js';
import { bendPickle } from '../mutate/pickle.js';
import { bendProtobuf } from '../mutate/protobuf.js';
import { bendSafetensors } from '../mutate/safetensors.js';
import type { FuzzTarget, Mutator } from '../target.js';

const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));
const MODELS = join(GOLDEN, 'models');
const TORCH = join(GOLDEN, 'torch');

const foldersWith = (file: string): string[] =>
  readdirSync(MODELS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(MODELS, entry.name)).includes(file))
    .map(({ name }) => join(MODELS, name));

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const IS_ENCODER = /^(?:bert|roberta|qwen3-embedding)/;

/** Configurations of the golden models, that of one folder first. */
const configs = (isEncoder: boolean, first: string): Buffer[] =>
  [first, ...foldersWith('config.json').filter((folder) => folder !== first)]
    .filter((folder) => IS_ENCODER.test(folder.slice(MODELS.length + 1)) === isEncoder)
    .map((folder) => readFileSync(join(folder, 'config.json')));

const CODE = "import os\n\ndef area(w, h):\n\treturn w*h  # it's 12345 \u00e9\u4e2d\u{1f600}\r\n\n\n".repeat(
  20,
);

/** Every tensor of a file, whole, unless it is of a type that is not read. */
function readTensors(file: TensorStore): void {
  for (const [name, { dtype }] of file.tensors) {
    if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') file.read(name);
  }
}

async function readTokenizer(folder: string): Promise<void> {
  const tokenizer = await loadTokenizer(folder);
  const ids = tokenizer.encode(CODE);
  tokenizer.decode(ids);
  for (const id of ids.slice(0, 50)) tokenizer.decode([id]);
  for (let at = 1; at < 100; at++) tokenizer.canCut(CODE, at);
}

const controls = ['<|endoftext|>', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>'];

const tokenizers = (): Buffer[] => [
  json(byteLevelDefinition({ controls, split: 'qwen' })),
  json(byteLevelDefinition({ controls, split: 'digits', bos: '<|endoftext|>' })),
  json(sentencePieceDefinition({ controls: ['<unk>', '<s>', '</s>'], prefixBlank: true, bos: '<s>' })),
  json(sentencePieceDefinition({ controls: ['<unk>', '<bos>'], prefixBlank: false, bos: '<bos>' })),
];

const SMALL_ENCODER = join(MODELS, 'roberta-fp32');
const SMALL_DECODER = join(MODELS, 'llama-tied-bf16');
const SHARDED_DECODER = join(MODELS, 'llama3-sharded-bf16');

/** The directory of a zip file lies at its end. */
const bendZipBytes = bendTail(1200);

async function openCheckpoint(
  folder: string,
  build: (checkpoint: Checkpoint) => CheckpointWeights,
): Promise<void> {
  const checkpoint = await Checkpoint.openFolder(folder);
  try {
    build(checkpoint).assertComplete(join(folder, 'config.json'));
    readTensors(checkpoint);
  } finally {
    checkpoint.close();
  }
}

const copyInto =
  (from: string, ...names: readonly string[]) =>
  (folder: string): void => {
    for (const name of names) writeFileSync(join(folder, name), readFileSync(join(from, name)));
  };

function decoderFrom(folder: string): Promise<void> {
  const architecture = readDecoderConfig(join(folder, 'config.json'));
  readDecoderFacts(folder, architecture.vocabularySize);
  return openCheckpoint(folder, (checkpoint) => {
    const weights = new CheckpointWeights(checkpoint);
    buildDecoderGraph(architecture, weights, 'float32');
    return weights;
  });
}

function encoderFrom(folder: string): Promise<void> {
  const architecture = readEncoderConfig(join(folder, 'config.json'));
  return openCheckpoint(folder, (checkpoint) => {
    const weights = new CheckpointWeights(checkpoint);
    buildEncoderGraph(architecture, weights, 'float32');
    return weights;
  });
}

async function projectorFrom(file: string): Promise<void> {
  const tensors = await openTensors(file);
  try {
    readTensors(tensors);
    const { architecture, prefix } = readProjector(tensors);
    const weights = new CheckpointWeights(tensors, prefix);
    buildProjectorGraph(architecture, weights);
    weights.assertComplete('the widths of its Linear layers');
  } finally {
    tensors.close();
  }
}

const torchFiles = (): Buffer[] =>
  readdirSync(TORCH)
    .filter((name) => /\.(?:pth|ckpt)$/.test(name))
    .map((name) => readFileSync(join(TORCH, name)));

/** The structures of PyTorch's files: `data.pkl` of each. */
const pickles = (): Buffer[] =>
  torchFiles().flatMap((file) => recordsOf(file).find(isStructure)?.content ?? []);
const isStructure = ({ name }: { readonly name: string }): boolean => name.endsWith('/data.pkl');

/** The folder in which a bundle stands, and a file of a new one. */
const TINY = 'tiny-bundle';
function tinyFile(path: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-fuzz-seed-'));
  try {
    writeTinyBundle(folder);
    return readFileSync(join(folder, path));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One file of a bundle is bent; the bundle is then inspected, as `models inspect` does it. */
function bundleTarget(name: string, path: string, mutate: Mutator): FuzzTarget {
  return {
    name,
    file: path.slice(path.lastIndexOf('/') + 1),
    seeds: () => [tinyFile(path)],
    mutate,
    prepare: (folder) => {
      writeTinyBundle(join(folder, TINY));
    },
    async read(file, folder) {
      const place = join(folder, TINY, path);
      const sound = readFileSync(place);
      try {
        writeFileSync(place, readFileSync(file));
        await inspectModel(join(folder, TINY), { positions: 640 });
      } finally {
        writeFileSync(place, sound);
      }
    },
  };
}

const exportFiles = (): Buffer[] =>
  [
    'qwen2/onnx/model.onnx',
    'qwen2/onnx/model_q4.onnx',
    'qwen2/onnx/model_quantized.onnx',
    'llama/model.onnx',
  ].map((name) => gunzipSync(readFileSync(join(GOLDEN, 'exports', `${name}.gz`))));

/** What `models inspect` says of a GGUF file, its graph and every tensor. */
async function readGgufWeights(file: string): Promise<void> {
  await inspectModel(file, { positions: 640 });
  const opened = openGgufWeights(file);
  try {
    const { architecture, weights } = opened;
    weights.tensor('model.embed_tokens.weight', [architecture.vocabularySize, architecture.width]);
    buildDecoderGraph(architecture, weights, 'float32');
    await opened.identify();
  } finally {
    opened.close();
  }
  const tensors = GgufFile.open(file);
  try {
    for (const [name, { dtype }] of tensors.tensors) {
      if (isReadableType(dtype)) tensors.read(name);
      tensors.blocks(name)?.codes(0, 1);
    }
  } finally {
    tensors.close();
  }
}

async function readGguf(file: string): Promise<void> {
  const opened = GgufFile.open(file);
  opened.close();
  const { metadata } = opened;
  // A file without a usable tokenizer is read all the same, and the other way round.
  const refusals: unknown[] = [];
  try {
    const tokenizer = tokenizerOf(tokenizerDefinition(file, metadata), [], file);
    tokenizer.decode(tokenizer.encode(CODE));
  } catch (error) {
    refusals.push(error);
  }
  try {
    await readGgufWeights(file);
  } catch (error) {
    refusals.push(error);
  }
  const defect = refusals.find((error) => !(error instanceof ModelError));
  if (defect !== undefined || refusals.length === 2) throw defect ?? refusals[0];
}

const GGUF = join(GOLDEN, 'gguf');
const GGUF_FILES = ['decoder', 'spm', 'types', 'llama-tied-bf16', 'qwen3-tied-bf16', 'starcoder2-bf16'];
/** A decoder in three parts: tensors of the first layer, of the second, and one more. */
const SPLIT = [1, 2, 3].map((part) => `llama3-sharded-bf16-0000${part}-of-00003.gguf`);

/** One part of a split file is bent; all parts are then read as one decoder. */
function splitTarget(name: string, part: number): FuzzTarget {
  return {
    name,
    file: SPLIT[part]!,
    seeds: () => [readFileSync(join(GGUF, SPLIT[part]!))],
    mutate: bendGguf,
    prepare: copyInto(GGUF, ...SPLIT),
    read: (file) => readGgufWeights(file),
  };
}

/** Where `openExportedDecoder` makes messages of these two kinds of error, a test of a pure reader takes them. */
function orRefusal(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof WireError || error instanceof ExportError)) throw error;
  }
}

export const MODEL_TARGETS: readonly FuzzTarget[] = [
  bundleTarget('bundle', 'bundle.json', bendJson),
  bundleTarget('bundle-decoder-config', 'decoder/config.json', bendJson),
  bundleTarget('bundle-encoder-tokenizer', 'encoder/tokenizer.json', bendJson),
  {
    name: 'decoder-config',
    file: 'config.json',
    seeds: () => configs(false, SMALL_DECODER),
    mutate: bendJson,
    prepare: copyInto(SMALL_DECODER, 'model.safetensors'),
    read: (_file, folder) => decoderFrom(folder),
  },
  {
    name: 'encoder-config',
    file: 'config.json',
    seeds: () => configs(true, SMALL_ENCODER),
    mutate: bendJson,
    prepare: copyInto(SMALL_ENCODER, 'model.safetensors'),
    read: (_file, folder) => encoderFrom(folder),
  },
  {
    name: 'generation-config',
    file: 'generation_config.json',
    seeds: () => [json({ eos_token_id: [1, 2], max_new_tokens: 20, do_sample: false })],
    mutate: bendJson,
    prepare: copyInto(SMALL_DECODER, 'config.json'),
    read: (_file, folder) => readDecoderFacts(folder, 64),
  },
  {
    name: 'pooling-config',
    file: 'pooling.json',
    seeds: () => [json({ word_embedding_dimension: 24, pooling_mode_mean_tokens: true })],
    mutate: bendJson,
    prepare: (folder) => {
      copyInto(SMALL_ENCODER, 'config.json')(folder);
      mkdirSync(join(folder, '1_Pooling'));
      writeFileSync(join(folder, 'tokenizer.json'), tokenizers()[0]!);
    },
    async read(file, folder) {
      writeFileSync(join(folder, '1_Pooling', 'config.json'), readFileSync(file));
      encoderConventions(folder, await loadTokenizer(folder));
    },
  },
  {
    name: 'tokenizer',
    file: 'tokenizer.json',
    seeds: tokenizers,
    mutate: bendJson,
    read: (_file, folder) => readTokenizer(folder),
  },
  {
    name: 'vocab',
    file: 'vocab.json',
    seeds: () => [json({ '<s>': 0, '</s>': 1, a: 2, b: 3, ab: 4, '<encoder-only>': 5 })],
    mutate: bendJson,
    prepare: (folder) => {
      writeFileSync(join(folder, 'merges.txt'), '#version: 0.2\na b\n');
      writeFileSync(join(folder, 'tokenizer_config.json'), '{"tokenizer_class":"RobertaTokenizer"}');
    },
    read: (_file, folder) => readTokenizer(folder),
  },
  {
    name: 'merges',
    file: 'merges.txt',
    seeds: () => [Buffer.from('#version: 0.2\na b\nab a\n')],
    mutate: bendBytes,
    prepare: (folder) => {
      writeFileSync(join(folder, 'vocab.json'), '{"a":0,"b":1,"ab":2,"aba":3}');
      writeFileSync(join(folder, 'tokenizer_config.json'), '{"tokenizer_class":"GPT2Tokenizer"}');
    },
    read: (_file, folder) => readTokenizer(folder),
  },
  {
    name: 'tokenizer-config',
    file: 'tokenizer_config.json',
    seeds: () => [
      json({
        tokenizer_class: 'Qwen2TokenizerFast',
        add_prefix_space: false,
        added_tokens_decoder: { 3: { content: '<|endoftext|>', special: true } },
      }),
      json({
        tokenizer_class: 'GPT2Tokenizer',
        add_bos_token: true,
        bos_token: { content: '<|endoftext|>' },
      }),
    ],
    mutate: bendJson,
    prepare: (folder) => {
      writeFileSync(join(folder, 'vocab.json'), '{"a":0,"b":1,"ab":2,"<|endoftext|>":3}');
      writeFileSync(join(folder, 'merges.txt'), '#version: 0.2\na b\n');
    },
    read: (_file, folder) => readTokenizer(folder),
  },
  {
    name: 'safetensors',
    file: 'model.safetensors',
    seeds: () =>
      [join(SMALL_DECODER, 'model.safetensors'), join(MODELS, 'projector-2l.safetensors')].map((path) =>
        readFileSync(path),
      ),
    mutate: bendSafetensors,
    prepare: copyInto(SMALL_DECODER, 'config.json'),
    read: (_file, folder) => decoderFrom(folder),
  },
  {
    name: 'projector',
    file: 'projector.safetensors',
    seeds: () => [2, 3, 4].map((layers) => readFileSync(join(MODELS, `projector-${layers}l.safetensors`))),
    mutate: bendSafetensors,
    read: (file) => projectorFrom(file),
  },
  {
    name: 'safetensors-index',
    file: 'model.safetensors.index.json',
    seeds: () => [readFileSync(join(SHARDED_DECODER, 'model.safetensors.index.json'))],
    mutate: bendJson,
    prepare: copyInto(
      SHARDED_DECODER,
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ),
    read: (_file, folder) => decoderFrom(folder),
  },
  {
    name: 'torch',
    file: 'projector.pth',
    seeds: torchFiles,
    mutate: bendZipBytes,
    read: (file) => projectorFrom(file),
  },
  {
    name: 'torch-structure',
    file: 'projector.pth',
    seeds: () => torchFiles().filter((file) => recordsOf(file).some(isStructure)),
    mutate: (seed, other, rng) => {
      const stream = recordsOf(other).find(isStructure)!.content;
      return storedZip(
        recordsOf(seed).map((record) =>
          isStructure(record) ? { ...record, content: bendPickle(record.content, stream, rng) } : record,
        ),
      );
    },
    read: (file) => projectorFrom(file),
  },
  {
    name: 'pickle',
    file: 'data.pkl',
    seeds: pickles,
    mutate: bendPickle,
    read: (file) => readPickle(readFileSync(file), file),
  },
  {
    name: 'gguf',
    file: 'decoder.gguf',
    seeds: () => GGUF_FILES.map((name) => readFileSync(join(GGUF, `${name}.gguf`))),
    mutate: bendGguf,
    read: (file) => readGguf(file),
  },
  splitTarget('gguf-split', 0),
  splitTarget('gguf-split-part', 1),
  {
    name: 'onnx',
    file: 'model.onnx',
    seeds: exportFiles,
    mutate: bendProtobuf,
    read(file) {
      orRefusal(() => rewriteDecoder(readExportedModel(readFileSync(file))));
    },
  },
];
