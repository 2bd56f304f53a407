/**
 * @file What goes over the wire to vLLM and back: the fields of its completions API that this program uses.
 *
 * Replies are foreign data, so a schema checks each of them. Fields that nobody reads here may come and go.
 *
 * Source: vLLM 0.32, `vllm/entrypoints/openai/completion/protocol.py`.
 */

import { z } from 'zod';

/**
 * Settings that every request has. Greedy decoding is temperature 0, and each penalty is switched off by name: a
 * server takes what a request leaves out from the model's `generation_config.json`, where Qwen has a repetition penalty.
 */
export const GREEDY = {
  temperature: 0,
  top_p: 1,
  top_k: 0,
  min_p: 0,
  presence_penalty: 0,
  frequency_penalty: 0,
  repetition_penalty: 1,
  seed: 0,
  // The caller decides what ends a completion, and it has to see the stop token.
  ignore_eos: true,
  skip_special_tokens: false,
  add_special_tokens: false,
  return_token_ids: true,
} as const;

const id = z.int().nonnegative();

/** The log-probability of one token at a position; keys of a position are token ids. */
const positionSchema = z.record(z.string(), z.looseObject({ logprob: z.number() })).nullable();

const choiceSchema = z.looseObject({
  text: z.string(),
  token_ids: z.array(id).nullish(),
  finish_reason: z.string().nullish(),
  prompt_logprobs: z.array(positionSchema).nullish(),
  /** Of generated positions; keys are `token_id:` and the id. */
  logprobs: z
    .looseObject({ top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullish() })
    .nullish(),
});

/** One event of a stream, or a whole reply: they have the same fields. */
export const completionSchema = z.looseObject({ choices: z.array(choiceSchema) });
export type CompletionChoice = z.infer<typeof choiceSchema>;

const problem = z.looseObject({ message: z.string() });
/** An error, as the server writes it in a reply or in a stream; older versions have no object around it. */
export const errorSchema = z.union([
  z.looseObject({ error: problem }).transform(({ error }) => error.message),
  problem.extend({ object: z.literal('error') }).transform(({ message }) => message),
  z.looseObject({ detail: z.string() }).transform(({ detail }) => detail),
]);

export const modelsSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      id: z.string(),
      /** The base model of an adapter; absent or null for a base model. */
      parent: z.string().nullish(),
      max_model_len: z.int().positive().nullish(),
    }),
  ),
});
export type ServedModel = z.infer<typeof modelsSchema>['data'][number];

/** The settings of a server that was started with VLLM_SERVER_DEV_MODE=1; others hide them. */
export const serverInfoSchema = z.looseObject({
  vllm_config: z.looseObject({
    model_config: z.looseObject({
      dtype: z.string(),
      quantization: z.string().nullish(),
    }),
    parallel_config: z.looseObject({
      tensor_parallel_size: z.int(),
      pipeline_parallel_size: z.int(),
    }),
  }),
});

export const versionSchema = z.looseObject({ version: z.string() });
