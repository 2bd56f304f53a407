/**
 * @file Opens a ready-made ONNX export as a decoder. The export's own files are only read.
 *
 * Flow: export -> `onnx/rewrite-decoder.ts` -> **two sessions**: the lookup, run once over the whole
 * vocabulary and closed, and the decoder.
 */

import { constants, existsSync, realpathSync } from 'node:fs';
import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';

import { Tensor, type InferenceSession } from './runtime.js';
import { z } from 'zod';

import { messageOf, ModelError } from '../../domain/errors.js';
import { parseJson } from '../../domain/json.js';
import { readForeignText } from '../../files/foreign-text-file.js';
import { readExportedModel, type ExportedModel } from '../../onnx/exported-model.js';
import { rewriteDecoder } from '../../onnx/rewrite-decoder.js';
import {
  ExportError,
  readDecoderIo,
  takesEmbeddings,
  type ExportedDecoderIo,
} from '../../onnx/exported-decoder-io.js';
import { WireError } from '../../onnx/wire-reader.js';
import { matrixOf, type Matrix } from '../../tensor/matrix.js';
import { findExport, type ExportFiles } from '../folder/export-files.js';
import { identityOf } from '../folder/model-hash.js';
import { exportedDecoderIo } from './decoder-io.js';
import { cachedGraph } from './graph-cache.js';
import { loadSession } from './load.js';
import { OrtDecoder } from './ort-decoder.js';
import { deviceProblem, requireUsable } from './probe.js';
import { floatOutput, type ModelOptions } from './session.js';

/** Part of the key of rewritten files and of a decoder's identity. It goes up when the rewrite changes. */
const REWRITE_VERSION = 'rewrite@2';

/** Ids to look up in one go while the table is read. It bounds the memory beside the table itself. */
const LOOKUP_BATCH = 4096;

/** What a configuration says about sizes; families differ in the name of the longest sequence. */
const configSchema = z.looseObject({
  vocab_size: z.int().positive().optional(),
  max_position_embeddings: z.int().positive().optional(),
  n_positions: z.int().positive().optional(),
  n_ctx: z.int().positive().optional(),
});

/** A graph as the runtime can load it: bytes, or a file whose weights lie beside it. */
type Loadable = Uint8Array | string;

/**
 * Opens an export.
 *
 * @param reference An ONNX file, or a folder with exports.
 * @throws {ModelError} If files are missing or damaged, the graph is not one that can be entered by embeddings,
 *   or the device cannot be used.
 */
export async function openExportedDecoder(reference: string, options: ModelOptions): Promise<OrtDecoder> {
  const files = findExport(reference, options.dtype);
  const configPath = join(files.folder, 'config.json');
  const config = await readSizes(configPath);
  const bytes = await readGraph(files.graph);
  const model = parsed(files.graph, () => readExportedModel(bytes));
  const beside = externalFiles(model, files.graph);
  const identity = await identityOf(`decoder, export, ${REWRITE_VERSION}`, [
    configPath,
    files.graph,
    ...beside,
    ...(files.lookup === null ? [] : [files.lookup]),
  ]);

  const { decoder, lookup, io } = await loadable(files, model, beside, identity, options);
  const vocabularySize = io.vocabularySize ?? config.vocabularySize;
  if (vocabularySize === null) {
    throw new ModelError(`${configPath}: has no vocab_size, and the graph does not state it either`);
  }
  const embeddings = await readTable(lookup, vocabularySize, files, options);
  const caches = io.caches.map(({ present }) => present);
  const session = await load(decoder, files, { ...options, outputsOnDevice: caches });
  const { device, dtype } = options;
  return new OrtDecoder({
    session,
    io: exportedDecoderIo(io),
    maxPositions: config.maxPositions,
    embeddings,
    identity,
    device,
    dtype,
  });
}

async function readSizes(path: string): Promise<{ maxPositions: number; vocabularySize: number | null }> {
  let config: z.infer<typeof configSchema>;
  try {
    config = configSchema.parse(parseJson(await readForeignText(path)));
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
  const maxPositions = config.max_position_embeddings ?? config.n_positions ?? config.n_ctx;
  if (maxPositions === undefined) {
    throw new ModelError(`${path}: does not say how long a sequence may be`, [
      'it needs max_position_embeddings (or n_positions)',
    ]);
  }
  return { maxPositions, vocabularySize: config.vocab_size ?? null };
}

async function readGraph(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ModelError(`${path}: cannot be read (${messageOf(error)})`, [], { cause: error });
  }
}

/** Turns what is wrong with the graph into a message about the file. */
function parsed<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) {
      throw new ModelError(`${path}: not an ONNX file, or damaged: ${error.message}`, ['fetch it again'], {
        cause: error,
      });
    }
    if (error instanceof ExportError) {
      throw new ModelError(
        `${path}: this export cannot be used: ${error.message}`,
        [
          'exports of the task text-generation-with-past by a current optimum work, and those of transformers.js',
          'the safetensors checkpoint of the same model needs no export: give its folder or id instead',
        ],
        { cause: error },
      );
    }
    throw error;
  }
}

/** The files with the weights of a graph. @throws {ModelError} If one is missing or lies elsewhere. */
function externalFiles(model: ExportedModel, graph: string): string[] {
  const folder = dirname(graph);
  const locations = new Set(model.initializers.flatMap(({ location }) => location ?? []));
  return [...locations].sort().map((location) => {
    const path = join(folder, normalize(location));
    if (!path.startsWith(folder + sep)) {
      throw new ModelError(`${graph}: names weights outside its folder: ${location}`);
    }
    if (!existsSync(path)) {
      throw new ModelError(`${path}: is missing; it holds weights of ${graph}`, ['fetch it as well']);
    }
    return path;
  });
}

async function loadable(
  files: ExportFiles,
  model: ExportedModel,
  beside: readonly string[],
  identity: string,
  options: ModelOptions,
): Promise<{ decoder: Loadable; lookup: Loadable; io: ExportedDecoderIo }> {
  if (takesEmbeddings(model)) {
    if (files.lookup === null) {
      throw new ModelError(`${files.graph}: takes embeddings, but no embed_tokens.onnx lies beside it`, [
        'the embedding table of such an export is a graph of its own',
      ]);
    }
    return {
      decoder: files.graph,
      lookup: files.lookup,
      io: parsed(files.graph, () => readDecoderIo(model)),
    };
  }
  const { decoder, lookup, io } = parsed(files.graph, () => rewriteDecoder(model));
  if (beside.length === 0) return { decoder, lookup, io };
  const folder = await storeRewritten({ decoder, lookup }, files, beside, identity, options);
  return { decoder: join(folder, 'decoder.onnx'), lookup: join(folder, 'lookup.onnx'), io };
}

/**
 * Writes rewritten graphs into the cache, with the export's weight files linked beside them: the runtime
 * follows external weights only inside the graph's own folder. A copy is made where links cannot be.
 */
async function storeRewritten(
  graphs: { readonly decoder: Uint8Array; readonly lookup: Uint8Array },
  files: ExportFiles,
  beside: readonly string[],
  identity: string,
  options: ModelOptions,
): Promise<string> {
  const rewritten = graphs.lookup.length + graphs.decoder.length;
  return await cachedGraph(
    {
      name: 'export',
      content: [identity],
      // Links take no room; where a copy must be made, the disk says so.
      bytes: rewritten,
      prepare: () => requireUsable(options.device),
      async fill(partial) {
        for (const path of beside) {
          const target = join(partial, path.slice(dirname(files.graph).length + 1));
          await mkdir(dirname(target), { recursive: true });
          // Links the file itself: model caches hold symbolic links, and the runtime refuses those.
          const source = realpathSync(path);
          await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_FICLONE));
        }
        await writeFile(join(partial, 'lookup.onnx'), graphs.lookup);
        await writeFile(join(partial, 'decoder.onnx'), graphs.decoder);
      },
    },
    options,
  );
}

/** The embedding table, [V, C], by looking up every id; works for tables of any format. */
async function readTable(
  lookup: Loadable,
  vocabularySize: number,
  files: ExportFiles,
  options: ModelOptions,
): Promise<Matrix> {
  const session = await load(lookup, files, { ...options, device: 'cpu' });
  try {
    const [input] = session.inputNames;
    const [output] = session.outputNames;
    if (input === undefined || output === undefined) {
      throw new ModelError(`${files.lookup ?? files.graph}: the embedding lookup has no input or no output`);
    }
    let table: Float32Array | undefined;
    let width = 0;
    for (let at = 0; at < vocabularySize; at += LOOKUP_BATCH) {
      const count = Math.min(LOOKUP_BATCH, vocabularySize - at);
      const ids = BigInt64Array.from({ length: count }, (_, i) => BigInt(at + i));
      const rows = floatOutput(await session.run({ [input]: new Tensor('int64', ids, [1, count]) }), output);
      width = rows.length / count;
      table ??= new Float32Array(vocabularySize * width);
      table.set(rows, at * width);
    }
    return matrixOf(vocabularySize, width, table ?? new Float32Array(0));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw new ModelError(
      `${files.lookup ?? files.graph}: the embedding lookup fails: ${messageOf(error)}`,
      ['the vocabulary of config.json and that of the graph may differ'],
      { cause: error },
    );
  } finally {
    await session.release();
  }
}

async function load(
  graph: Loadable,
  files: ExportFiles,
  settings: Parameters<typeof loadSession>[1],
): Promise<InferenceSession> {
  try {
    return await loadSession(graph, settings);
  } catch (error) {
    const problem = await deviceProblem(settings.device);
    if (problem !== undefined) throw problem;
    throw new ModelError(
      `${files.graph}: the runtime cannot load it on ${settings.device}: ${messageOf(error)}`,
      ['the device itself works; it may lack an operator of the export, or memory'],
      { cause: error },
    );
  }
}
