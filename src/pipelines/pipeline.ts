/**
 * @file Pipelines: the ways in which retrieved chunks reach the decoder.
 *
 * A pipeline turns a task and its chunks into a prompt, and says what that cost. Everything after
 * that (prefill, decoding, scoring) is the same code for all of them, on the same decoder.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import type { Ms } from '../domain/units.js';
import type { Decoder } from '../inference/decoder.js';
import type { AssembledPrompt } from '../prompt/assemble.js';
import type { Matrix } from '../tensor/matrix.js';
import type { Compressor } from './compressor.js';
import type { InFileContext, PromptSetting } from './in-file.js';
import type { PipelineName } from './kinds.js';

/** How much cross-file text a prompt holds. */
export interface ContextText {
  readonly tokens: number;
  /** UTF-16 units of the block that those tokens spell, from its start. */
  readonly characters: number;
  /** The text itself, where the pipeline makes it in its own way (`own-text`); records hold it then. */
  readonly own?: string;
}

/** Of a prompt without cross-file text. */
export const NO_TEXT: ContextText = { tokens: 0, characters: 0 };

/** A prompt ready to be handed to the decoder, and the time each stage took to make it. */
export interface PreparedPrompt {
  readonly prompt: AssembledPrompt;
  /** Soft tokens, one row a slot; null where the pipeline has none. */
  readonly soft: Matrix | null;
  readonly text: ContextText;
  /** The same in all pipelines. */
  readonly inFile: InFileContext;
  readonly tokenizeMs: Ms;
  readonly encodeMs: Ms;
  readonly projectMs: Ms;
  /** Calls of the decoder by which the pipeline chose what it shows; absent where it made none. */
  readonly modelMs?: Ms;
}

export interface Pipeline {
  readonly name: PipelineName;
  /**
   * Makes the prompt from nothing: no token list, vector or soft token of an earlier call is reused, so
   * that the stage times are those of chunks never seen before. The tokenizer's own table of words it
   * has split is warm, as it is in any running process.
   *
   * @param chunks Best first; may be empty, which gives the prompt without context.
   */
  prepare(task: CompletionTask, chunks: readonly RetrievedChunk[]): Promise<PreparedPrompt>;
  /** Loads what the pipeline needs besides models; awaited before the first task. Absent where it needs nothing. */
  readonly ready?: () => Promise<void>;
}

/** What pipelines are made from. Each takes what it needs and asks for nothing else. */
export interface PipelineResources {
  readonly setting: PromptSetting;
  /** The tuned constant prompt of the run, [n, C]; null without one. */
  readonly softPrompt: Matrix | null;
  /** Of the run: what is random in a pipeline comes from it. */
  readonly seed: number;
  /** Soft tokens that a chunk has, or would have in a pipeline that shows none. */
  readonly tokensPerChunk: number;
  /** By what the text budget is divided; null where texts have the length of soft tokens. */
  readonly compressionRatio: number | null;
  /** Chunks that a pipeline of both shows as text; the others are its soft tokens. */
  readonly expandedChunks: number;
  /**
   * In how many chunks of a repository each word stands; empty for a repository that nobody searched. Whoever makes a
   * pipeline asks for it then, so that the counting is index-time work.
   */
  readonly wordCounts: () => (repository: string) => WordCounts;
  /**
   * What turns chunks into soft tokens. Only pipelines that show soft tokens call it: a run without them has none.
   *
   * @throws {RangeError} If the models were loaded without it.
   */
  readonly compressor: () => Compressor;
  /** The decoder of the run. Only a pipeline whose row says that it needs the scorer may run it. */
  readonly decoder: () => Pick<Decoder, 'width' | 'scorer' | 'embed' | 'prefill' | 'wire'>;
}

/** How many chunks of a repository there are, and how many of them have a word. */
export interface WordCounts {
  readonly chunks: number;
  readonly of: (word: string) => number;
}

/**
 * Tokens of text that a pipeline shows that obeys compression ratios: as many as soft tokens would take, or the
 * cross-file budget divided by the ratio, whole tokens, at least one.
 *
 * @example textBudget({ tokensPerChunk: 1, compressionRatio: null, setting }, 10) // => 10
 * @example // 512 context tokens at a ratio of 8 give 64, however many chunks there are
 */
export function textBudget(
  resources: Pick<PipelineResources, 'setting' | 'tokensPerChunk' | 'compressionRatio'>,
  chunks: number,
): number {
  const { setting, compressionRatio } = resources;
  if (compressionRatio === null) return chunks * resources.tokensPerChunk;
  return Math.max(1, Math.floor(setting.budget.contextTokens / compressionRatio));
}

/** Makes a pipeline of one run. */
export type PipelineFactory = (resources: PipelineResources) => Pipeline;
