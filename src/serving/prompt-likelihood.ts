/**
 * @file The likelihood of a given text behind a prompt of ids, by the log-probabilities that vLLM has of a prompt.
 *
 * Prompt and text are sent as one prompt. The text's last position may be held by any of several ids, and the server
 * tells the probability of the id that stands there alone: so one request has a prompt for each of these ids.
 */

import type { TokenId } from '../domain/units.js';
import type { Continuation } from '../inference/decoder.js';
import type { VllmServer } from './client.js';
import { GREEDY, type CompletionChoice, type PromptPosition } from './wire.js';

/**
 * As `ContinuationScorer.logProbabilities` has them.
 *
 * @throws {RangeError} If a number is missing or not finite.
 * @throws {Error}      As the server's requests.
 */
export async function promptLogProbabilities(
  { server, model }: { readonly server: VllmServer; readonly model: string },
  prompt: readonly TokenId[],
  { ids, end }: Continuation,
): Promise<Float64Array> {
  const texts = end === null ? [ids] : Array.from(end, (id) => [...ids, id]);
  const choices = await server.reply(
    JSON.stringify({
      ...{ model, ...GREEDY, max_tokens: 1, stream: false },
      // 0: of the ids that stand there, and of no others.
      prompt_logprobs: 0,
      prompt: texts.map((text) => [...prompt, ...text]),
    }),
  );
  const read = texts.map((text, i) => tail(choices[i], text));
  const first = read[0]!;
  const result = end === null ? first : [...first.slice(0, -1), sumOf(read.map((values) => values.at(-1)!))];
  const broken = result.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new RangeError(
      `the log-probability of token ${broken + 1} of the given text is ${result[broken]!}`,
    );
  }
  return Float64Array.from(result);
}

/** The log-probabilities of the last ids of a prompt. */
function tail(choice: CompletionChoice | undefined, text: readonly TokenId[]): number[] {
  const positions = choice?.prompt_logprobs ?? [];
  const own: readonly PromptPosition[] = positions.slice(positions.length - text.length);
  return text.map((id, i) => own[i]?.[String(id)]?.logprob ?? NaN);
}

/** The logarithm of the sum of probabilities, from their logarithms. @example sumOf([log(1/4), log(1/4)]) // => log(1/2) */
function sumOf(logarithms: readonly number[]): number {
  const highest = Math.max(...logarithms);
  return highest + Math.log(logarithms.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}
