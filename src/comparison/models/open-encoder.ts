/**
 * @file Encoders: of the compressor, and of the retriever that compares vectors.
 */

import { ModelError } from '../../domain/errors.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { openBundle } from '../../hub/bundle-parts.js';
import { resolveModel, type ResolveOptions } from '../../hub/resolve.js';
import type { Encoder } from '../../inference/encoder.js';
import type { Tokenizer } from '../../inference/tokenizer.js';
import { openEncoder } from '../../model/ort/open.js';
import type { ModelOptions } from '../../model/ort/session.js';
import { VectorCache } from '../../model/vector-cache.js';
import { retrievalEmbedder, type TextEmbedder } from '../../retrieval/rankers/embedder.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../../run/environment.js';
import { loadTokenizer } from '../../tokenizer/hf.js';
import { executionOn, type Execution } from './open-decoder.js';
import type { DeviceSelection, ModelSelection } from './selection.js';

export interface LoadedEncoder {
  /** For people. */
  readonly name: string;
  readonly encoder: Encoder;
  readonly tokenizer: Tokenizer;
}

/** Opens the encoder of a folder. The caller disposes of it. @throws {ModelError} If it cannot be used. */
export async function loadEncoder(dir: string, name: string, options: ModelOptions): Promise<LoadedEncoder> {
  return { name, encoder: await openEncoder(dir, options), tokenizer: await loadTokenizer(dir) };
}

/** The unit vectors of an encoder's retrieval form that earlier runs kept. */
export function openVectorCache(
  { identity, width }: Encoder,
  { device, dtype, threads }: Execution,
  onNote: (note: string) => void,
): VectorCache {
  const { cpu, platform } = describeHardware();
  return new VectorCache({
    cacheDir: defaultCacheDir(),
    width,
    onNote,
    space: {
      ...{ form: 'retrieval', scale: 'unit', encoder: identity, device, dtype, threads },
      ...{ program: PACKAGE.version, onnxruntime: ONNXRUNTIME_VERSION, cpu, platform },
    },
  });
}

/** What ranks by vectors where no decoder is needed. */
export interface LoadedEmbedder {
  /** Of the encoder, for people. */
  readonly name: string;
  readonly embedder: TextEmbedder;
  dispose(): Promise<void>;
}

/**
 * Opens the encoder of the dense retriever alone: the one given, or the bundle's.
 *
 * @param cache `keepsVectors`: whether vectors of earlier runs are used and new ones kept.
 * @throws {ModelError} If it cannot be used.
 */
export async function loadEmbedder(
  { bundle, retrieverEncoder }: Pick<ModelSelection, 'bundle' | 'retrieverEncoder'>,
  device: DeviceSelection,
  fetching: ResolveOptions,
  cache: { readonly keepsVectors: boolean; readonly onNote: (note: string) => void },
): Promise<LoadedEmbedder> {
  const options = { ...fetching, dtype: device.dtype };
  const model =
    retrieverEncoder === undefined
      ? await resolveModel(bundle, 'bundle', options)
      : await resolveModel(retrieverEncoder, 'encoder', options);
  const bundled =
    retrieverEncoder === undefined
      ? await openBundle(model, { decoder: undefined, encoder: undefined }, options)
      : null;
  const own = bundled?.bundle ?? null;
  if (own?.encoder.kind === 'decoder-layers') {
    throw new ModelError(
      `${model.name}: its encoder is the beginning of its decoder, and no decoder is open here`,
      ['give the encoder of the retriever with --retriever-encoder'],
    );
  }
  const execution = await executionOn(device);
  const loaded = await loadEncoder(own?.encoder.path ?? model.path, own?.name ?? model.name, {
    ...execution,
    onNote: cache.onNote,
  });
  const { name, encoder, tokenizer } = loaded;
  const store = cache.keepsVectors ? openVectorCache(encoder, execution, cache.onNote) : null;
  return {
    name,
    embedder: retrievalEmbedder(encoder, tokenizer, store),
    dispose: () => encoder.dispose(),
  };
}
