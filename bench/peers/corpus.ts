/**
 * @file The chunks and queries that the retrieval part searches: real code, cut by the profile `global`.
 *
 * From the benchmark `npm-ts-lines` (fetched from npm at first use): its repositories joined to one, as
 * many whole files as hold the wanted number of chunks; the queries are those of its tasks.
 */

import { openDataset } from '../../src/datasets/open/open-dataset.js';
import type { SourceFile } from '../../src/domain/task.js';
import { buildCorpus, type Corpus } from '../../src/retrieval/corpus/corpus.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import { askingOf, retrievalProfile } from '../../src/retrieval/profile.js';
import { queryText } from '../../src/retrieval/corpus/query.js';

export interface SearchedCorpus {
  readonly files: readonly SourceFile[];
  readonly corpus: Corpus;
  /** The tokens of each chunk, joined by blanks; a chunk's number is its place. */
  readonly documents: readonly string[];
}

const PROFILE = retrievalProfile('global');

/** All files of the benchmark, and the tokens of `count` queries spread over its tasks, joined by blanks. */
export async function realCode(count: number): Promise<{ files: SourceFile[]; queries: string[] }> {
  const dataset = await openDataset('npm-ts-lines');
  const files: SourceFile[] = [];
  for (const { repository } of dataset.sources) {
    for (const { path, text } of (await dataset.repository(repository)).files) {
      files.push({ path: `${repository}/${path}`, text });
    }
  }
  const asking = askingOf(PROFILE, 'last-n', false)!;
  const step = dataset.tasks.length / count;
  const queries = Array.from({ length: count }, (_, i) => {
    const task = dataset.tasks[Math.floor(i * step)]!;
    return lexicalTokens(queryText(task, asking.query, null)).join(' ');
  });
  return { files, queries };
}

/** The first files that give at least `wanted` chunks, or all of them. */
export function corpusOf(files: readonly SourceFile[], wanted: number): SearchedCorpus {
  let kept: readonly SourceFile[] = files;
  const build = (): Corpus => buildCorpus({ name: 'all', files: kept }, PROFILE, lexicalTokens);
  let corpus = build();
  if (corpus.chunks.length > wanted) {
    const paths = new Set(corpus.chunks.slice(0, wanted).map(({ path }) => path));
    kept = files.filter(({ path }) => paths.has(path));
    corpus = build();
  }
  const documents = corpus.chunks.map(({ text }) => lexicalTokens(text).join(' '));
  return { files: kept, corpus, documents };
}
