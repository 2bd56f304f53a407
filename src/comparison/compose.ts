/**
 * @file The one place where interfaces meet implementations: models, tokenizers and pipelines of a run.
 *
 * Longer than 400 lines because it is the only file that names implementations, and a second one would blur that.
 */

import { defaultCacheDir } from '../files/cache-dir.js';
import type { Clock } from '../domain/clock.js';
import { ModelError, UsageError } from '../domain/errors.js';
import type { CompletionTask } from '../domain/task.js';
import type { MetricProfile } from '../metrics/profile.js';
import { metricProfileKind, type MetricProfileName } from '../metrics/registry.js';
import { contentHashes } from '../hub/content-hashes.js';
import type { ModelRole } from '../hub/wanted-files.js';
import { resolveModel, type LocalModel, type ResolveOptions } from '../hub/resolve.js';
import { readBundle, type Bundle } from '../model/folder/bundle.js';
import { readDecoderFacts } from '../model/folder/decoder-facts.js';
import type { Decoder, FirstTokenRunner } from '../inference/decoder.js';
import type { Device, DeviceRequest, Dtype } from '../inference/device.js';
import type { DeviceProof } from '../inference/device-proof.js';
import type { Encoder } from '../inference/encoder.js';
import { encoderConventions, type EncoderConventions } from '../model/folder/encoder-conventions.js';
import { modelFolder } from '../model/folder/export-files.js';
import {
  openSource,
  proveDevice,
  requireProof,
  type DecoderSource,
} from '../model/ort/proof/device-proof.js';
import { projectorWidths } from '../model/weights/projector-file.js';
import { checkProjectorFits, openDecoder, openEncoder, openProjector } from '../model/ort/open.js';
import { resolveDevice } from '../model/ort/probe.js';
import type { Projector } from '../inference/projector.js';
import { isSynthetic, syntheticShape } from '../model/architecture/synthetic.js';
import { makePipelines } from '../pipelines/all.js';
import type { Compressor } from '../pipelines/compressor.js';
import type { PromptSetting } from '../pipelines/in-file.js';
import type { PipelineName } from '../pipelines/kinds.js';
import type { Pipeline } from '../pipelines/pipeline.js';
import { encoderTemplate, type EncoderInput } from '../prompt/encoder-input.js';
import { promptFormat, recognizeFamily, type PromptFamily, type PromptFormat } from '../prompt/fim.js';
import { VectorCache } from '../model/vector-cache.js';
import { retrievalEmbedder, type TextEmbedder, type VectorStore } from '../retrieval/rankers/embedder.js';
import { describeHardware, ONNXRUNTIME_VERSION, PACKAGE } from '../run/environment.js';
import { loadTokenizer } from '../tokenizer/hf.js';
import type { Tokenizer } from '../inference/tokenizer.js';

/** Which models a run uses; each is a reference as `hub/reference.ts` describes them. */
export interface ModelRequest {
  readonly bundle: string;
  readonly decoder: string | undefined;
  readonly encoder: string | undefined;
  readonly projector: string | undefined;
  readonly retrieverEncoder: string | undefined;
  readonly device: DeviceRequest;
  readonly dtype: Dtype;
  readonly threads: number;
  /** How the decoder is prompted; recognized if undefined. */
  readonly promptFamily: PromptFamily | undefined;
  /** What the encoder reads of a chunk; found out if undefined. */
  readonly encoderInput: EncoderInput | undefined;
  /** Whether any configuration has soft tokens. */
  readonly needsCompression: boolean;
  /** Whether any configuration has the prompt length of one with soft tokens. */
  readonly needsSoftLength: boolean;
  /** Whether any configuration ranks by vectors. */
  readonly needsEmbedder: boolean;
  /** Whether a decoder that runs elsewhere, if only in part, is refused. */
  readonly requireDevice: boolean;
  /** How files arrive that are not on this machine yet. */
  readonly fetching?: ResolveOptions;
}

/** Where the files of a model come from and what they are. */
export interface ModelSource {
  readonly role: ModelRole | 'retriever-encoder';
  /** As the user would write it. */
  readonly reference: string;
  /** Repository and commit on the hub; null for local files. */
  readonly origin: LocalModel['origin'];
  /** SHA-256 by path. */
  readonly files: Readonly<Record<string, string>>;
}

export interface LoadedEncoder {
  readonly name: string;
  readonly encoder: Encoder;
  readonly tokenizer: Tokenizer;
}

export interface LoadedModels {
  readonly bundle: Bundle;
  readonly device: Device;
  /** Where the decoder runs. */
  readonly proof: DeviceProof;
  readonly decoder: Decoder;
  readonly decoderName: string;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  readonly compression:
    (LoadedEncoder & { readonly projector: Projector; readonly conventions: EncoderConventions }) | null;
  /** What a chunk takes in a prompt with soft tokens; 1 where no configuration asks. */
  readonly softTokensPerChunk: number;
  /** Settings where the user gives none: the bundle's, or LlavaCode's for another decoder. */
  readonly defaults: Bundle['defaults'];
  readonly retrieverEncoder: LoadedEncoder | null;
  readonly sources: readonly ModelSource[];
  dispose(): Promise<void>;
}

/**
 * Opens what the run needs and nothing else. Widths are checked before anything runs.
 *
 * @throws {ModelError} If a model cannot be used; what was opened before is closed again.
 */
export async function loadModels(request: ModelRequest): Promise<LoadedModels> {
  refuseSynthetic(request);
  const { bundle, found, sources } = await findModels(request);
  const device = await resolveDevice(request.device);
  const options = { device, dtype: request.dtype, threads: request.threads };
  const opened: { dispose(): Promise<void> }[] = [];
  const keep = <T extends { dispose(): Promise<void> }>(model: T): T => {
    opened.push(model);
    return model;
  };
  const dispose = async (): Promise<void> => {
    for (const model of opened.splice(0)) await model.dispose();
  };
  try {
    const decoderDir = found.decoder?.path ?? bundle.decoder.path;
    const encoderDir = found.encoder?.path ?? bundle.encoder.path;
    const tokenizer = await loadTokenizer(modelFolder(decoderDir));
    const source = { kind: 'files', path: decoderDir } as const;
    const proof = await provenDevice(source, options, request.requireDevice);
    const decoder = keep(await openDecoder(decoderDir, options));
    const facts = readDecoderFacts(modelFolder(decoderDir), decoder.vocabularySize);
    const own = found.decoder === null ? bundle.decoder.promptFamily : recognizeFamily(tokenizer, facts);
    const format = promptFormat(request.promptFamily ?? own, tokenizer, facts);
    const openNamedEncoder = async (dir: string): Promise<LoadedEncoder> => ({
      name: [found.encoder, found.retrieverEncoder].find((model) => model?.path === dir)?.name ?? bundle.name,
      encoder: keep(await openEncoder(dir, options)),
      tokenizer: await loadTokenizer(dir),
    });

    let compression: LoadedModels['compression'] = null;
    let softTokensPerChunk = 1;
    if (request.needsCompression) {
      const projector = keep(
        await openProjector(
          found.projector?.path ?? bundle.projector.path,
          options,
          found.projector === null ? bundle.projector.layers : undefined,
        ),
      );
      const loaded = await openNamedEncoder(encoderDir);
      softTokensPerChunk = checkProjectorFits(projector, loaded.encoder, decoder);
      const own = found.encoder === null ? bundle.encoder : encoderConventions(encoderDir, loaded.tokenizer);
      const conventions = {
        input: request.encoderInput ?? own.input,
        maxTokens: Math.min(own.maxTokens, loaded.encoder.maxTokens),
        normalize: own.normalize,
      };
      compression = { ...loaded, projector, conventions };
    } else if (request.needsSoftLength) {
      // Of the projector that `compressed` would use. With another decoder and no projector there is none.
      const path = found.projector?.path ?? (found.decoder === null ? bundle.projector.path : null);
      if (path !== null) softTokensPerChunk = checkProjectorFits(await projectorWidths(path), null, decoder);
    }
    let retrieverEncoder: LoadedEncoder | null = null;
    if (request.needsEmbedder) {
      const dir = found.retrieverEncoder?.path ?? encoderDir;
      retrieverEncoder =
        compression !== null && dir === encoderDir ? compression : await openNamedEncoder(dir);
    }
    return {
      bundle,
      device,
      proof,
      decoder,
      decoderName: found.decoder?.name ?? bundle.name,
      tokenizer,
      format,
      defaults: found.decoder === null ? bundle.defaults : defaultsFor(decoder, bundle),
      compression,
      softTokensPerChunk,
      retrieverEncoder,
      sources,
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** LlavaCode's window for a decoder that no bundle describes, as far as its positions go. */
function defaultsFor({ maxPositions }: Decoder, { defaults }: Bundle): Bundle['defaults'] {
  const contextTokens = 512;
  return {
    maxPromptTokens: Math.max(1, Math.min(2048, maxPositions - contextTokens)),
    contextTokens,
    contextPlacement: defaults.contextPlacement,
  };
}

/** A decoder where nothing else is needed, and what is known of it. */
export interface LoadedDecoder {
  readonly decoder: Decoder & FirstTokenRunner;
  /** As the user wrote it. */
  readonly name: string;
  readonly hasRandomWeights: boolean;
  readonly origin: LocalModel['origin'];
  /** SHA-256 by path; empty for random weights. */
  readonly files: Readonly<Record<string, string>>;
  readonly device: Device;
  readonly proof: DeviceProof;
}

/**
 * Opens a decoder alone: random weights of a shape, the one given, or the bundle's.
 *
 * @throws {ModelError} If it cannot be used, or runs elsewhere although `requireDevice` is set.
 */
export async function loadDecoder(
  request: Pick<ModelRequest, 'bundle' | 'decoder' | 'device' | 'dtype' | 'threads' | 'fetching'> & {
    readonly requireDevice: boolean;
  },
): Promise<LoadedDecoder> {
  const { bundle, dtype, threads } = request;
  const found = await findDecoder(request.decoder ?? null, bundle, { ...request.fetching, dtype });
  const device = await resolveDevice(request.device);
  const { source, ...facts } = found;
  const options = { device, dtype, threads };
  const proof = await provenDevice(source, options, request.requireDevice);
  return { ...facts, device, proof, decoder: await openSource(source, options) };
}

async function findDecoder(
  reference: string | null,
  bundle: string,
  options: ResolveOptions,
): Promise<
  Pick<LoadedDecoder, 'name' | 'hasRandomWeights' | 'origin' | 'files'> & { readonly source: DecoderSource }
> {
  if (reference !== null && isSynthetic(reference)) {
    const source = { kind: 'synthetic', shape: syntheticShape(reference) } as const;
    return { name: reference, hasRandomWeights: true, origin: null, files: {}, source };
  }
  const model =
    reference === null
      ? await resolveModel(bundle, 'bundle', options)
      : await resolveModel(reference, 'decoder', options);
  const path = reference === null ? readBundle(model.path).decoder.path : model.path;
  return {
    name: model.name,
    hasRandomWeights: false,
    origin: model.origin,
    files: await contentHashes(model),
    source: { kind: 'files', path },
  };
}

/** Proof before the decoder that is timed is opened, so that nothing of it is left by then. */
async function provenDevice(
  source: DecoderSource,
  options: { readonly device: Device; readonly dtype: Dtype; readonly threads: number },
  isRequired: boolean,
): Promise<DeviceProof> {
  if (isRequired) {
    const proof = await proveDevice(source, options);
    requireProof(proof);
    return proof;
  }
  try {
    return await proveDevice(source, options);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    // If the device does not work at all, opening the decoder says so better.
    return { device: options.device, source: 'none', graphics: [], stages: [] };
  }
}

/**
 * Refuses random weights where completions are scored.
 *
 * @throws {UsageError} Naming the flag.
 */
function refuseSynthetic(request: ModelRequest): void {
  for (const key of ['bundle', 'decoder', 'encoder', 'projector', 'retrieverEncoder'] as const) {
    const reference = request[key];
    if (reference === undefined || !isSynthetic(reference)) continue;
    throw new UsageError(
      `${reference}: has random weights, so its completions and scores would mean nothing`,
      ['time it with --latency-only, or give a decoder that was trained'],
    );
  }
}

interface FoundModels {
  readonly bundle: Bundle;
  /** What replaces parts of the bundle. */
  readonly found: Readonly<
    Record<'decoder' | 'encoder' | 'projector' | 'retrieverEncoder', LocalModel | null>
  >;
  readonly sources: readonly ModelSource[];
}

/** Brings every model of a request to this machine, one after the other, and hashes what is in use. */
async function findModels(request: ModelRequest): Promise<FoundModels> {
  const sources: ModelSource[] = [];
  const find = async (
    reference: string | undefined,
    role: ModelRole,
    usedAs: ModelSource['role'] = role,
  ): Promise<LocalModel | null> => {
    if (reference === undefined) return null;
    const model = await resolveModel(reference, role, { ...request.fetching, dtype: request.dtype });
    const files = await contentHashes(model);
    sources.push({ role: usedAs, reference: model.name, origin: model.origin, files });
    return model;
  };
  const bundle = (await find(request.bundle, 'bundle'))!;
  return {
    bundle: readBundle(bundle.path),
    found: {
      decoder: await find(request.decoder, 'decoder'),
      encoder: await find(request.encoder, 'encoder'),
      projector: await find(request.projector, 'projector'),
      retrieverEncoder: await find(request.retrieverEncoder, 'encoder', 'retriever-encoder'),
    },
    sources,
  };
}

/**
 * The pipelines asked for, over one prompt setting.
 *
 * @param seed Of the run: what is random in a pipeline comes from it.
 */
export function composePipelines(
  names: readonly PipelineName[],
  models: LoadedModels,
  prompt: Pick<PromptSetting, 'budget' | 'placement' | 'chunkOrder'>,
  clock: Clock,
  seed: number,
): Map<PipelineName, Pipeline> {
  const setting: PromptSetting = { ...prompt, tokenizer: models.tokenizer, format: models.format, clock };
  const { softTokensPerChunk: tokensPerChunk } = models;
  const compressor = (): Compressor => {
    if (models.compression === null) throw new RangeError('the models were loaded without compression');
    const { encoder, tokenizer, projector, conventions } = models.compression;
    const { input, maxTokens, normalize } = conventions;
    const template = encoderTemplate(input, tokenizer, maxTokens);
    return { encoder, tokenizer, template, normalize, projector, tokensPerChunk };
  };
  return makePipelines(names, { setting, seed, tokensPerChunk, compressor });
}

/** The embedder of the dense retriever, over vectors kept between runs if there is a store. */
export function composeEmbedder(models: LoadedModels, store: VectorStore | null): TextEmbedder {
  if (models.retrieverEncoder === null) throw new RangeError('the models were loaded without an embedder');
  const { encoder, tokenizer } = models.retrieverEncoder;
  return retrievalEmbedder(encoder, tokenizer, store);
}

/** How a model runs, as far as it decides the last bit of what it computes. */
export type Execution = Pick<ModelRequest, 'dtype' | 'threads'> & { readonly device: Device };

/** The kept unit vectors of an encoder's retrieval form. */
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

/** The metric profile for these tasks. The parser of Python is loaded only where it is needed. */
export async function composeMetricProfile(
  name: MetricProfileName,
  tasks: readonly Pick<CompletionTask, 'language'>[],
): Promise<MetricProfile> {
  const kind = metricProfileKind(name);
  if (!tasks.some((task) => kind.needsPythonParser(task))) return kind.open(null);
  const { loadPythonParser } = await import('../parsing/python.js');
  return kind.open(await loadPythonParser());
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
 * @throws {ModelError} If it cannot be used.
 */
export async function loadEmbedder(
  request: Pick<ModelRequest, 'bundle' | 'retrieverEncoder' | 'device' | 'dtype' | 'threads' | 'fetching'>,
  cache: { readonly isUsed: boolean; readonly onNote: (note: string) => void },
): Promise<LoadedEmbedder> {
  const { dtype, threads, retrieverEncoder } = request;
  const find = (reference: string, role: ModelRole): Promise<LocalModel> =>
    resolveModel(reference, role, { ...request.fetching, dtype });
  const model = await (retrieverEncoder === undefined
    ? find(request.bundle, 'bundle')
    : find(retrieverEncoder, 'encoder'));
  const bundle = retrieverEncoder === undefined ? readBundle(model.path) : null;
  const dir = bundle === null ? model.path : bundle.encoder.path;
  const tokenizer = await loadTokenizer(dir);
  const device = await resolveDevice(request.device);
  const encoder = await openEncoder(dir, { device, dtype, threads });
  const store = cache.isUsed ? openVectorCache(encoder, { device, dtype, threads }, cache.onNote) : null;
  return {
    name: bundle === null ? model.name : bundle.name,
    embedder: retrievalEmbedder(encoder, tokenizer, store),
    dispose: () => encoder.dispose(),
  };
}
