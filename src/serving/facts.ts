/**
 * @file What a server says of the model that it runs, as a run records it.
 */

import { z } from 'zod';

/**
 * Everything of a server that can change a number, as far as the server tells. Addresses are no part of it, and neither
 * is the number of replicas.
 */
export const servedFactsSchema = z.strictObject({
  engine: z.literal('vllm'),
  version: z.string(),
  /** The name under which it serves the model. */
  model: z.string(),
  /** Null where the server does not say it. */
  dtype: z.string().nullable(),
  maxModelLength: z.int().positive(),
  /** Null where the server does not say it and the same prompt took as long a second time. */
  prefixCaching: z.boolean().nullable(),
  /** Whether it takes prompts as embeddings. */
  promptEmbeddings: z.boolean(),
  /** Settings of the cache and of the parallel run, under vLLM's own names. */
  settings: z.record(z.string(), z.string()),
});

export type ServedFacts = z.infer<typeof servedFactsSchema>;

/** What the servers counted between the opening and the end of a run: means over all requests, their own and others'. */
export const servedTimesSchema = z.strictObject({
  requests: z.int().positive(),
  /** From the arrival of a request to its first token, on the server. */
  firstTokenMs: z.number().nonnegative(),
  /** Null where the server counts no such time. */
  queueMs: z.number().nonnegative().nullable(),
  prefillMs: z.number().nonnegative().nullable(),
});

export type ServedTimes = z.infer<typeof servedTimesSchema>;
