/**
 * @file The likelihood of a given text behind a prompt of ids, by the log-probabilities that vLLM has of a prompt.
 *
 * Prompt and text are sent as one prompt, whose positions are told with the ids that stand there. What ends the text may be
 * any of several ids: their probabilities are asked for by id, at the one position that is generated.
 */

import type { TokenId } from '../domain/units.js';
import type { Continuation } from '../inference/decoder.js';
import type { VllmServer } from './client.js';
import { GREEDY, type CompletionChoice } from './wire.js';

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
  const [choice] = await server.reply(
    JSON.stringify({
      ...{ model, ...GREEDY, max_tokens: 1, stream: false, prompt: [...prompt, ...ids] },
      // 0: of the ids that stand there, and of no others.
      prompt_logprobs: 0,
      ...(end === null ? {} : { logprobs: 1, logprob_token_ids: [...end], return_tokens_as_token_ids: true }),
    }),
  );
  const result = Float64Array.from([
    ...promptTail(choice, ids),
    ...(end === null ? [] : [sumOf(generated(choice, end))]),
  ]);
  const broken = result.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new RangeError(
      `the log-probability of token ${broken + 1} of the given text is ${result[broken]!}`,
    );
  }
  return result;
}

/** The log-probabilities of the last ids of a prompt; NaN for one that is not told. */
function promptTail(choice: CompletionChoice | undefined, ids: readonly TokenId[]): number[] {
  const positions = choice?.prompt_logprobs ?? [];
  const first = positions.length - ids.length;
  return ids.map((id, i) => positions[first + i]?.[String(id)]?.logprob ?? NaN);
}

/** The log-probabilities of ids at the generated position. */
function generated(choice: CompletionChoice | undefined, ids: ReadonlySet<TokenId>): number[] {
  const told = choice?.logprobs?.top_logprobs?.[0] ?? {};
  return Array.from(ids, (id) => told[`token_id:${id}`] ?? NaN);
}

/** The logarithm of a sum of probabilities. @example sumOf([Math.log(1 / 4), Math.log(1 / 4)]) // => Math.log(1 / 2) */
function sumOf(logarithms: readonly number[]): number {
  const highest = Math.max(...logarithms);
  return highest + Math.log(logarithms.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}
