/**
 * @file First half of the retrieval check against NLTK and rank_bm25: writes queries, files and our
 * rankings of three real repositories.
 *
 *     npx tsx scripts/check-retrieval.ts /tmp/rankings.json
 *     pip install nltk==3.9.1 rank_bm25==0.2.2 && python scripts/check-retrieval.py /tmp/rankings.json
 *
 * Fetches the benchmark at first use. Not part of the test suite, which needs only Node and no network.
 */

import { openDataset } from '../src/datasets/dataset.js';
import { buildCorpus } from '../src/retrieval/corpus.js';
import { retrievalProfile } from '../src/retrieval/profile.js';
import { createRetriever } from '../src/retrieval/retriever.js';
import { writeAtomically } from '../src/run/atomic-file.js';

const TASKS_PER_REPOSITORY = 12;
const TOP_K = 10;

const [out] = process.argv.slice(2);
if (out === undefined) throw new Error('usage: tsx scripts/check-retrieval.ts OUT.json');

const noEncoder = {
  embedder: (): never => {
    throw new Error('lexical retrievers need no encoder');
  },
};

const dataset = await openDataset('npm-ts-lines');
const written: object[] = [];
for (const name of ['immer', 'mobx', 'rxjs']) {
  const repository = await dataset.repository(name);
  const corpus = buildCorpus(repository, retrievalProfile('repoformer'));
  const tasks: object[] = [];
  for (const task of dataset.tasks.filter((t) => t.repository === name).slice(0, TASKS_PER_REPOSITORY)) {
    const rankings: Record<string, object[]> = {};
    for (const kind of ['jaccard', 'bm25'] as const) {
      const found = await createRetriever(kind, corpus, noEncoder).retrieve(task, TOP_K);
      rankings[kind] = found.map(({ path, text, score }) => ({ path, text, score }));
    }
    tasks.push({ path: task.path, prefix: task.prefix, rankings });
  }
  written.push({ name, files: repository.files, tasks });
}
await writeAtomically(out, JSON.stringify(written));
