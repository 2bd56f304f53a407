/**
 * @file Opens what a run needs and nothing else. Widths are checked before anything runs.
 */

import type { Clock } from '../../domain/clock.js';
import type { Decoder } from '../../inference/decoder.js';
import type { DeviceProof } from '../../inference/device-proof.js';
import type { Projector } from '../../inference/projector.js';
import type { Tokenizer } from '../../inference/tokenizer.js';
import type { ResolveOptions } from '../../hub/resolve.js';
import { decoderFiles } from '../../model/decoder-files.js';
import type { Bundle } from '../../model/folder/bundle.js';
import { encoderConventions, type EncoderConventions } from '../../model/folder/encoder-conventions.js';
import { checkProjectorFits, openDecoder, openProjector } from '../../model/ort/open.js';
import { openBundleEncoder } from '../../model/ort/open-bundle-encoder.js';
import type { ModelOptions } from '../../model/ort/session.js';
import { identityOf } from '../../model/folder/model-hash.js';
import { projectorWidths } from '../../model/weights/projector-file.js';
import { readSoftPrompt } from '../../model/weights/soft-prompt-file.js';
import type { Matrix } from '../../tensor/matrix.js';
import {
  familyDoubt,
  promptFormat,
  recognizeFamily,
  type DecoderFacts,
  type PromptFamily,
  type PromptFormat,
} from '../../prompt/fim.js';
import { templateFormat } from '../../prompt/template.js';
import type { RunSpec } from '../../run/run-spec.js';
import { isServed } from '../../serving/address.js';
import type { OpenVllm } from '../../serving/open-vllm.js';
import { findModels, type FoundModels, type ModelSource } from './find.js';
import { executionOn, provenDevice, type Execution } from './open-decoder.js';
import { loadEncoder, type LoadedEncoder } from './open-encoder.js';
import { openServed, servedName, type ServedRequest } from './open-served.js';
import type { DeviceSelection, ModelNeeds, ModelSelection } from './selection.js';

/** A decoder with everything that a prompt for it needs. */
export interface PromptedDecoder {
  /** For people. */
  readonly name: string;
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
  /** Where it runs. */
  readonly proof: DeviceProof;
  /** What the server says that runs it; null for one of this machine. */
  readonly served: Served | null;
  /** Settings where the user gives none: the bundle's, or LlavaCode's for another decoder. */
  readonly defaults: Bundle['defaults'];
}

/** What a server says of itself and of its times. */
export type Served = Pick<OpenVllm, 'facts' | 'times'>;

/** What makes soft tokens of chunks. */
export interface LoadedCompression extends LoadedEncoder {
  readonly projector: Projector;
  readonly conventions: EncoderConventions;
}

/** A tuned constant prompt. */
export interface LoadedSoftPrompt {
  /** [n, C]. */
  readonly vectors: Matrix;
  /** Hash of its file. */
  readonly identity: string;
}

export interface LoadedModels {
  readonly bundle: Bundle;
  readonly execution: Execution;
  readonly decoder: PromptedDecoder;
  /** Null where no configuration compresses. */
  readonly compression: LoadedCompression | null;
  /** The tuned constant prompt of the run; null without one. */
  readonly softPrompt: LoadedSoftPrompt | null;
  /** What a chunk takes in a prompt with soft tokens; 1 where no configuration asks. */
  readonly softTokensPerChunk: number;
  /** Null where no configuration ranks by vectors. */
  readonly retrieverEncoder: LoadedEncoder | null;
  readonly sources: readonly ModelSource[];
  dispose(): Promise<void>;
}

/**
 * Opens the models of a run. The caller disposes of them.
 *
 * @throws {ModelError} If a model cannot be used; what was opened before is closed again.
 * @throws {UsageError} If a model has random weights.
 */
export async function loadModels(
  selection: ModelSelection,
  needs: ModelNeeds,
  device: DeviceSelection,
  fetching: ResolveOptions,
  clock: Clock,
): Promise<LoadedModels> {
  const found = await findModels(selection, { ...fetching, dtype: device.dtype });
  const execution = await executionOn(device);
  const opened: { dispose(): Promise<void> }[] = [];
  const dispose = async (): Promise<void> => {
    for (const model of opened.splice(0)) await model.dispose();
  };
  const opening: Opening = {
    ...{ selection, found, execution },
    running: { ...execution, onNote: fetching.progress?.note.bind(fetching.progress) },
    keep: (model) => {
      opened.push(model);
      return model;
    },
  };
  try {
    const decoder = await openPrompted(
      opening,
      {
        isDeviceRequired: device.isRequired,
        softTokens: needs.compression || selection.softPrompt !== undefined,
      },
      clock,
      fetching.progress?.note.bind(fetching.progress),
    );
    const compression = needs.compression ? await openCompression(opening, decoder) : null;
    const softTokensPerChunk = await softLength(opening, needs, compression, decoder.decoder);
    const softPrompt = await openSoftPrompt(found, decoder.decoder.width);
    const retrieverEncoder = needs.embedder
      ? await openRetrieverEncoder(opening, decoder, compression)
      : null;
    const { bundle, sources } = found;
    return {
      ...{
        bundle,
        execution,
        decoder,
        compression,
        softTokensPerChunk,
        softPrompt,
        retrieverEncoder,
        sources,
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What every part of the opening works with. */
interface Opening {
  readonly selection: ModelSelection;
  readonly found: FoundModels;
  readonly execution: Execution;
  /** The same, and who is told of a kept graph that is damaged. */
  readonly running: ModelOptions;
  /** Remembers a model, so that it is closed with the others. */
  readonly keep: <T extends { dispose(): Promise<void> }>(model: T) => T;
}

async function openPrompted(
  { selection, found, running, keep }: Opening,
  needs: Pick<ServedRequest, 'isDeviceRequired' | 'softTokens'>,
  clock: Clock,
  onNote: ((line: string) => void) | undefined,
): Promise<PromptedDecoder> {
  const { bundle } = found;
  const path = found.decoder?.path ?? bundle.decoder.path;
  const files = decoderFiles(path, found.tokenizer?.path);
  const tokenizer = await files.loadTokenizer();
  const { decoder, proof, name, served } = await (selection.decoder !== undefined &&
  isServed(selection.decoder)
    ? openBehindServer({ ...selection, reference: selection.decoder }, found, path, needs, clock, onNote)
    : openHere(found, path, running, needs.isDeviceRequired));
  keep(decoder);
  const facts = files.readFacts(decoder.vocabularySize);
  const stated = found.decoder === null ? bundle.decoder.promptFamily : undefined;
  return {
    ...{ name, decoder, tokenizer, proof, served },
    format: formatFor({ ...selection, stated }, tokenizer, facts, onNote),
    defaults: found.decoder === null ? bundle.defaults : defaultsFor(decoder, bundle),
  };
}

/** A decoder, where it runs, and who says so. */
type OpenedDecoder = Pick<PromptedDecoder, 'decoder' | 'proof' | 'name' | 'served'>;

async function openHere(
  { decoder: given, bundle }: FoundModels,
  path: string,
  running: ModelOptions,
  isRequired: boolean,
): Promise<OpenedDecoder> {
  const proof = await provenDevice({ kind: 'files', path }, running, isRequired);
  return { decoder: await openDecoder(path, running), proof, name: given?.name ?? bundle.name, served: null };
}

async function openBehindServer(
  { reference, allowsPrefixCache }: Pick<ServedRequest, 'reference' | 'allowsPrefixCache'>,
  { tokenizer }: FoundModels,
  path: string,
  needs: Pick<ServedRequest, 'isDeviceRequired' | 'softTokens'>,
  clock: Clock,
  onNote: ((line: string) => void) | undefined,
): Promise<OpenedDecoder> {
  const request = { reference, path, tokenizerPath: tokenizer?.path, allowsPrefixCache, ...needs };
  const { decoder, proof, facts, notes, times } = await openServed(request, clock);
  for (const note of notes) onNote?.(note);
  return { decoder, proof, name: servedName(facts), served: { facts, times } };
}

/** How the decoder is prompted: as the user says, else as its bundle says, else as its vocabulary looks. */
function formatFor(
  said: Pick<ModelSelection, 'promptFamily' | 'promptTemplate'> & {
    readonly stated: PromptFamily | undefined;
  },
  tokenizer: Tokenizer,
  facts: DecoderFacts,
  onNote: ((line: string) => void) | undefined,
): PromptFormat {
  if (said.promptTemplate !== undefined) return templateFormat(said.promptTemplate, tokenizer, facts);
  const given = said.promptFamily ?? said.stated;
  if (given !== undefined) return promptFormat(given, tokenizer, facts);
  const family = recognizeFamily(tokenizer, facts);
  const doubt = familyDoubt(family, facts);
  if (doubt !== null) onNote?.(`prompts are those of ${family}; ${doubt}`);
  return promptFormat(family, tokenizer, facts);
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

async function openCompression(opening: Opening, decoder: PromptedDecoder): Promise<LoadedCompression> {
  const { selection, found, running, keep } = opening;
  const { bundle } = found;
  const path = found.projector?.path ?? bundle.projector.path;
  const layers = found.projector === null ? bundle.projector.layers : undefined;
  const projector = keep(await openProjector(path, running, layers));
  const loaded = await openOwnEncoder(opening, decoder);
  const own =
    found.encoder === null ? bundle.encoder : encoderConventions(found.encoder.path, loaded.tokenizer);
  warnOfOthers(opening, decoder, loaded);
  const conventions = {
    input: selection.encoderInput ?? own.input,
    maxTokens: Math.min(own.maxTokens, loaded.encoder.maxTokens),
    normalize: own.normalize,
  };
  return { ...loaded, projector, conventions };
}

/** The one that was asked for, or that of the bundle; one that belongs to another decoder is left to its bundle. */
async function openSoftPrompt(
  { softPrompt, decoder, bundle }: FoundModels,
  width: number,
): Promise<LoadedSoftPrompt | null> {
  const own = decoder === null ? bundle.softPrompt?.path : undefined;
  const path = softPrompt?.path ?? own;
  if (path === undefined) return null;
  const vectors = await readSoftPrompt(path, width);
  return { vectors, identity: await identityOf('soft prompt', [path]) };
}

/**
 * Soft tokens of a chunk. Where they are not made but only counted, they are those of the projector that
 * `compressed` would use; another decoder without a projector has none.
 */
async function softLength(
  { found }: Opening,
  needs: ModelNeeds,
  compression: LoadedCompression | null,
  decoder: Decoder,
): Promise<number> {
  if (compression !== null) {
    return checkProjectorFits(compression.projector, compression.encoder, decoder);
  }
  const ownProjector = found.decoder === null ? found.bundle.projector.path : null;
  const path = found.projector?.path ?? ownProjector;
  if (!needs.softLength || path === null) return 1;
  return checkProjectorFits(await projectorWidths(path), null, decoder);
}

/** One encoder serves both purposes where both want the same. */
async function openRetrieverEncoder(
  opening: Opening,
  decoder: PromptedDecoder,
  compression: LoadedCompression | null,
): Promise<LoadedEncoder> {
  const { retrieverEncoder } = opening.found;
  const own = encoderDir(opening.found);
  if (retrieverEncoder === null || retrieverEncoder.path === own) {
    return compression ?? (await openOwnEncoder(opening, decoder));
  }
  return openNamed(opening, retrieverEncoder.path);
}

/** The folder of the encoder in use; null where it is the beginning of the decoder. */
function encoderDir({ encoder, bundle }: FoundModels): string | null {
  if (encoder !== null) return encoder.path;
  return bundle.encoder.kind === 'files' ? bundle.encoder.path : null;
}

/** The encoder that the user gives, or the bundle's. */
async function openOwnEncoder(opening: Opening, decoder: PromptedDecoder): Promise<LoadedEncoder> {
  const { found, running, keep } = opening;
  const dir = encoderDir(found);
  if (dir !== null) return openNamed(opening, dir);
  // The beginning is that of the decoder that runs, which may replace the bundle's.
  const path = found.decoder?.path ?? found.bundle.decoder.path;
  const bundle = { ...found.bundle, decoder: { ...found.bundle.decoder, path } };
  const encoder = keep(await openBundleEncoder(bundle, decoder.decoder, running));
  return { name: found.bundle.name, encoder, tokenizer: decoder.tokenizer };
}

/** Says where a projector is used with other weights than those it was trained with. */
function warnOfOthers(
  { found: { bundle, projector }, running }: Opening,
  { decoder }: PromptedDecoder,
  { encoder }: LoadedEncoder,
): void {
  if (projector !== null || bundle.trainedFor === undefined) return;
  for (const [part, { identity }] of [
    ['decoder', decoder],
    ['encoder', encoder],
  ] as const) {
    if (bundle.trainedFor[part] === identity) continue;
    running.onNote?.(
      `${bundle.name}: its projector was trained with other weights of the ${part}; ` +
        'the same model in another precision will do, another model will not',
    );
  }
}

async function openNamed({ found, running, keep }: Opening, dir: string): Promise<LoadedEncoder> {
  const given = [found.encoder, found.retrieverEncoder].find((model) => model?.path === dir);
  const loaded = await loadEncoder(dir, given?.name ?? found.bundle.name, running);
  keep(loaded.encoder);
  return loaded;
}

/** Identities of what is open, as a run's spec has them. */
export function modelIds({
  decoder,
  compression,
  softPrompt,
  retrieverEncoder,
}: LoadedModels): RunSpec['models'] {
  return {
    decoder: decoder.decoder.identity,
    decoderTokenizer: decoder.tokenizer.identity,
    promptFamily: decoder.format.name,
    compression:
      compression === null
        ? null
        : {
            encoder: compression.encoder.identity,
            encoderTokenizer: compression.tokenizer.identity,
            projector: compression.projector.identity,
            ...compression.conventions,
          },
    retrieverEncoder:
      retrieverEncoder === null
        ? null
        : { encoder: retrieverEncoder.encoder.identity, tokenizer: retrieverEncoder.tokenizer.identity },
    ...(softPrompt === null
      ? {}
      : { softPrompt: { identity: softPrompt.identity, tokens: softPrompt.vectors.rows } }),
  };
}
