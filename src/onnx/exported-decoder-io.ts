/**
 * @file How a ready-made decoder export is fed, read from its inputs and outputs.
 */

import { DATA_TYPE, type ExportedModel, type ExportedValue } from './exported-model.js';

/** The program cannot enter this export by embeddings. The message says which part stands in the way. */
export class ExportError extends Error {}

/** One layer's cache: its names as input and output. */
export interface ExportedCache {
  readonly past: string;
  readonly present: string;
}

/** How a decoder graph is fed, as read from its inputs and outputs. */
export interface ExportedDecoderIo {
  /** float32 [1, T, C]. */
  readonly embeddings: 'inputs_embeds';
  /** float32 [1, T or N, V], for N positions asked for. */
  readonly logits: string;
  /** Keys and values of all layers. */
  readonly caches: readonly ExportedCache[];
  /** [1, K, 0, D] of an empty cache. */
  readonly emptyCache: readonly [1, number, 0, number];
  readonly cacheType: 'float32' | 'float16';
  /** Of the inputs that only describe positions, those the graph has. */
  readonly positions: readonly PositionInput[];
  /** V where the graph states it. */
  readonly vocabularySize: number | null;
  /** The input that names the new positions with logits, int64 [N], where the rewriting added one. */
  readonly scoredPositions: string | null;
  /** Whether logits come for the positions asked for only; else they come for all, which is slower. */
  readonly scoresAskedOnly: boolean;
}

/**
 * Inputs that follow from the numbers of past and new positions: a mask of ones over all positions, the index of each
 * new position (as row or as list), and how many positions shall have logits.
 */
const POSITION_INPUTS = [
  'attention_mask',
  'position_ids',
  'cache_position',
  'num_logits_to_keep',
  'logits_to_keep',
] as const;
export type PositionInput = (typeof POSITION_INPUTS)[number];

export const IDS = 'input_ids';
export const EMBEDDINGS = 'inputs_embeds';

/** Whether a graph takes embeddings already. */
export function takesEmbeddings(model: ExportedModel): boolean {
  return model.inputs.some(({ name }) => name === EMBEDDINGS);
}

/**
 * Reads how a decoder is fed.
 *
 * @throws {ExportError} If an input is unknown, or there is no cache or no `logits` output.
 */
export function readDecoderIo(model: ExportedModel): ExportedDecoderIo {
  if (model.inputs.some(({ name }) => name === 'use_cache_branch')) {
    throw new ExportError(
      'it chooses between two graphs by the input use_cache_branch (a merged export of an older optimum)',
    );
  }
  const logits = model.outputs.find(({ name }) => name === 'logits');
  if (logits === undefined) {
    throw new ExportError(
      `it has no output "logits" (it has ${list(model.outputs.map(({ name }) => name))})`,
    );
  }
  const outputs = new Set(model.outputs.map(({ name }) => name));
  const caches: ExportedCache[] = [];
  const positions: PositionInput[] = [];
  const unknown: string[] = [];
  let cache: ExportedValue | undefined;
  for (const input of model.inputs) {
    const { name } = input;
    const layer = /^past(?:_key_values)?\.(\d+)\.(key|value)$/.exec(name);
    if (layer !== null) {
      const present = `present.${layer[1]!}.${layer[2]!}`;
      if (!outputs.has(present)) throw new ExportError(`it has an input ${name} but no output ${present}`);
      caches.push({ past: name, present });
      cache ??= input;
    } else if (isPositionInput(name)) {
      positions.push(name);
    } else if (name !== IDS && name !== EMBEDDINGS) {
      unknown.push(name);
    }
  }
  if (unknown.length > 0) throw new ExportError(`it has inputs of unknown meaning: ${list(unknown)}`);
  if (cache === undefined) {
    throw new ExportError('it has no inputs past_key_values.*: it was exported without a cache');
  }
  const [, kvHeads, , headWidth] = cache.dims;
  if (cache.dims.length !== 4 || typeof kvHeads !== 'number' || typeof headWidth !== 'number') {
    throw new ExportError(
      `the cache ${cache.name} has shape [${cache.dims.map(String).join(', ')}], ` +
        'expected [batch, key/value heads, past, head width] with the second and fourth as numbers',
    );
  }
  const cacheType = floatType(cache.dataType);
  if (cacheType === null) throw new ExportError(`the cache ${cache.name} is neither float32 nor float16`);
  const vocabulary = logits.dims.at(-1);
  const io = {
    embeddings: EMBEDDINGS,
    logits: logits.name,
    caches,
    emptyCache: [1, kvHeads, 0, headWidth],
    cacheType,
    positions,
    vocabularySize: typeof vocabulary === 'number' ? vocabulary : null,
  } as const;
  return { ...io, scoredPositions: null, scoresAskedOnly: keepsLastLogits(io) };
}

/** Whether an input says for how many positions there shall be logits. */
export function keepsLastLogits({ positions }: Pick<ExportedDecoderIo, 'positions'>): boolean {
  return positions.includes('num_logits_to_keep') || positions.includes('logits_to_keep');
}

function isPositionInput(name: string): name is PositionInput {
  return (POSITION_INPUTS as readonly string[]).includes(name);
}

function floatType(dataType: number): 'float32' | 'float16' | null {
  if (dataType === DATA_TYPE.float32) return 'float32';
  return dataType === DATA_TYPE.float16 ? 'float16' : null;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
