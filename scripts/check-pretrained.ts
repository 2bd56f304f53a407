/**
 * @file Two pretrained models, end to end, against PyTorch transformers. Optional: needs Python once.
 *
 *     npx tsx scripts/check-pretrained.ts FOLDER [dtype ...]
 *
 * FOLDER is what `scripts/check-pretrained.py` wrote; its head says how to run it. Checks that our
 * tokenizer gives the same ids, that our decoder continues each prompt with the same tokens and text in
 * fp32, and that our encoder's vectors point the same way. Other dtypes are reported, not judged.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { tokenId, type TokenId } from '../src/domain/units.js';
import type { OrtDecoder } from '../src/model/ort/ort-decoder.js';
import { DTYPES, type Dtype } from '../src/inference/device.js';
import { openDecoder, openEncoder } from '../src/model/ort/open.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { row } from '../src/tensor/matrix.js';
import { loadTokenizer } from '../src/tokenizer/hf.js';

const MIN_COSINE = 0.99999;
const MAX_LOGIT_DIFFERENCE = 1e-3;

const ids = z.array(z.number().transform(tokenId));
const decoderCase = z.object({
  text: z.string(),
  ids,
  generated: ids,
  completion: z.string(),
  logits: z.array(z.number()),
});
const expectedSchema = z.object({
  decoder: z.object({ source: z.string(), cases: z.array(decoderCase) }),
  encoder: z.object({
    source: z.string(),
    cases: z.array(z.object({ text: z.string(), ids, vector: z.array(z.number()) })),
  }),
});

const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: npx tsx scripts/check-pretrained.ts FOLDER [dtype ...]');
const dtypes = z.array(z.enum(DTYPES)).parse(rest.length > 0 ? rest : ['fp32']);
const expected = expectedSchema.parse(JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')));
const options = { device: 'cpu', threads: defaultThreads(), cacheDir: join(folder, 'graphs') } as const;
let failures = 0;

function report(isGood: boolean, line: string): void {
  if (!isGood) failures++;
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
}

/** The prompt's logits, and as many greedy tokens as are asked for. */
async function generate(
  decoder: OrtDecoder,
  prompt: readonly TokenId[],
  count: number,
): Promise<{ logits: Float32Array; tokens: TokenId[] }> {
  let step = await decoder.prefill(decoder.embed(prompt));
  const logits = step.logits.slice();
  const tokens = [step.token];
  while (tokens.length < count) {
    step = await decoder.decode(step.token, step.cache);
    tokens.push(step.token);
  }
  step.cache.dispose();
  return { logits, tokens };
}

async function checkDecoder(dtype: Dtype): Promise<void> {
  const dir = join(folder!, 'decoder');
  const tokenizer = await loadTokenizer(dir);
  const decoder = await openDecoder(dir, { ...options, dtype });
  let [sameIds, sameTokens, sameText, sameFirst, shared, largest] = [0, 0, 0, 0, 0, 0];
  const { cases, source } = expected.decoder;
  for (const { text, ids: prompt, generated, completion, logits } of cases) {
    if (tokenizer.encode(text).join() === prompt.join()) sameIds++;
    const ours = await generate(decoder, prompt, generated.length);
    for (const [i, logit] of logits.entries()) {
      largest = Math.max(largest, Math.abs(logit - ours.logits[i]!));
    }
    const agreed = ours.tokens.findIndex((token, i) => token !== generated[i]);
    if (agreed < 0) sameTokens++;
    if (agreed !== 0) sameFirst++;
    shared += agreed < 0 ? generated.length : agreed;
    if (tokenizer.decode(ours.tokens) === completion) sameText++;
  }
  await decoder.dispose();
  const all = cases.length;
  const perPrompt = cases[0]?.generated.length ?? 0;
  const isJudged = dtype === 'fp32';
  report(sameIds === all, `${source}: ${sameIds} of ${all} prompts tokenized as transformers does`);
  report(
    !isJudged || (sameTokens === all && sameText === all),
    `${source}, ${dtype}: ${sameTokens} of ${all} greedy continuations of ${perPrompt} tokens identical ` +
      `(${sameText} as text); ${sameFirst} first tokens; ${(shared / all).toFixed(1)} tokens until the first difference`,
  );
  report(
    !isJudged || largest <= MAX_LOGIT_DIFFERENCE,
    `${source}, ${dtype}: logits of the prompts differ by ${largest.toExponential(1)} at most`,
  );
}

async function checkEncoder(): Promise<void> {
  const dir = join(folder!, 'encoder');
  const tokenizer = await loadTokenizer(dir);
  const encoder = await openEncoder(dir, { ...options, dtype: 'fp32' });
  const { cases, source } = expected.encoder;
  const vectors = await encoder.encode(cases.map((one) => one.ids));
  const cosines = cases.map(({ vector }, i) => cosine(row(vectors, i), vector));
  await encoder.dispose();
  // The encoder's template adds [CLS] and [SEP]; the text between them is ours to tokenize.
  const sameIds = cases.filter(
    ({ text, ids: full }) => tokenizer.encode(text).join() === full.slice(1, -1).join(),
  );
  report(
    sameIds.length === cases.length,
    `${source}: ${sameIds.length} of ${cases.length} texts tokenized as transformers does`,
  );
  const lowest = Math.min(...cosines);
  report(
    lowest >= MIN_COSINE,
    `${source}: lowest cosine ${lowest.toFixed(7)} of ${cases.length} vectors, batched`,
  );
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
    Array.from(x).reduce((sum, number, i) => sum + number * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

for (const dtype of dtypes) await checkDecoder(dtype);
await checkEncoder();
process.exitCode = failures === 0 ? 0 : 1;
