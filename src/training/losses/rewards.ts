/**
 * @file Self-critical REINFORCE: completions that score better than the greedy one become likelier.
 *
 *   loss = -(reward(sampled) - reward(greedy)) * sum log p(sampled) / samples
 *
 * The reward is a weighted sum of Exact Match and Edit Similarity as LlavaCode scores them. Each new token is one pass
 * over all positions behind the kept prefix, so this loss is the dearest of all.
 *
 * Source: Rennie et al., arXiv 1612.00563; LlavaCode's published code.
 */

import { tokenId, type TokenId } from '../../domain/units.js';
import type { DifferentiableDecoder } from '../../inference/differentiable.js';
import { argmax } from '../../inference/logits.js';
import { editSimilarity } from '../../metrics/edit-similarity.js';
import { comparedText, exactMatchTokens } from '../../metrics/llavacode.js';
import type { Rng } from '../../tensor/rng.js';
import type { PlacedSequence } from '../samples/sequences.js';

export interface Rewards {
  readonly exactMatch: number;
  readonly editSimilarity: number;
}

/** The reward of a completion. */
export function rewardOf(completion: string, reference: string, weights: Rewards): number {
  const compared = comparedText(completion, reference);
  const [own, wanted] = [exactMatchTokens(compared), exactMatchTokens(reference)];
  const isExact = own.length === wanted.length && own.every((token, i) => token === wanted[i]);
  const similarity = editSimilarity(compared.trim(), reference.trim()) ?? 0;
  return (isExact ? weights.exactMatch : 0) + weights.editSimilarity * similarity;
}

/** How the next token is chosen from the logits of one position. */
export type Choose = (logits: Float32Array) => TokenId;

/** The likeliest; the lowest id of several. */
export const greedy: Choose = (logits) => tokenId(argmax(logits));

/** A draw from the likeliest tokens that together have the probability `topP`. */
export function sampling(
  rng: Rng,
  { temperature, topP }: { readonly temperature: number; readonly topP: number },
): Choose {
  return (logits) => {
    const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
    const weights = order.map((i) => Math.exp((logits[i]! - logits[order[0]!]!) / temperature));
    const total = weights.reduce((sum, value) => sum + value, 0);
    let kept = 0;
    let mass = 0;
    while (kept < weights.length && mass < topP * total) mass += weights[kept++]!;
    let left = rng.next() * mass;
    for (let i = 0; i < kept; i++) {
      left -= weights[i]!;
      if (left < 0) return tokenId(order[i]!);
    }
    return tokenId(order[kept - 1]!);
  };
}

/** What the decoder writes behind a prompt, the stop token included if it wrote one; at least one id. */
export async function rollout(
  decoder: Pick<DifferentiableDecoder, 'logits'>,
  promptOf: (written: readonly TokenId[]) => PlacedSequence,
  choose: Choose,
  { stop, most }: { readonly stop: ReadonlySet<TokenId>; readonly most: number },
): Promise<TokenId[]> {
  const written: TokenId[] = [];
  while (written.length < most) {
    // The last id of a target is only asked for, so any id stands for the one that is to be chosen.
    const { sequence } = promptOf([...written, ASKED]);
    const last = sequence.targets.map((id, t) => (t === sequence.targets.length - 1 ? id : null));
    const next = choose((await decoder.logits({ ...sequence, targets: last })).data);
    written.push(next);
    if (stop.has(next)) break;
  }
  return written;
}

const ASKED = tokenId(0);
