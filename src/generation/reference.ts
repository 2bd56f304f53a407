/**
 * @file The true completion of a task as the decoder would write it: what its likelihood is measured on.
 *
 * Flow: task -> **text up to the profile's cut -> ids and an end** -> teacher-forced pass -> nats.
 *
 * EM and ES see the one completion that greedy decoding picks. The likelihood of the true completion sees every change
 * of the decoder's mind, so that it shows effects with far fewer tasks. A completion is written and then ended, and the
 * two are told apart: a prompt can make a decoder better at ending a line and no better at writing it.
 *
 * The ids of a line and its end depend on each other. Vocabularies have tokens such as `);\n` that hold both, so that a
 * line is encoded together with its line end. Decoders that were trained to fill in the middle end in one of two ways:
 * by a stop token, since the line end is in the code behind the hole, or by a line end all the same.
 * `reference-end.ts` finds out which.
 */

import type { CompletionTask } from '../domain/task.js';
import type { TokenId } from '../domain/units.js';
import type { Continuation } from '../inference/decoder.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import { showsSuffix, type PromptFormat } from '../prompt/fim.js';
import { textStream } from './text-stream.js';

/** How a decoder ends a line that it fills in: by a stop token, or by the line end that stands behind the hole too. */
export const REFERENCE_ENDS = ['stop-token', 'line-end'] as const;
export type ReferenceEnd = (typeof REFERENCE_ENDS)[number];

/** The true completion in ids. */
export interface Reference extends Continuation {
  /** Code points of the text without its end: the same for every decoder. */
  readonly characters: number;
  /** Whether the last number of a likelihood holds the end: the stop token, or the token with the line end. */
  readonly hasEnd: boolean;
  /** The text of each id, and an empty text for a stop token. */
  readonly pieces: readonly string[];
}

/** What decides the ids of a reference. */
export interface ReferenceSetting {
  readonly tokenizer: Tokenizer;
  readonly format: Pick<PromptFormat, 'parts' | 'stop'>;
  readonly end: ReferenceEnd;
  /**
   * Told what is written so far, says whether nothing that follows would be compared. It is asked at every line end, in
   * order. Null where everything is compared.
   */
  readonly isSettled: ((text: string) => boolean) | null;
}

/**
 * The reference of a task, up to the first line end at which the profile has all it compares.
 *
 * A line end belongs to it if one follows in the file: in the reference itself, in the code behind the hole, or at the
 * end of the file. A hole that ends within a line is ended by a stop token; a decoder without markers never ends there.
 *
 * @returns Null if there is neither an id nor an end.
 * @example
 * // reference `f(x);`, behind it a line end, a decoder that ends lines by a line end: the ids of `f(x);\n`
 * // the same for a decoder that ends them by a stop token: the ids of `f(x);`, and the stop token as end
 */
export function referenceOf(
  { reference, suffix }: Pick<CompletionTask, 'reference' | 'suffix'>,
  { tokenizer, format, end, isSettled }: ReferenceSetting,
): Reference | null {
  const cut = cutAtLineEnd(reference, isSettled);
  const text = cut?.text ?? reference;
  const lineEnd = cut?.lineEnd ?? lineEndAt(suffix);
  // What the file goes on with is a matter of the file: a decoder stops only where the hole stops.
  const endsByStop = canStop(format) && cut === null && (lineEnd === null || end === 'stop-token');
  const ids = tokenizer.encode(endsByStop || lineEnd === null ? text : text + lineEnd);
  if (ids.length === 0 && !endsByStop) return null;
  return {
    ids,
    end: endsByStop ? format.stop : null,
    characters: Array.from(text).length,
    hasEnd: endsByStop || lineEnd !== null,
    pieces: [...piecesOf(ids, tokenizer), ...(endsByStop ? [''] : [])],
  };
}

/** Whether a decoder can end a hole by a stop token: it sees what follows the hole, and there is such a token. */
export function canStop(format: Pick<PromptFormat, 'parts' | 'stop'>): boolean {
  return showsSuffix(format) && format.stop.size > 0;
}

/** The text before the first line end at which everything compared is there; null if that never happens. */
function cutAtLineEnd(
  reference: string,
  isSettled: ReferenceSetting['isSettled'],
): { readonly text: string; readonly lineEnd: string } | null {
  if (isSettled === null) return null;
  for (const { index, 0: lineEnd } of reference.matchAll(/\r?\n/g)) {
    if (isSettled(reference.slice(0, index + lineEnd.length)))
      return { text: reference.slice(0, index), lineEnd };
  }
  return null;
}

/** The line end that code behind a hole begins with, or that a file without such code would end with; null if neither. */
function lineEndAt(suffix: string): string | null {
  if (suffix === '') return '\n';
  return /^\r?\n/.exec(suffix)?.[0] ?? null;
}

/** The text that each id adds. Bytes of a character that is not complete add nothing until it is. */
function piecesOf(ids: readonly TokenId[], tokenizer: Tokenizer): string[] {
  const text = textStream(tokenizer);
  let shown = 0;
  return ids.map((id) => {
    const whole = text(id).replace(/\ufffd+$/, '');
    const piece = whole.slice(shown);
    shown = Math.max(shown, whole.length);
    return piece;
  });
}
