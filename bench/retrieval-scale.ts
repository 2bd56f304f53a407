/**
 * @file Index time, memory and time per query of the profile `global` on corpora of up to a million chunks.
 *
 *     npm run bench:retrieval-scale                    10,000, 100,000 and 1,000,000 chunks
 *     npm run bench:retrieval-scale -- 50000           another size
 *
 * The corpus is made up, after real code: the sources of development dependencies are tokenized, and from
 * them come the law of word frequencies (Zipf-Mandelbrot, fitted), the words per line, and how often a
 * word of a chunk comes back in it. Everything is seeded, so two runs index the same text. Each size runs
 * in a process of its own: memory is the largest resident set of that process, text of the corpus included.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from '../src/domain/task.js';
import { isBlank } from '../src/domain/text.js';
import { quantile } from '../src/statistics/statistics.js';
import { buildCorpus } from '../src/retrieval/corpus/corpus.js';
import { lexicalTokens } from '../src/retrieval/lexical-tokens.js';
import { askingOf, retrievalProfile } from '../src/retrieval/profile.js';
import { createRetrievers } from '../src/retrieval/retriever.js';
import { matrixOf } from '../src/tensor/matrix.js';
import { createRng, type Rng } from '../src/tensor/rng.js';

const SIZES = [10_000, 100_000, 1_000_000];
const SOURCES = ['zod/src', 'eslint/lib', 'onnxruntime-common/lib', 'tar/dist/esm'];
const LINES_PER_CHUNK = 10;
const LINES_PER_FILE = 200;
const QUERIES = 200;
const WARM_UP = 20;
const QUERY_TOKENS = 80;
const TOP_K = 10;

/** What real code is like, as far as an index can tell. */
interface Fit {
  readonly tokens: number;
  readonly lines: number;
  readonly exponent: number;
  readonly shift: number;
  readonly vocabulary: number;
  readonly perChunk: number;
  readonly distinct: number;
  /** Words per line: each value as often as in the sources. */
  readonly wordsPerLine: readonly number[];
  /** How often a word is taken again from those just written. */
  readonly repeats: number;
}

function fitToRealCode(): Fit {
  const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
  const counts = new Map<string, number>();
  const wordsPerLine: number[] = [];
  let [tokens, distinct, perChunk, chunks] = [0, 0, 0, 0];
  for (const source of SOURCES) {
    const files = readdirSync(join(modules, source), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[jt]s$/.test(name) && !/\.d\.ts$|\.min\./.test(name))
      .sort();
    for (const name of files) {
      const lines = readFileSync(join(modules, source, name), 'utf8')
        .split('\n')
        .filter((line) => !isBlank(line))
        .map((line) => lexicalTokens(line));
      for (const words of lines) {
        wordsPerLine.push(words.length);
        tokens += words.length;
        for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      for (let at = 0; at + LINES_PER_CHUNK <= lines.length; at += LINES_PER_CHUNK) {
        const words = lines.slice(at, at + LINES_PER_CHUNK).flat();
        distinct += new Set(words).size;
        perChunk += words.length;
        chunks++;
      }
    }
  }
  const frequencies = [...counts.values()].sort((a, b) => b - a);
  const { exponent, shift } = fitZipf(frequencies);
  const sparse = { tokens, lines: wordsPerLine.length, exponent, shift, perChunk: perChunk / chunks };
  const fit = {
    ...sparse,
    // Ten million lines know more words than these sources; the tail goes on by the same law.
    vocabulary: 4_000_000,
    distinct: distinct / chunks,
    wordsPerLine: Array.from(
      { length: 1000 },
      (_, i) => wordsPerLine[Math.floor((i * wordsPerLine.length) / 1000)]!,
    ),
    repeats: 0,
  };
  // Repeats are set so that synthetic chunks have as many distinct words as real ones.
  let [low, high] = [0, 0.95];
  for (let step = 0; step < 12; step++) {
    const repeats = (low + high) / 2;
    if (distinctPerChunk({ ...fit, repeats }) > fit.distinct) low = repeats;
    else high = repeats;
  }
  return { ...fit, repeats: (low + high) / 2 };
}

/** Least squares of log frequency on log (rank + shift), ranks spread evenly in the logarithm; the best shift. */
function fitZipf(frequencies: readonly number[]): { exponent: number; shift: number } {
  const ranks = Array.from({ length: 200 }, (_, i) => Math.floor(frequencies.length ** (i / 199)) - 1);
  let best = { exponent: 1, shift: 0, error: Infinity };
  for (let shift = 0; shift <= 30; shift += 0.5) {
    const x = ranks.map((rank) => Math.log(rank + 1 + shift));
    const y = ranks.map((rank) => Math.log(frequencies[rank]!));
    const [mx, my] = [x, y].map((v) => v.reduce((sum, value) => sum + value, 0) / v.length) as [
      number,
      number,
    ];
    const slope =
      x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) /
      x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
    const error = x.reduce((sum, value, i) => sum + (y[i]! - my - slope * (value - mx)) ** 2, 0);
    if (error < best.error) best = { exponent: -slope, shift, error };
  }
  return best;
}

/** Lines of made-up code. */
class Writer {
  readonly #fit: Fit;
  readonly #rng: Rng;
  readonly #low: number;
  readonly #high: number;
  readonly #recent: string[] = [];

  constructor(fit: Fit, seed: number) {
    this.#fit = fit;
    this.#rng = createRng(seed);
    this.#low = this.#mass(1);
    this.#high = this.#mass(fit.vocabulary);
  }

  line(): string {
    const { wordsPerLine, repeats } = this.#fit;
    const words: string[] = [];
    for (let left = wordsPerLine[this.#rng.int(wordsPerLine.length)]!; left > 0; left--) {
      const again = this.#recent.length > 0 && this.#rng.next() < repeats;
      const word = again ? this.#recent[this.#rng.int(this.#recent.length)]! : this.#newWord();
      words.push(word);
      this.#recent.push(word);
      if (this.#recent.length > 60) this.#recent.shift();
    }
    return `  ${words.join('.')};`;
  }

  /** A rank by the inverse of the (continuous) distribution, as a word. */
  #newWord(): string {
    const { exponent, shift } = this.#fit;
    const at = this.#low + this.#rng.next() * (this.#high - this.#low);
    const rank = Math.floor((at * (1 - exponent)) ** (1 / (1 - exponent)) - shift);
    return `w${rank.toString(36)}`;
  }

  #mass(rank: number): number {
    const { exponent, shift } = this.#fit;
    return (rank + shift) ** (1 - exponent) / (1 - exponent);
  }
}

function distinctPerChunk(fit: Fit): number {
  const writer = new Writer(fit, 1);
  let sum = 0;
  for (let chunk = 0; chunk < 400; chunk++) {
    const lines = Array.from({ length: LINES_PER_CHUNK }, () => writer.line());
    sum += new Set(lines.flatMap((line) => lexicalTokens(line))).size;
  }
  return sum / 400;
}

async function measure(chunks: number, fit: Fit): Promise<void> {
  const writer = new Writer(fit, 2);
  const files: SourceFile[] = [];
  for (let f = 0; f < chunks / (LINES_PER_FILE / LINES_PER_CHUNK); f++) {
    const lines = Array.from({ length: LINES_PER_FILE }, () => writer.line());
    files.push({ path: `d${f % 997}/f${f}.ts`, text: lines.join('\n') });
  }
  const profile = retrievalProfile('global');
  const start = performance.now();
  const corpus = buildCorpus({ name: 'made-up', files }, profile, lexicalTokens);
  const names = ['bm25', 'jaccard'] as const;
  const set = createRetrievers(names, corpus, askingOf(profile, 'last-n', false)!, {
    embedder: () => {
      throw new Error('lexical retrievers need no encoder');
    },
  });
  await set.prepareEncoded([], matrixOf(0, 0, new Float32Array(0)), 0);
  const indexMs = performance.now() - start;

  const questions = new Writer(fit, 3);
  const tasks = Array.from({ length: WARM_UP + QUERIES }, () => ({
    path: 'none.ts',
    prefix: queryOf(questions),
    reference: '',
    suffix: '',
  }));
  const times = new Map(names.map((name): [string, number[]] => [name, []]));
  const busy = new Map(names.map((name): [string, number[]] => [name, []]));
  for (const task of tasks) {
    for (const name of names) {
      const asked = performance.now();
      const before = process.cpuUsage();
      await set.get(name).retrieve(task, TOP_K);
      const { user, system } = process.cpuUsage(before);
      times.get(name)!.push(performance.now() - asked);
      busy.get(name)!.push((user + system) / 1000);
    }
  }
  for (const [i, name] of names.entries()) {
    const [wall, cpu] = [times, busy].map((all) => all.get(name)!.slice(WARM_UP)) as [number[], number[]];
    const left =
      i > 0
        ? ''.padEnd(48)
        : [
            String(corpus.chunks.length).padEnd(9),
            String(corpus.termNumber.size).padStart(8),
            (indexMs / 1000).toFixed(1).padStart(8),
            ((indexMs * 1000) / corpus.chunks.length).toFixed(0).padStart(8),
            (process.resourceUsage().maxRSS / 1024).toFixed(0).padStart(9),
          ].join(' ') + '   ';
    const cells = [quantile(wall, 0.5)!, quantile(wall, 0.9)!, quantile(cpu, 0.5)!].map((value) =>
      value.toFixed(2).padStart(8),
    );
    process.stdout.write(`${left}${name.padEnd(9)} ${cells.join(' ')}\n`);
  }
}

/** Ten lines or fewer that hold exactly the tokens of a query. */
function queryOf(writer: Writer): string {
  const lines: string[] = [];
  let left = QUERY_TOKENS;
  while (left > 0) {
    const words = lexicalTokens(writer.line()).slice(0, left);
    if (words.length === 0) continue;
    // The query is the last ten lines: what does not fit goes on the tenth.
    if (lines.length === 10) lines[9] = `${lines[9]!}.${words.join('.')}`;
    else lines.push(words.join('.'));
    left -= words.length;
  }
  return lines.join('\n');
}

const [size, fitText] = process.argv.slice(2);
if (size !== undefined && fitText !== undefined) {
  await measure(Number(size), JSON.parse(fitText) as Fit);
} else {
  const fit = fitToRealCode();
  process.stdout.write(
    `fitted to ${fit.tokens} tokens of ${SOURCES.join(', ')}: frequency of rank r ~ (r + ${fit.shift.toFixed(1)})^-` +
      `${fit.exponent.toFixed(3)}, ${(fit.tokens / fit.lines).toFixed(1)} tokens a line, ` +
      `${fit.distinct.toFixed(1)} distinct of ${fit.perChunk.toFixed(1)} in a chunk\n` +
      'chunks     terms    index s  µs/chunk  RSS MiB   retriever  p50 ms   p90 ms   CPU p50\n',
  );
  for (const chunks of size === undefined ? SIZES : [Number(size)]) {
    const child = spawnSync(
      process.execPath,
      [
        '--max-old-space-size=3500',
        '--import',
        'tsx',
        fileURLToPath(import.meta.url),
        String(chunks),
        JSON.stringify(fit),
      ],
      { stdio: 'inherit' },
    );
    if (child.status !== 0) process.exit(child.status ?? 1);
  }
}
