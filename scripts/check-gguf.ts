/**
 * @file A decoder in a GGUF file, end to end, against PyTorch transformers. Optional: needs Python once.
 *
 *     npx tsx scripts/check-gguf.ts MODEL.gguf EXPECTED.json [dtype ...]
 *     npx tsx scripts/check-gguf.ts MODEL.gguf - [dtype]         the memory alone
 *
 * EXPECTED.json is what `scripts/check-gguf.py` wrote of the same file; its head says how to run it. Checks
 * every dequantized tensor to the bit, the ids of 10,000 strings and of control tokens, greedy continuations in fp32, and
 * the memory that building the graph takes.
 * Other dtypes are reported, not judged.
 */

import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { tokenId, type TokenId } from '../src/domain/units.js';
import type { OrtDecoder } from '../src/model/ort/ort-decoder.js';
import { DTYPES, type Dtype } from '../src/inference/device.js';
import { decoderFiles } from '../src/model/decoder-files.js';
import { GgufFile } from '../src/model/gguf/gguf-file.js';
import { openGgufWeights } from '../src/model/gguf/weights.js';
import { precisionOf } from '../src/model/architecture/precision.js';
import { openDecoder } from '../src/model/ort/open.js';
import { cachedModelFile } from '../src/model/ort/session.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { buildDecoderGraph } from '../src/onnx/decoder-graph.js';

const MAX_LOGIT_DIFFERENCE = 1e-3;
/** Most memory while the graph is built, as a multiple of the graph. */
const MAX_MEMORY_RATIO = 1.3;
const MB = 1e6;

const ids = z.array(z.number().transform(tokenId));
const expectedSchema = z.object({
  tensors: z.record(z.string(), z.object({ type: z.string(), sha256: z.string() })),
  strings: z.array(z.object({ text: z.string(), ids })),
  controls: z.record(z.string(), z.number()),
  cases: z.array(
    z.object({
      text: z.string(),
      ids,
      generated: ids,
      completion: z.string(),
      logits: z.array(z.number()),
    }),
  ),
});

const [path, expectedPath, ...rest] = process.argv.slice(2);
if (path === undefined || expectedPath === undefined) {
  throw new Error('usage: npx tsx scripts/check-gguf.ts MODEL.gguf EXPECTED.json|- [dtype ...]');
}
const dtypes = z.array(z.enum(DTYPES)).parse(rest.length > 0 ? rest : ['fp32']);
let failures = 0;

function report(isGood: boolean, line: string): void {
  if (!isGood) failures++;
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
}

/** Largest resident set of this process so far, in bytes; the system reports KiB. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

/** Before anything else is read, since the peak of a process never falls. */
async function checkMemory(dtype: Dtype, cacheDir: string): Promise<void> {
  const before = peak();
  const opened = openGgufWeights(path!);
  const { type, matrices } = precisionOf(dtype);
  const graph = buildDecoderGraph(opened.architecture, opened.weights, type, matrices);
  const built = await cachedModelFile(graph, 'check', { cacheDir, device: 'cpu' });
  opened.close();
  const bytes = readdirSync(join(built, '..'))
    .map((name) => statSync(join(built, '..', name)).size)
    .reduce((sum, size) => sum + size, 0);
  report(
    peak() <= MAX_MEMORY_RATIO * bytes,
    `${dtype}: building the graph of ${(bytes / MB).toFixed(0)} MB out of ${(statSync(path!).size / MB).toFixed(0)} MB ` +
      `peaks at ${(peak() / MB).toFixed(0)} MB, ${((peak() - before) / MB).toFixed(0)} MB above the start`,
  );
}

/** Rows of a tensor that are hashed at a time. */
const ROWS = 1024;

function checkTensors(): void {
  const file = GgufFile.open(path!);
  const same = new Map<string, number>();
  const all = new Map<string, number>();
  try {
    for (const [name, { shape, dtype }] of file.tensors) {
      const hash = createHash('sha256');
      const rows = shape[0] ?? 1;
      for (let from = 0; from < rows; from += ROWS) {
        const numbers = file.read(name, from, Math.min(from + ROWS, rows));
        hash.update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
      }
      const isSame = hash.digest('hex') === expected.tensors[name]?.sha256;
      all.set(dtype, (all.get(dtype) ?? 0) + 1);
      same.set(dtype, (same.get(dtype) ?? 0) + (isSame ? 1 : 0));
    }
  } finally {
    file.close();
  }
  const count = [...all.values()].reduce((sum, own) => sum + own, 0);
  const counts = [...all].map(([type, own]) => `${same.get(type)!} of ${own} ${type}`).join(', ');
  report(
    count === Object.keys(expected.tensors).length && [...all].every(([type, own]) => same.get(type) === own),
    `tensors equal to the bit: ${counts}`,
  );
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

async function checkDecoder(dtype: Dtype, cacheDir: string): Promise<void> {
  const tokenizer = await decoderFiles(path!).loadTokenizer();
  const decoder = await openDecoder(path!, { device: 'cpu', dtype, threads: defaultThreads(), cacheDir });
  const opened = peak();
  let [sameTokens, sameText, sameFirst, largest] = [0, 0, 0, 0];
  for (const { ids: prompt, generated, completion, logits } of expected.cases) {
    const ours = await generate(decoder, prompt, generated.length);
    for (const [i, logit] of logits.entries()) {
      largest = Math.max(largest, Math.abs(logit - ours.logits[i]!));
    }
    const agreed = ours.tokens.findIndex((token, i) => token !== generated[i]);
    if (agreed < 0) sameTokens++;
    if (agreed !== 0) sameFirst++;
    if (tokenizer.decode(ours.tokens) === completion) sameText++;
  }
  await decoder.dispose();
  const all = expected.cases.length;
  const isJudged = dtype === 'fp32';
  report(
    !isJudged || (sameTokens === all && sameText === all),
    `${dtype}: ${sameTokens} of ${all} greedy continuations of ${expected.cases[0]?.generated.length ?? 0} tokens ` +
      `identical (${sameText} as text), ${sameFirst} first tokens; the process has taken ${(opened / MB).toFixed(0)} MB when the decoder was open`,
  );
  report(
    !isJudged || largest <= MAX_LOGIT_DIFFERENCE,
    `${dtype}: logits of the prompts differ by ${largest.toExponential(1)} at most`,
  );
}

async function checkTokenizer(): Promise<void> {
  const tokenizer = await decoderFiles(path!).loadTokenizer();
  const wrong = expected.strings.filter(
    ({ text, ids: theirs }) => tokenizer.encode(text).join() !== theirs.join(),
  );
  report(
    wrong.length === 0,
    `${expected.strings.length - wrong.length} of ${expected.strings.length} strings have the ids of transformers`,
  );
  for (const { text } of wrong.slice(0, 5))
    process.stdout.write(`     ${JSON.stringify(text).slice(0, 200)}\n`);
  const back = expected.strings.filter(({ text }) => tokenizer.decode(tokenizer.encode(text)) !== text);
  report(back.length === 0, `${expected.strings.length - back.length} strings come back from their ids`);
  const names = Object.entries(expected.controls);
  const same = names.filter(([name, id]) => tokenizer.controlToken(name) === id);
  report(
    same.length === names.length,
    `${same.length} of ${names.length} control tokens have the id of transformers`,
  );
}

const cacheDir = mkdtempSync(join(tmpdir(), 'llava-eval-check-gguf-'));
const readExpected = (): z.infer<typeof expectedSchema> =>
  expectedSchema.parse(JSON.parse(readFileSync(expectedPath, 'utf8')));
let expected: z.infer<typeof expectedSchema>;
try {
  await checkMemory(dtypes[0]!, cacheDir);
  if (expectedPath !== '-') {
    expected = readExpected();
    checkTensors();
    await checkTokenizer();
    for (const dtype of dtypes) await checkDecoder(dtype, cacheDir);
  }
} finally {
  rmSync(cacheDir, { recursive: true });
}
process.exitCode = failures === 0 ? 0 : 1;
