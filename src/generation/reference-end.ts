/**
 * @file Finds out how a decoder ends a line that it fills in: by a stop token, or by a line end.
 *
 * Both are right by the training of some model family. A model that was trained on lines cut out of files stops, since
 * the line end stands behind the hole. A general one often writes the line end all the same. Measured the wrong way, the
 * end alone would cost more nats than the line. So the decoder is asked: the likelihoods of both endings of a few known
 * lines are summed, and the likelier ending is its own. The answer is a property of the decoder and its prompt format,
 * and part of a run's settings.
 */

import type { ContinuationScorer, Decoder } from '../inference/decoder.js';
import type { Tokenizer } from '../inference/tokenizer.js';
import { assemblePrompt } from '../prompt/assemble.js';
import type { PromptFormat } from '../prompt/fim.js';
import { prefillText } from './generate.js';
import { canStop, referenceOf, REFERENCE_ENDS, type ReferenceEnd } from './reference.js';

/** A line to fill in whose true text no reader would doubt. */
interface KnownLine {
  readonly prefix: string;
  readonly line: string;
  readonly suffix: string;
}

const KNOWN_LINES: readonly KnownLine[] = [
  {
    prefix:
      'export function area(width: number, height: number): number {\n  return width * height;\n}\n\n' +
      'export function perimeter(width: number, height: number): number {\n  ',
    line: 'return 2 * (width + height);',
    suffix: '\n}\n',
  },
  {
    prefix:
      'class Counter:\n    def __init__(self):\n        self.count = 0\n\n    def increment(self):\n        ',
    line: 'self.count += 1',
    suffix: '\n\n    def reset(self):\n        self.count = 0\n',
  },
  {
    prefix: 'const names: string[] = [];\nfor (const user of users) {\n  ',
    line: 'names.push(user.name);',
    suffix: "\n}\nconsole.log(names.join(', '));\n",
  },
];

/** A decoder with what it is prompted with. */
export interface ScoredDecoder {
  readonly decoder: Pick<Decoder, 'embed' | 'prefill' | 'wire'>;
  readonly scorer: ContinuationScorer;
  readonly tokenizer: Tokenizer;
  readonly format: PromptFormat;
}

/**
 * The likelier ending; the stop token if both are alike. A decoder that is not shown the code behind the hole, or has no
 * stop token, ends lines by line ends.
 *
 * @throws {RangeError} If the decoder's probabilities are no numbers.
 */
export async function referenceEndOf(scored: ScoredDecoder): Promise<ReferenceEnd> {
  if (!canStop(scored.format)) return 'line-end';
  let stopIsLikelier = 0;
  for (const line of KNOWN_LINES) {
    const [stop, lineEnd] = await endings(line, scored);
    stopIsLikelier += stop - lineEnd;
  }
  return stopIsLikelier >= 0 ? 'stop-token' : 'line-end';
}

/** Log-probabilities of a line with each ending, in the order of `REFERENCE_ENDS`. */
async function endings(
  { prefix, line, suffix }: KnownLine,
  { decoder, scorer, tokenizer, format }: ScoredDecoder,
): Promise<readonly [stop: number, lineEnd: number]> {
  const { ids } = assemblePrompt(format, {
    left: tokenizer.encode(format.startsWithBlank ? ` ${prefix}` : prefix),
    right: tokenizer.encode(suffix),
    context: { kind: 'none' },
    placement: 'before-prefix',
  });
  const [stop, lineEnd] = REFERENCE_ENDS.map((end) =>
    referenceOf({ reference: line, suffix }, { tokenizer, format, end, isSettled: null }),
  );
  const total = async (reference: NonNullable<typeof stop>): Promise<number> => {
    // A prefill for each: the logits of a step are gone with the next call.
    const step = await prefillText(decoder, ids);
    try {
      const logs = await scorer.logProbabilities(reference, step);
      if (logs === null) throw new RangeError('the decoder gives no probabilities behind a prompt of text');
      return logs.reduce((sum, value) => sum + value, 0);
    } finally {
      step.cache.dispose();
    }
  };
  return [await total(stop!), await total(lineEnd!)];
}
