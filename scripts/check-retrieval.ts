/**
 * @file First half of the retrieval check against NLTK, rank_bm25 and tiktoken: writes tasks, files and
 * our rankings of three real repositories, under every published profile and query, with and without the
 * references' defects.
 *
 *     npx tsx scripts/check-retrieval.ts /tmp/rankings.json
 *     pip install nltk==3.8.1 rank_bm25==0.2.2 tiktoken==0.14.0
 *     python scripts/check-retrieval.py /tmp/rankings.json
 *
 * Fetches the benchmark at first use. Not part of the test suite, which needs only Node and no network.
 */

import p50k from 'js-tiktoken/ranks/p50k_base';
import { retrievalSetting } from '../src/comparison/retrieval-setting.js';
import { openDataset } from '../src/datasets/open/open-dataset.js';
import { buildCorpus } from '../src/retrieval/corpus/corpus.js';
import { QUERY_KINDS, retrievalProfile } from '../src/retrieval/profile.js';
import { createRetrievers, prepareAll } from '../src/retrieval/retriever.js';
import { writeAtomically } from '../src/files/atomic-file.js';

const TASKS_PER_REPOSITORY = 8;
const TOP_K = 10;

const [out] = process.argv.slice(2);
if (out === undefined) throw new Error('usage: tsx scripts/check-retrieval.ts OUT.json');

const noEncoder = {
  embedder: (): never => {
    throw new Error('lexical retrievers need no encoder');
  },
};

const dataset = await openDataset('npm-ts-lines');
const repositories: object[] = [];
const rankings: object[] = [];
for (const name of ['immer', 'mobx', 'rxjs']) {
  const { files } = await dataset.repository(name);
  // CrossCodeEval reads TypeScript below src/ only.
  const repository = { name, files: files.map(({ path, text }) => ({ path: `src/${path}`, text })) };
  const tasks = dataset.tasks
    .filter((task) => task.repository === name)
    .slice(0, TASKS_PER_REPOSITORY)
    .map((task, i) => {
      // Every other prompt is cut, so that RepoCoder may look at what stands before it.
      const lines = task.prefix.split('\n');
      const prefix = i % 2 === 0 ? task.prefix : lines.slice(Math.floor(lines.length * 0.7)).join('\n');
      return { ...task, path: `src/${task.path}`, prefix };
    });
  repositories.push(repository);
  for (const profile of ['repoformer', 'cceval', 'repocoder'] as const) {
    for (const query of QUERY_KINDS) {
      if (retrievalProfile(profile).queries[query] === null) continue;
      for (const isStrict of [false, true]) {
        const setting = await retrievalSetting(profile, query, isStrict);
        const corpus = buildCorpus(repository, setting.profile, setting.terms);
        const set = createRetrievers(['jaccard', 'bm25'], corpus, setting.asking, noEncoder);
        await prepareAll([{ set, tasks }], noEncoder);
        for (const task of tasks) {
          for (const scorer of ['jaccard', 'bm25'] as const) {
            const found = await set.get(scorer).retrieve(task, TOP_K);
            rankings.push({ repository: name, profile, query, isStrict, scorer, task, found });
          }
        }
      }
    }
  }
}
await writeAtomically(out, JSON.stringify({ topK: TOP_K, p50k, repositories, rankings }));
