/**
 * @file A prompt as the body of a request.
 */

import type { TokenId } from '../domain/units.js';
import type { Matrix } from '../tensor/matrix.js';
import { torchTensor, type WireType } from './torch-tensor.js';
import { GREEDY } from './wire.js';

/** A prompt in the form in which it is sent. */
export type SentPrompt =
  | { readonly kind: 'ids'; readonly ids: readonly TokenId[] }
  /** [T, C]. */
  | { readonly kind: 'embeddings'; readonly inputs: Matrix };

/** JSON that asks for a greedy completion, token by token. @param more Settings in place of {@link GREEDY}. */
export function completionBody(
  model: string,
  prompt: SentPrompt,
  mostTokens: number,
  type: WireType,
  more: Readonly<Record<string, boolean>> = {},
): string {
  const fields = { model, ...GREEDY, ...more, max_tokens: mostTokens, stream: true };
  if (prompt.kind === 'ids') return JSON.stringify({ ...fields, prompt: prompt.ids });
  // Base64 needs no escapes, so that nobody has to look for them in megabytes.
  const embeddings = torchTensor(prompt.inputs, type).toString('base64');
  return `${JSON.stringify(fields).slice(0, -1)},"prompt_embeds":"${embeddings}"}`;
}
