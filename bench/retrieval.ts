/**
 * @file Time per query of the lexical retrievers on 5,000 chunks, indexed and as a plain scan.
 *
 *     npm run bench:retrieval
 *
 * Real queries and chunks of the benchmark `npm-ts-lines` (fetched at first use): its repositories
 * joined to one and cut to 5,000 chunks. The indexed and the scanning form answer the same queries in
 * turn, so that drift of the machine hits both; the ratio is the figure to quote.
 */

import { performance } from 'node:perf_hooks';
import { openDataset } from '../src/datasets/open/open-dataset.js';
import type { SourceFile } from '../src/domain/task.js';
import { quantile } from '../src/statistics/statistics.js';
import { buildCorpus } from '../src/retrieval/corpus/corpus.js';
import { lexicalTokens } from '../src/retrieval/lexical-tokens.js';
import { CandidateSets } from '../src/retrieval/corpus/candidates.js';
import { askingOf, retrievalProfile } from '../src/retrieval/profile.js';
import { queryText } from '../src/retrieval/corpus/query.js';
import { createRetrievers, prepareAll } from '../src/retrieval/retriever.js';

const CHUNKS = 5000;
const QUERIES = 200;

const dataset = await openDataset('npm-ts-lines');
const files: SourceFile[] = [];
for (const { repository } of dataset.sources) {
  for (const file of (await dataset.repository(repository)).files) {
    files.push({ path: `${repository}/${file.path}`, text: file.text });
  }
}
const repoformer = retrievalProfile('repoformer');
const asking = askingOf(repoformer, 'last-n', false)!;
const caps = { kind: 'nearest-files', maxDistance: 100, maxFiles: Infinity, maxChunks: CHUNKS } as const;
const profile = { ...repoformer, candidates: caps };
const indexing = performance.now();
const corpus = buildCorpus({ name: 'all', files }, profile, lexicalTokens);
const indexMs = performance.now() - indexing;
// One target that is no file: every task then has the same 5,000 candidates.
const path = 'none.ts';
const tasks = dataset.tasks.slice(0, QUERIES).map((task) => ({ ...task, path }));
const candidates = new CandidateSets(corpus).of(tasks[0]!);

const sets = [...candidates.members].map((i) => new Set(lexicalTokens(corpus.chunks[i]!.text)));
const bags = [...candidates.members].map((i) => lexicalTokens(corpus.chunks[i]!.text));

/** The plain forms: tokens ready, but every chunk looked at for every query, everything sorted. */
const scans = {
  jaccard: (query: string): number[] => {
    const wanted = new Set(lexicalTokens(query));
    return sets
      .map((set) => {
        let shared = 0;
        for (const token of wanted) if (set.has(token)) shared++;
        return shared / (wanted.size + set.size - shared);
      })
      .sort((a, b) => b - a);
  },
  bm25: (query: string): number[] => {
    const wanted = lexicalTokens(query);
    const mean = bags.reduce((sum, bag) => sum + bag.length, 0) / bags.length;
    const idf = new Map(
      [...new Set(wanted)].map((token) => {
        const holders = sets.reduce((sum, set) => sum + (set.has(token) ? 1 : 0), 0);
        return [token, Math.log(bags.length - holders + 0.5) - Math.log(holders + 0.5)] as const;
      }),
    );
    return bags
      .map((bag) =>
        wanted.reduce((sum, token) => {
          const f = bag.filter((other) => other === token).length;
          return sum + (idf.get(token)! * f * 2.5) / (f + 1.5 * (0.25 + (0.75 * bag.length) / mean));
        }, 0),
      )
      .sort((a, b) => b - a);
  },
};

const noEncoder = {
  embedder: (): never => {
    throw new Error('lexical retrievers need no encoder');
  },
};

process.stdout.write(
  `${corpus.chunks.length} chunks of ${files.length} files indexed in ${indexMs.toFixed(0)} ms; ` +
    `${candidates.members.length} candidates, ${tasks.length} queries\n` +
    'retriever  indexed p50   p90 ms    scan p50 ms   scan / indexed (median of pairs)\n',
);
for (const name of ['jaccard', 'bm25'] as const) {
  const set = createRetrievers([name], corpus, asking, noEncoder);
  await prepareAll([{ set, tasks }], noEncoder);
  const retriever = set.get(name);
  const indexed: number[] = [];
  const scanned: number[] = [];
  for (const task of [...tasks.slice(0, 20), ...tasks]) {
    const start = performance.now();
    await retriever.retrieve(task, 10);
    const middle = performance.now();
    scans[name](queryText(task, asking.query, null));
    indexed.push(middle - start);
    scanned.push(performance.now() - middle);
  }
  // The first 20 queries are the warm-up.
  const [a, b] = [indexed.slice(20), scanned.slice(20)];
  const ratio = quantile(
    a.map((value, i) => b[i]! / value),
    0.5,
  )!;
  const cells = [quantile(a, 0.5)!, quantile(a, 0.9)!, quantile(b, 0.5)!].map((value) =>
    value.toFixed(2).padStart(10),
  );
  process.stdout.write(`${name.padEnd(9)} ${cells.join(' ')}  ${ratio.toFixed(0).padStart(10)}\n`);
}
