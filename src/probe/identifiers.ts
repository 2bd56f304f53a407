/**
 * @file What does a soft token carry? The names of a chunk behind its soft tokens, behind those of another chunk, and
 * behind none.
 *
 * The carrier is a prompt that says nothing itself: a hole behind the mark that opens a comment, with nothing else in the
 * file, and the soft tokens of one chunk in the place of the context. In the frame of a FIM model with the context after
 * the suffix:
 *
 *   F1 `//` F2 `\n` soft tokens F3
 *
 * A name is scored as ` name` behind the carrier, each name by itself, so that no name is told by another. Names are the
 * chunk's words outside quotes that are no keywords, of three letters or more, and that the other chunk does not hold.
 * The recall is the share of these names that a greedy continuation of the carrier holds.
 */

import { languageFacts, type Language } from '../domain/languages.js';
import { wordsOf } from '../domain/text.js';
import type { TokenId } from '../domain/units.js';
import type { ContinuationScorer } from '../inference/decoder.js';
import { identifiers } from '../metrics/cceval.js';
import type { Compressor } from '../pipelines/compressor.js';
import { assemblePrompt, type AssembledPrompt } from '../prompt/assemble.js';
import type { Matrix } from '../tensor/matrix.js';
import { pooledSoftTokens, softTokensOf, type ChunkPool, type OtherChunks } from './chunk-pool.js';
import {
  afterPrompt,
  continued,
  orNull,
  shownPrompt,
  type ProbedDecoder,
  type ShownPrompt,
} from './decoder-parts.js';

/** Behind which soft tokens the names of a chunk are looked for. */
export const CARRIED = ['own', 'other', 'none'] as const;
export type Carried = (typeof CARRIED)[number];

/** Shorter names say little. */
const LEAST_CHARACTERS = 3;
/** Names of a chunk that are scored, spread evenly over it. Each costs a prompt of a few tokens. */
const MOST_SCORED = 16;

/** What some soft tokens say of the names of a chunk. */
export interface CarriedReading {
  /** Of the scored names, a token; null where it was not measured. */
  readonly nats: number | null;
  /** Names in the continuation. */
  readonly recalled: number;
}

/** The readings of one chunk. */
export interface CarriedChunk {
  /** The task that it was found for. */
  readonly taskId: string;
  readonly repository: string;
  /** Names that are looked for. */
  readonly names: number;
  /** Tokens of the names that are scored. */
  readonly scoredTokens: number;
  readonly readings: Readonly<Record<Carried, CarriedReading>>;
}

/** A chunk whose names are looked for. */
export interface SampledChunk {
  readonly taskId: string;
  readonly repository: string;
  readonly language: Language;
  readonly text: string;
}

/** What all chunks are read with. */
export interface CarrierParts extends ProbedDecoder {
  readonly compressor: Compressor;
  readonly pool: ChunkPool;
  readonly others: OtherChunks;
  /** Tokens of a continuation, at most. */
  readonly recallTokens: number;
  readonly seed: number;
}

/** Reads one chunk; null if it has no name that the other chunk lacks, or there is no other chunk. */
export async function readCarried(chunk: SampledChunk, parts: CarrierParts): Promise<CarriedChunk | null> {
  const { pool, others, seed } = parts;
  const { taskId, repository, language, text } = chunk;
  const drawn = others.draw({ repository, language, own: new Set([text]) }, [seed, 'other carrier', taskId]);
  if (drawn === null) return null;
  const names = namesOf(chunk, pool.chunks[drawn]!.text);
  if (names.length === 0) return null;
  const { tokenizer } = parts.setting;
  const scored = spread(names, MOST_SCORED).map((name) => tokenizer.encode(` ${name}`));
  const read = (soft: Matrix | null): Promise<CarriedReading> =>
    readCarrier(language, soft, { names: new Set(names), scored }, parts);
  return {
    ...{ taskId, repository, names: names.length },
    scoredTokens: scored.reduce((sum, ids) => sum + ids.length, 0),
    readings: {
      own: await read(await softTokensOf(text, parts.compressor)),
      other: await read(pooledSoftTokens(pool, drawn)),
      none: await read(null),
    },
  };
}

/** The names of a chunk that another chunk does not hold, each once, in the order of the chunk. */
export function namesOf(
  { text, language }: Pick<SampledChunk, 'text' | 'language'>,
  other: string,
): string[] {
  const elsewhere = new Set(wordsOf(other));
  return [...new Set(identifiers(text, language))].filter(
    (name) => name.length >= LEAST_CHARACTERS && !elsewhere.has(name),
  );
}

/** At most `n` items, at even distances. @example spread(['a', 'b', 'c', 'd'], 2) // => ['a', 'c'] */
export function spread<T>(items: readonly T[], n: number): T[] {
  if (items.length <= n) return [...items];
  return Array.from({ length: n }, (_, i) => items[Math.floor((i * items.length) / n)]!);
}

/** The carrier with places for `count` soft tokens. */
export function carrierPrompt(
  language: Language,
  count: number,
  { tokenizer, format, placement }: Pick<CarrierParts['setting'], 'tokenizer' | 'format' | 'placement'>,
): AssembledPrompt {
  const { comment } = languageFacts(language);
  return assemblePrompt(format, {
    left: tokenizer.encode(format.startsWithBlank ? ` ${comment}` : comment),
    right: tokenizer.encode('\n'),
    context: count === 0 ? { kind: 'none' } : { kind: 'soft', count },
    placement,
  });
}

/** What is looked for behind a carrier. */
interface Wanted {
  readonly names: ReadonlySet<string>;
  /** Ids of the names that are scored. */
  readonly scored: readonly (readonly TokenId[])[];
}

async function readCarrier(
  language: Language,
  soft: Matrix | null,
  { names, scored }: Wanted,
  parts: CarrierParts,
): Promise<CarriedReading> {
  const { setting, recallTokens, likelihood } = parts;
  const shown = shownPrompt(carrierPrompt(language, soft?.rows ?? 0, setting), soft, parts);
  const stop = { tokens: setting.format.stop, maxNewTokens: recallTokens, isSettled: () => false };
  const tokens = await afterPrompt(shown, parts, (step) => continued(step, parts, stop));
  const written = new Set(wordsOf(setting.tokenizer.decode(tokens)));
  const recalled = [...names].filter((name) => written.has(name)).length;
  return {
    nats: likelihood === null ? null : await orNull(natsOf(scored, shown, parts, likelihood.scorer)),
    recalled,
  };
}

/** Nats of names behind a carrier, a token over all of them. */
async function natsOf(
  scored: Wanted['scored'],
  shown: ShownPrompt,
  parts: CarrierParts,
  scorer: ContinuationScorer,
): Promise<number> {
  let [nats, tokens] = [0, 0];
  for (const ids of scored) {
    // The carrier is read for each name: the logits of a step are gone with the next call.
    const logs = await afterPrompt(shown, parts, (step) => scorer.logProbabilities({ ids, end: null }, step));
    if (logs === null) throw new RangeError('the decoder gives no probabilities behind this prompt');
    // A certain token has the logarithm 0, which must not become -0.
    nats += Math.max(0, -logs.reduce((sum, log) => sum + log, 0));
    tokens += ids.length;
  }
  return nats / tokens;
}
