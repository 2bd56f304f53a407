/**
 * @file A real vLLM server against this program's own decoder in fp32. Optional: needs a server and a few minutes.
 *
 *     npx tsx scripts/check-vllm.ts URL FILES [tasks]
 *
 * FILES are those of the model that the server runs, in a folder. Start the server in float32, as docs/servers.md says,
 * so that both round alike. The bundle's encoder and a random projector of the decoder's width make soft tokens, which
 * mean nothing and are sent all the same.
 *
 * It shows that
 * - all pipelines run, and `--latency-only` does;
 * - the completions of text pipelines are those of our own decoder in at least 95 % of cases, and that where they differ
 *   the two tokens are a tie: our logits of them differ by less than rounding makes;
 * - prompts as ids and as embeddings are gone on with alike;
 * - the likelihood of the true completions is that of our own decoder.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { quietSurroundings } from '../src/comparison/events.js';
import { measureLatencies } from '../src/comparison/measure-latencies.js';
import { loadModels } from '../src/comparison/models/load-models.js';
import { runComparison } from '../src/comparison/run-comparison.js';
import type { ComparisonRequest } from '../src/comparison/request.js';
import { tokenId, type TokenId } from '../src/domain/units.js';
import { prefillText } from '../src/generation/generate.js';
import type { Decoder, DecoderStep } from '../src/inference/decoder.js';
import { openDecoder } from '../src/model/ort/open.js';
import type { OrtDecoder } from '../src/model/ort/ort-decoder.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { projectorWidths } from '../src/model/weights/projector-file.js';
import { collectRecords } from '../src/run/journal.js';
import type { ScoredRecord } from '../src/run/record.js';
import { createRng } from '../src/tensor/rng.js';
import { encodeSafetensors, type NamedTensor } from '../test/support/safetensors-writer.js';

/** Completions that must be equal; the others must be ties. */
const LEAST_EQUAL = 0.95;
/** Logits that differ by less are a tie: two engines in float32 differ by about this much. */
const TIE = 2e-3;
/** Nats of a token, between two engines in float32. */
const MOST_NATS = 5e-3;
/** Tokens behind a prompt in both forms, and prompts of each pipeline. */
const CONTINUED = 12;
const FORMS = 4;
/** Tasks of the parts that need several passes. */
const SCORED_TASKS = 4;

type Text = 'no-context' | 'full-rag';

const [url, files, count = '40'] = process.argv.slice(2);
if (url === undefined || files === undefined) {
  throw new Error('usage: npx tsx scripts/check-vllm.ts URL FILES [tasks]');
}
const tasks = Number(count);
const decoder = `vllm:${url}`;
const folder = mkdtempSync(join(tmpdir(), 'llava-eval-vllm-'));
const execution = { device: 'cpu', dtype: 'fp32', threads: defaultThreads() } as const;
let failures = 0;

function report(isGood: boolean, line: string): void {
  if (!isGood) failures++;
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
}

const settings: ComparisonRequest = {
  ...{ dataset: 'npm-ts-lines', limit: tasks, retrievers: ['jaccard'], device: 'cpu' },
  ...{ maxPromptTokens: 256, contextTokens: 256, maxNewTokens: 24 },
};

/** The scored records of one pipeline, by task; what failed is reported. */
async function answered(
  name: string,
  request: ComparisonRequest,
): Promise<ReadonlyMap<string, ScoredRecord>> {
  const outcome = await runComparison(
    { ...settings, ...request, out: join(folder, name) },
    quietSurroundings(),
  );
  if (outcome.kind !== 'finished') throw new Error(`${name}: ${outcome.kind}`);
  const records = await collectRecords(join(outcome.folder, 'journal.jsonl'));
  const scored = records.filter((record) => record.status === 'scored');
  const failed = records.filter((record) => record.status === 'failed');
  report(failed.length === 0, `${name}: ${scored.length} answers, ${failed.length} failed`);
  for (const { error } of failed.slice(0, 3)) process.stdout.write(`     ${error.stage}: ${error.message}\n`);
  for (const row of outcome.summary.rows) {
    const p50 = row.ttftMs?.p50 ?? null;
    const ttft = p50 === null ? '' : `, TTFT ${p50.toFixed(0)} ms`;
    process.stdout.write(`     ${row.pipeline}: EM ${row.exactMatch.mean?.toFixed(1) ?? '-'} %${ttft}\n`);
  }
  return new Map(scored.map((record) => [record.taskId, record]));
}

/** The prompts of ids that a run sends to the server, in order, each once: what `compare` runs again. */
function recordPrompts(): { readonly prompts: TokenId[][]; stop(): void } {
  const own = globalThis.fetch;
  const prompts: TokenId[][] = [];
  globalThis.fetch = (input, init) => {
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : null;
    const {
      prompt,
      stream,
      max_tokens: most,
    } = (body ?? {}) as {
      readonly prompt?: readonly number[];
      readonly stream?: boolean;
      readonly max_tokens?: number;
    };
    // Probes and pauses ask for few tokens.
    if (prompt !== undefined && stream === true && (most ?? 0) > 16) {
      const ids = prompt.map(tokenId);
      if (ids.join() !== prompts.at(-1)?.join()) prompts.push(ids);
    }
    return own(input, init);
  };
  return {
    prompts,
    stop: () => {
      globalThis.fetch = own;
    },
  };
}

/** The first tokens that a decoder goes on with. */
async function continued(model: Decoder, first: DecoderStep, tokens: number): Promise<TokenId[]> {
  const made = [first.token];
  let step = first;
  while (made.length < tokens) {
    step = await model.decode(step.token, step.cache);
    made.push(step.token);
  }
  step.cache.dispose();
  return made;
}

/** How far apart our logits are of the first two tokens that differ; null if none differs. */
async function gapAt(
  ours: OrtDecoder,
  prompt: readonly TokenId[],
  mine: readonly TokenId[],
  theirs: readonly TokenId[],
): Promise<number | null> {
  const at = mine.findIndex((token, i) => token !== theirs[i]);
  if (at < 0 || theirs[at] === undefined) return null;
  const { logits, cache } = await ours.prefill(ours.embed([...prompt, ...mine.slice(0, at)]));
  const gap = logits[mine[at]!]! - logits[theirs[at]]!;
  cache.dispose();
  return gap;
}

/** Completions of the server against ours, without times. @returns The prompts, as they went to the server. */
async function compareCompletions(pipeline: Text, ours: OrtDecoder, served: Decoder): Promise<TokenId[][]> {
  const quality = { pipelines: [pipeline], timing: false, likelihood: false };
  const recorder = recordPrompts();
  const theirs = await answered(`${pipeline} on the server`, { decoder, decoderFiles: files, ...quality });
  recorder.stop();
  const mine = await answered(`${pipeline} here`, { decoder: files, ...quality });
  const prompts = recorder.prompts.slice(-theirs.size);
  let equal = 0;
  let ties = 0;
  const gaps: string[] = [];
  for (const [i, [id, record]] of [...theirs].entries()) {
    const own = mine.get(id)!;
    if (own.rawCompletion === record.rawCompletion) {
      equal++;
      continue;
    }
    const prompt = prompts[i]!;
    const tokens = Math.max(own.generatedTokens, record.generatedTokens) + 1;
    const a = await continued(ours, await ours.prefill(ours.embed(prompt)), tokens);
    const b = await continued(served, await prefillText(served, prompt), tokens);
    const gap = await gapAt(ours, prompt, a, b);
    if (gap === null || Math.abs(gap) < TIE) ties++;
    gaps.push(`${id} ${gap === null ? 'equal now' : gap.toExponential(1)}`);
  }
  const listed = gaps.length === 0 ? '' : ` (${gaps.join(', ')})`;
  report(
    equal >= LEAST_EQUAL * theirs.size && equal + ties === theirs.size,
    `${pipeline}: ${equal} of ${theirs.size} completions equal ours, ${ties} ties${listed}`,
  );
  return prompts;
}

/** The same prompts as ids and as embeddings. */
async function compareForms(prompts: readonly (readonly TokenId[])[], served: Decoder): Promise<void> {
  let alike = 0;
  for (const prompt of prompts) {
    const ids = await continued(served, await prefillText(served, prompt), CONTINUED);
    const embedded = await continued(served, await served.prefill(served.embed(prompt)), CONTINUED);
    if (ids.join() === embedded.join()) alike++;
  }
  report(
    alike === prompts.length,
    `ids and embeddings are gone on with alike in ${alike} of ${prompts.length} prompts, ${CONTINUED} tokens each`,
  );
}

/** Likelihoods of a few references, by `prompt_logprobs` and by our own decoder. */
async function compareLikelihoods(pipeline: Text): Promise<void> {
  const few = { pipelines: [pipeline], timing: false, limit: Math.min(tasks, SCORED_TASKS) };
  const theirs = await answered(`${pipeline} with likelihood, on the server`, {
    ...{ decoder, decoderFiles: files, ...few },
  });
  const mine = await answered(`${pipeline} with likelihood, here`, { decoder: files, ...few });
  const differences = [...theirs].map(([id, { likelihood }]) => {
    const own = mine.get(id)?.likelihood;
    if (own === undefined || likelihood === undefined) return Infinity;
    return Math.abs(own.referenceNats - likelihood.referenceNats) / own.referenceTokens;
  });
  const most = Math.max(...differences);
  report(
    most < MOST_NATS,
    `${pipeline}: likelihoods differ by ${most.toExponential(1)} nats a token at most`,
  );
}

/** A projector of small random numbers from the embedded encoder to the decoder. */
async function randomProjector(width: number): Promise<string> {
  const { inputWidth } = await projectorWidths('models/llavacode-nano/projector.safetensors');
  const rng = createRng(1);
  const tensor = (name: string, ...shape: readonly number[]): NamedTensor => ({
    name,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0.05 * (rng.next() - 0.5)),
  });
  const path = join(folder, 'projector.safetensors');
  const tensors = [
    ...[tensor('linear_1.weight', width, inputWidth), tensor('linear_1.bias', width)],
    ...[tensor('ln_1.weight', width), tensor('ln_1.bias', width)],
    ...[tensor('linear_2.weight', width, width), tensor('linear_2.bias', width)],
  ];
  writeFileSync(path, encodeSafetensors(tensors));
  return path;
}

async function main(server: string, model: string): Promise<void> {
  const ours = await openDecoder(model, execution);
  const loaded = await loadModels(
    {
      ...{ bundle: 'nano', decoder: server, decoderFiles: model, allowsPrefixCache: false },
      ...{ tokenizer: undefined, encoder: undefined, projector: undefined, softPrompt: undefined },
      ...{ retrieverEncoder: undefined, encoderInput: undefined },
      ...{ promptFamily: undefined, promptTemplate: undefined },
    },
    { compression: false, softLength: false, embedder: false },
    { ...execution, isRequired: false },
    {},
    () => performance.now(),
  );
  const { served, decoder: opened } = loaded.decoder;
  process.stdout.write(`${JSON.stringify(served?.facts)}\n`);
  for (const pipeline of ['no-context', 'full-rag'] as const) {
    const prompts = await compareCompletions(pipeline, ours, opened);
    await compareForms(prompts.slice(0, FORMS), opened);
    await compareLikelihoods(pipeline);
  }
  const projector = await randomProjector(ours.width);
  await answered('compressed on the server', {
    ...{
      decoder: server,
      decoderFiles: model,
      projector,
      pipelines: ['no-context', 'full-rag', 'compressed'],
    },
    limit: Math.min(tasks, SCORED_TASKS),
  });
  const latency = await measureLatencies(
    {
      ...{ decoder: server, decoderFiles: model, device: 'cpu', out: join(folder, 'latency') },
      promptLengths: [{ fullRag: 480, compressed: 234, noContext: 224 }],
      ...{ ttftRepeats: 3, maxNewTokens: 8 },
    },
    quietSurroundings(),
  );
  report(latency.kind === 'finished', '--latency-only');
  await loaded.dispose();
  await ours.dispose();
}

try {
  await main(decoder, files);
} finally {
  rmSync(folder, { recursive: true });
}
process.exitCode = failures === 0 ? 0 : 1;
