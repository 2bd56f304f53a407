/**
 * @file Pipelines that say what stands in the context, part by part: text, token ids or vectors, in any order.
 *
 * Such a pipeline measures nothing and puts no prompt together. This file does both: it cuts text to the budget, places
 * the parts, checks the vectors and divides the time among the stages. The pipelines of plug-ins are made this way.
 *
 * Shape letters: C decoder width.
 */

import type { RetrievedChunk } from '../domain/chunk.js';
import { stopwatch } from '../domain/clock.js';
import type { CompletionTask } from '../domain/task.js';
import { addMs, ms, type Ms, type TokenId } from '../domain/units.js';
import { prefillText } from '../generation/generate.js';
import { splitSoftTokens } from '../inference/soft-tokens.js';
import { assemblePrompt, type PromptContext } from '../prompt/assemble.js';
import { encoderInput } from '../prompt/encoder-input.js';
import { encodeHead } from '../prompt/truncate.js';
import { normalizeRows, stackRows, type Matrix } from '../tensor/matrix.js';
import { inFileContext, type InFileContext } from './in-file.js';
import { kindOf, type PipelineName } from './kinds.js';
import { textBudget, type Pipeline, type PipelineResources, type PreparedPrompt } from './pipeline.js';

/** One part of a context. */
export type ContextPart =
  /** Tokenized by itself. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ids'; readonly ids: readonly TokenId[] }
  /** Rows that stand in the places of token embeddings, [n, C]. */
  | { readonly kind: 'vectors'; readonly vectors: Matrix };

/** What a pipeline of parts works with while it makes one prompt. */
export interface PartTools {
  /**
   * Most tokens of text and ids that the prompt holds; what is more is cut off the end. It is the cross-file budget
   * (`--context-tokens`). For a pipeline that obeys compression ratios it is what `textBudget` says.
   */
  readonly budgetTokens: number;
  /** The code around the hole, as every prompt of the task holds it. */
  readonly inFile: InFileContext;
  /** Of the run: whatever is random comes from it. */
  readonly seed: number;
  /** Soft tokens that a chunk has, or would have. */
  readonly tokensPerChunk: number;
  /** C. */
  readonly width: number;
  /** Ids of a text, as {@link ContextPart} has them. */
  encode(text: string): TokenId[];
  /** The first `limit` ids of a text, without tokenizing all of it. */
  encodeHead(text: string, limit: number): TokenId[];
  /** The text of ids. */
  decode(ids: readonly TokenId[]): string;
  /**
   * The chunks as soft tokens, by the encoder and the projector of the run: [k n, C], k rows a chunk. Their times are
   * stages of their own.
   *
   * @throws {RangeError} If the row of the pipeline does not say that it needs vectors.
   */
  softTokens(chunks: readonly RetrievedChunk[]): Promise<Matrix>;
  /**
   * How surprising ids are to the decoder behind others, in nats: the sum of -log p over `ids`. Its time is the stage of
   * model calls.
   *
   * @param before At least one id, the beginning of a sequence included.
   * @throws {RangeError} If the row of the pipeline does not say that it needs the scorer.
   */
  nats(before: readonly TokenId[], ids: readonly TokenId[]): Promise<number>;
}

/** Makes the context of one prompt. */
export type MakeParts = (
  task: CompletionTask,
  chunks: readonly RetrievedChunk[],
  tools: PartTools,
) => readonly ContextPart[] | Promise<readonly ContextPart[]>;

/**
 * Makes a pipeline of what it shows. Its row says that it shows text of its own, vectors, or both.
 *
 * @param ready Loads what the making needs.
 */
export function partsPipeline(
  name: PipelineName,
  resources: PipelineResources,
  make: MakeParts,
  ready?: () => Promise<void>,
): Pipeline {
  const { setting } = resources;
  return {
    name,
    ...(ready === undefined ? {} : { ready }),
    async prepare(task, chunks) {
      const working = stopwatch(setting.clock);
      const inFile = inFileContext(setting, task);
      const spent = { encodeMs: ms(0), projectMs: ms(0), modelMs: ms(0) };
      const tools = toolsOf(name, resources, chunks.length, inFile, spent);
      const placed = placeParts(await make(task, chunks, tools), tools);
      const { format, placement } = setting;
      const context = { kind: 'mixed', parts: placed.map(({ context }) => context) } as const;
      const prompt = assemblePrompt(format, { ...inFile, context, placement });
      const { encodeMs, projectMs, modelMs } = spent;
      const tokenizeMs = less(working(), addMs(encodeMs, projectMs, modelMs));
      const soft = joined(
        placed.flatMap(({ vectors }) => vectors ?? []),
        tools.width,
      );
      const { shows, needs } = kindOf(name);
      const showsSoft = shows.includes('soft-tokens');
      if (soft.rows > 0 && !showsSoft) {
        throw new RangeError(`${name} returned vectors, and its row does not say that it shows soft tokens`);
      }
      return {
        ...{ prompt, inFile, tokenizeMs, encodeMs, projectMs },
        ...(needs.scorer === true ? { modelMs } : {}),
        soft: soft.rows === 0 && !showsSoft ? null : soft,
        text: shownText(placed, tools),
      };
    },
  };
}

/** Time that went into stages of their own. */
interface Spent {
  encodeMs: Ms;
  projectMs: Ms;
  modelMs: Ms;
}

function toolsOf(
  name: PipelineName,
  resources: PipelineResources,
  chunkCount: number,
  inFile: InFileContext,
  spent: Spent,
): PartTools {
  const { setting, seed, compressor, decoder } = resources;
  const { tokenizer, clock, budget } = setting;
  const { softTokens, scorer } = kindOf(name).needs;
  return {
    ...{ inFile, seed },
    get tokensPerChunk() {
      return resources.tokensPerChunk;
    },
    budgetTokens: softTokens === 'length' ? textBudget(resources, chunkCount) : budget.contextTokens,
    get width() {
      return decoder().width;
    },
    encode: (text) => tokenizer.encode(text),
    encodeHead: (text, limit) => encodeHead(tokenizer, text, limit),
    decode: (ids) => tokenizer.decode(ids),
    async softTokens(chunks) {
      if (softTokens !== 'vectors') {
        throw new RangeError(`${name} asks for soft tokens, and its row does not say that it needs vectors`);
      }
      const { encoder, tokenizer: own, template, projector, normalize, tokensPerChunk } = compressor();
      const inputs = chunks.map(({ text }) =>
        encoderInput(template, encodeHead(own, text, template.maxTokens)),
      );
      const encoding = stopwatch(clock);
      const vectors = await encoder.encode(inputs);
      spent.encodeMs = addMs(spent.encodeMs, encoding());
      const projecting = stopwatch(clock);
      const projected = await projector.project(normalize ? normalizeRows(vectors) : vectors);
      spent.projectMs = addMs(spent.projectMs, projecting());
      return splitSoftTokens(projected, tokensPerChunk);
    },
    async nats(before, ids) {
      const model = decoder();
      if (scorer !== true || model.scorer === null) {
        throw new RangeError(
          `${name} asks for probabilities, and its row does not say that it needs the scorer`,
        );
      }
      const calling = stopwatch(clock);
      const step = await prefillText(model, before);
      try {
        const logs = await model.scorer.logProbabilities({ ids, end: null }, step);
        if (logs === null) throw new RangeError('the decoder gives no probabilities behind a prompt of text');
        return -logs.slice(0, ids.length).reduce((sum, log) => sum + log, 0);
      } finally {
        step.cache.dispose();
        spent.modelMs = addMs(spent.modelMs, calling());
      }
    },
  };
}

/** A part in the prompt. */
interface Placed {
  readonly context: Extract<PromptContext, { readonly kind: 'text' | 'soft' }>;
  /** Null for text. */
  readonly vectors: Matrix | null;
  /** What the ids of a text part were made from; null for ids and vectors. */
  readonly source: string | null;
}

/** Cuts text and ids to the budget, from the first part on. */
function placeParts(parts: readonly ContextPart[], tools: PartTools): Placed[] {
  let left = tools.budgetTokens;
  return parts.map((part): Placed => {
    switch (part.kind) {
      case 'text':
      case 'ids': {
        const ids = part.kind === 'text' ? tools.encodeHead(part.text, left) : part.ids.slice(0, left);
        left -= ids.length;
        return {
          context: { kind: 'text', ids },
          vectors: null,
          source: part.kind === 'text' ? part.text : null,
        };
      }
      case 'vectors':
        return {
          context: { kind: 'soft', count: part.vectors.rows },
          vectors: part.vectors,
          source: null,
        };
    }
  });
}

/** What the text parts spell, and how many tokens they have. */
function shownText(placed: readonly Placed[], tools: PartTools): PreparedPrompt['text'] {
  let tokens = 0;
  let own = '';
  for (const { context, source } of placed) {
    if (context.kind !== 'text') continue;
    tokens += context.ids.length;
    // A cut through a character leaves bytes that spell nothing; the character is not shown.
    const spelled = tools.decode(context.ids).replace(/\ufffd+$/, '');
    own += source === null ? spelled : source.slice(0, spelled.length);
  }
  return { tokens, characters: own.length, own };
}

/**
 * Vectors below each other, in order: [n, C].
 *
 * @throws {RangeError} If some are not C wide, or hold a number that is not finite.
 */
function joined(parts: readonly Matrix[], width: number): Matrix {
  for (const { cols } of parts) {
    if (cols !== width) throw new RangeError(`vectors are ${cols} wide, and the decoder is ${width} wide`);
  }
  const all = stackRows(parts, width);
  const bad = all.data.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw new RangeError(`vector ${Math.floor(bad / width)} holds ${all.data[bad]}`);
  return all;
}

/** Never below zero: clocks have steps. */
function less(whole: Ms, part: Ms): Ms {
  return ms(Math.max(0, whole - part));
}
