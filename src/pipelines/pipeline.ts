/**
 * @file Pipelines: the ways in which retrieved chunks reach the decoder.
 *
 * A pipeline turns a task and its chunks into a prompt, and says what that cost. Everything after
 * that (prefill, decoding, scoring) is the same code for all of them, on the same decoder.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import type { Ms } from '../domain/units.js';
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
  /**
   * What turns chunks into soft tokens. Only pipelines that show soft tokens call it: a run without them has none.
   *
   * @throws {RangeError} If the models were loaded without it.
   */
  readonly compressor: () => Compressor;
}

/** Makes a pipeline of one run. */
export type PipelineFactory = (resources: PipelineResources) => Pipeline;
