/**
 * @file Pipelines: the ways in which retrieved chunks reach the decoder.
 *
 * A pipeline turns a task and its chunks into a prompt, and says what that cost. Everything after
 * that (prefill, decoding, scoring) is the same code for all of them, on the same decoder.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import type { CompletionTask } from '../domain/task.js';
import type { Ms } from '../domain/units.js';
import type { Prompt } from '../prompt/assemble.js';
import type { InFileContext } from './in-file.js';
import type { Matrix } from '../tensor/matrix.js';

export const PIPELINES = ['no-context', 'full-rag', 'budget-rag', 'compressed', 'compressed-random'] as const;
export type PipelineName = (typeof PIPELINES)[number];

/** Those of a run that names none. */
export const DEFAULT_PIPELINES: readonly PipelineName[] = ['no-context', 'full-rag', 'compressed'];

/** Whether a pipeline shows the decoder anything that was retrieved. */
export function usesRetrieval(name: PipelineName): boolean {
  switch (name) {
    case 'no-context':
      return false;
    case 'full-rag':
    case 'budget-rag':
    case 'compressed':
    case 'compressed-random':
      return true;
  }
}

/** Whether a pipeline shows soft tokens, and so needs a projector. */
export function usesSoftTokens(name: PipelineName): boolean {
  switch (name) {
    case 'no-context':
    case 'full-rag':
    case 'budget-rag':
      return false;
    case 'compressed':
    case 'compressed-random':
      return true;
  }
}

/** How much cross-file text a prompt holds. */
export interface ContextText {
  readonly tokens: number;
  /** UTF-16 units of the block that those tokens spell, from its start. */
  readonly characters: number;
}

/** Of a prompt without cross-file text. */
export const NO_TEXT: ContextText = { tokens: 0, characters: 0 };

/** A prompt ready to be handed to the decoder, and the time each stage took to make it. */
export interface PreparedPrompt {
  readonly prompt: Prompt;
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
