/**
 * @file Asks a decoder with gradients how it ends a line, as a run asks its decoder.
 */

import { referenceEndOf } from '../../generation/reference-end.js';
import type { ReferenceEnd } from '../../generation/reference.js';
import type { ContinuationScorer, DecoderStep } from '../../inference/decoder.js';
import { tokenId, type TokenId } from '../../domain/units.js';
import type { DifferentiableDecoder } from '../../inference/differentiable.js';
import { logProbability } from '../../inference/logits.js';
import { row, stackRows, type Matrix } from '../../tensor/matrix.js';
import type { TrainedDecoder } from './models.js';

/** How the decoder ends a line: by a stop token, or by a line end. */
export function trainedReferenceEnd({ decoder, tokenizer, format }: TrainedDecoder): Promise<ReferenceEnd> {
  let prompt: Matrix | null = null;
  const cache = { length: 0, dispose: () => undefined };
  const asked: DecoderStep = { token: tokenId(0), logits: new Float32Array(0), cache };
  const scorer: ContinuationScorer = {
    logProbabilities({ ids, end }) {
      if (prompt === null) throw new RangeError('nothing was prefilled');
      return scored(decoder, prompt, ids, end);
    },
  };
  const prompted = {
    wire: null,
    embed: (ids: readonly TokenId[]) => decoder.embed(ids),
    prefill(inputs: Matrix) {
      prompt = inputs;
      return Promise.resolve(asked);
    },
  };
  return referenceEndOf({ decoder: prompted, scorer, tokenizer, format });
}

async function scored(
  decoder: DifferentiableDecoder,
  prompt: Matrix,
  ids: readonly TokenId[],
  end: ReadonlySet<TokenId> | null,
): Promise<Float64Array> {
  const inputs = stackRows([prompt, decoder.embed(ids)], decoder.width);
  // Each id is asked for at the position before it; the end at the last one.
  const asked = [...ids, tokenId(0)];
  const targets = Array.from({ length: inputs.rows }, (_, t) => asked[t - prompt.rows + 1] ?? null);
  const logits = await decoder.logits({ prefix: null, inputs, targets });
  const logs = ids.map((id, i) => logProbability(row(logits, i), [id]));
  return Float64Array.from(
    end === null ? logs : [...logs, logProbability(row(logits, ids.length), [...end])],
  );
}
