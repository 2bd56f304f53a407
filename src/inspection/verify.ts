/**
 * @file Whether a model works: its hashes, and one token through it, on the CPU.
 */

import { UserError } from '../domain/errors.js';
import { openBundle } from '../hub/bundle-parts.js';
import { contentHashes } from '../hub/content-hashes.js';
import type { LocalModel, ResolveOptions } from '../hub/resolve.js';
import type { ModelRole } from '../hub/wanted-files.js';
import type { Dtype } from '../inference/device.js';
import { decoderFiles } from '../model/decoder-files.js';
import { checkProjectorFits, openDecoder, openEncoder, openProjector } from '../model/ort/open.js';
import { openBundleEncoder } from '../model/ort/open-bundle-encoder.js';
import { defaultThreads } from '../model/ort/threads.js';
import { loadTokenizer } from '../tokenizer/hf.js';
import { bringModel } from './pull.js';

/** One check of {@link verifyModel}. */
export interface ModelCheck {
  readonly check: string;
  readonly passed: boolean;
  /** For people: what was found, or why it failed. */
  readonly detail: string;
}

/** What {@link verifyModel} finds. */
export interface Verification {
  readonly reference: string;
  readonly role: ModelRole;
  readonly passed: boolean;
  /** In order; nothing is checked after a check that failed. */
  readonly checks: readonly ModelCheck[];
}

/**
 * Checks every hash of a model, opens it and runs one token.
 *
 * @param role    What it is to be used as; told from its files if undefined.
 * @param options `dtype`: what its decoder is opened in; fp32 if absent.
 * @throws {ModelError | DownloadError} If its files cannot be had; a model that is here and does not work is no error.
 * @example (await verifyModel('nano', undefined)).passed // => true
 */
export async function verifyModel(
  reference: string,
  role: ModelRole | undefined,
  options: ResolveOptions = {},
): Promise<Verification> {
  const brought = await bringModel(reference, role, options);
  const { model } = brought;
  const checks: ModelCheck[] = [];
  for (const [check, work] of [
    ['hashes', () => countHashes(model)],
    ['opens and runs', () => run(model, brought.role, options.dtype ?? 'fp32')],
  ] as const) {
    const found = await outcomeOf(check, work);
    checks.push(found);
    if (!found.passed) break;
  }
  const passed = checks.every((one) => one.passed);
  return { reference: model.name, role: brought.role, passed, checks };
}

async function outcomeOf(check: string, work: () => Promise<string>): Promise<ModelCheck> {
  try {
    return { check, passed: true, detail: await work() };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { check, passed: false, detail: error.render() };
  }
}

async function countHashes(model: LocalModel): Promise<string> {
  const count = Object.keys(await contentHashes(model)).length;
  return count === 1 ? '1 file' : `${count} files`;
}

interface OpenOptions {
  readonly device: 'cpu';
  readonly dtype: Dtype;
  readonly threads: number;
}

function run(model: LocalModel, role: ModelRole, dtype: Dtype): Promise<string> {
  const { path } = model;
  const options: OpenOptions = { device: 'cpu', dtype, threads: defaultThreads() };
  switch (role) {
    case 'decoder':
      return runDecoder(path, options);
    case 'encoder':
      return runEncoder(path, options);
    case 'projector':
      return runProjector(path, options);
    case 'bundle':
      return runBundle(model, options);
  }
}

async function runDecoder(path: string, options: OpenOptions): Promise<string> {
  const tokenizer = await decoderFiles(path).loadTokenizer();
  const decoder = await openDecoder(path, options);
  try {
    const [first] = tokenizer.encode('const');
    const step = await decoder.prefill(decoder.embed(first === undefined ? [] : [first]));
    step.cache.dispose();
    const next = JSON.stringify(tokenizer.decode([step.token]));
    return `decoder, ${decoder.width} wide; after "const" comes ${next}`;
  } finally {
    await decoder.dispose();
  }
}

async function runEncoder(path: string, options: OpenOptions): Promise<string> {
  const tokenizer = await loadTokenizer(path);
  const encoder = await openEncoder(path, options);
  try {
    await encoder.encode([tokenizer.encode('const')]);
    return `encoder, ${encoder.width} wide`;
  } finally {
    await encoder.dispose();
  }
}

async function runProjector(path: string, options: OpenOptions): Promise<string> {
  const projector = await openProjector(path, options);
  await projector.dispose();
  return `projector ${projector.layers}L, ${projector.inputWidth} -> ${projector.outputWidth}`;
}

async function runBundle(model: LocalModel, options: OpenOptions): Promise<string> {
  const { bundle } = await openBundle(model, { decoder: undefined, encoder: undefined }, {});
  const opened: { dispose(): Promise<void> }[] = [];
  const keep = <T extends { dispose(): Promise<void> }>(part: T): T => {
    opened.push(part);
    return part;
  };
  try {
    const decoder = keep(await openDecoder(bundle.decoder.path, options));
    const encoder = keep(await openBundleEncoder(bundle, decoder, options));
    const projector = keep(await openProjector(bundle.projector.path, options, bundle.projector.layers));
    checkProjectorFits(projector, encoder, decoder);
    return `decoder ${decoder.width}, encoder ${encoder.width}, projector ${projector.layers}L: they fit`;
  } finally {
    for (const part of opened) await part.dispose();
  }
}
