/**
 * @file From the names of models to files on this machine, and the record of where they came from.
 */

import { UsageError } from '../../domain/errors.js';
import { openBundle } from '../../hub/bundle-parts.js';
import { resolveHashed, type HashedModel } from '../../hub/content-hashes.js';
import type { LocalModel, ResolveOptions } from '../../hub/resolve.js';
import type { FileRole } from '../../hub/wanted-files.js';
import { isSynthetic } from '../../model/architecture/synthetic.js';
import type { Bundle } from '../../model/folder/bundle.js';
import type { ModelSelection } from './selection.js';

/** Where the files of a model come from and what they are. */
export interface ModelSource {
  readonly role: FileRole | 'retriever-encoder' | 'constant-prompt';
  /** As the user would write it. */
  readonly reference: string;
  /** Repository and commit on the hub; null for local files. */
  readonly origin: LocalModel['origin'];
  /** SHA-256 by path. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The bundle of a run, and what replaces parts of it. A model in the place of one that the bundle names by reference is
 * the bundle's own, and so is null here.
 */
export interface FoundModels {
  readonly bundle: Bundle;
  /** For a decoder behind a server, the files of the model that it runs. */
  readonly decoder: LocalModel | null;
  readonly tokenizer: LocalModel | null;
  readonly encoder: LocalModel | null;
  readonly projector: LocalModel | null;
  readonly softPrompt: LocalModel | null;
  readonly retrieverEncoder: LocalModel | null;
  readonly sources: readonly ModelSource[];
}

/**
 * Brings every model of a selection to this machine, one after the other, and hashes what is in use.
 *
 * @throws {ModelError} If a model does not exist, may not be read, or cannot be fetched.
 * @throws {UsageError} If one of them has random weights: completions of those mean nothing.
 */
export async function findModels(selection: ModelSelection, options: ResolveOptions): Promise<FoundModels> {
  refuseSynthetic(selection);
  const sources: ModelSource[] = [];
  const note = (usedAs: ModelSource['role'], found: HashedModel): LocalModel => {
    const { model, files } = found;
    sources.push({ role: usedAs, reference: model.name, origin: model.origin, files });
    return model;
  };
  const find = async (
    reference: string | undefined,
    role: FileRole,
    usedAs: ModelSource['role'] = role,
  ): Promise<LocalModel | null> =>
    reference === undefined ? null : note(usedAs, await resolveHashed(reference, role, options));
  const model = (await find(selection.bundle, 'bundle'))!;
  const { decoderFiles, encoder } = selection;
  const decoder = decoderFiles ?? selection.decoder;
  const found = await openBundle(model, { decoder, encoder }, options);
  for (const part of ['decoder', 'encoder'] as const) {
    const named = found[part];
    if (named !== null) note(part, named);
  }
  return {
    bundle: found.bundle,
    decoder: found.decoder === null ? await find(decoder, 'decoder') : null,
    tokenizer: await find(selection.tokenizer, 'tokenizer'),
    encoder: found.encoder === null ? await find(encoder, 'encoder') : null,
    projector: await find(selection.projector, 'projector'),
    // One file of tensors, as a projector is.
    softPrompt: await find(selection.softPrompt, 'projector', 'constant-prompt'),
    retrieverEncoder: await find(selection.retrieverEncoder, 'encoder', 'retriever-encoder'),
    sources,
  };
}

/** @throws {UsageError} Naming the reference. */
function refuseSynthetic(selection: ModelSelection): void {
  const { bundle, decoder, decoderFiles, tokenizer, encoder, projector, softPrompt, retrieverEncoder } =
    selection;
  for (const reference of [
    bundle,
    decoder,
    decoderFiles,
    tokenizer,
    encoder,
    projector,
    softPrompt,
    retrieverEncoder,
  ]) {
    if (reference === undefined || !isSynthetic(reference)) continue;
    throw new UsageError(
      `${reference}: has random weights, so its completions and scores would mean nothing`,
      ['time it with --latency-only, or give a decoder that was trained'],
    );
  }
}
