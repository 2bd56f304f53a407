/**
 * @file Small corpora and retrievers for tests.
 */

import type { SourceFile } from '../../src/domain/task.js';
import { buildCorpus, type Corpus } from '../../src/retrieval/corpus/corpus.js';
import { retrievalEmbedder } from '../../src/retrieval/rankers/embedder.js';
import { lexicalTokens } from '../../src/retrieval/lexical-tokens.js';
import {
  askingOf,
  retrievalProfile,
  type QueryKind,
  type RetrievalProfile,
  type RetrievalProfileName,
} from '../../src/retrieval/profile.js';
import type { RetrievalTask } from '../../src/retrieval/corpus/query.js';
import type { SearchName } from '../../src/retrieval/kinds.js';
import type { RetrieverResources } from '../../src/retrieval/rankers/ranker.js';
import { createRetrievers, prepareAll, type Retriever } from '../../src/retrieval/retriever.js';
import type { Rng } from '../../src/tensor/rng.js';
import { matrixOf } from '../../src/tensor/matrix.js';
import { fakeEncoder, fakeTokenizer } from './fakes.js';

export const NO_ENCODER: RetrieverResources = {
  embedder: () => {
    throw new Error('lexical retrievers need no encoder');
  },
};

/** An encoder whose vector counts the letters a, x and y: simple to follow, and texts point apart. */
export const LETTER_ENCODER: RetrieverResources = {
  embedder: () =>
    retrievalEmbedder(
      {
        ...fakeEncoder,
        maxTokens: 512,
        encode: (inputs) =>
          Promise.resolve(matrixOf(inputs.length, 3, Float32Array.from(inputs.flatMap(letterCounts)))),
      },
      fakeTokenizer,
    ),
};

/** How often each of the letters a, x and y is among ids of the fake tokenizer. */
export function letterCounts(ids: readonly number[]): number[] {
  return ['a', 'x', 'y'].map((letter) => ids.filter((id) => id === 100 + letter.charCodeAt(0)).length);
}

export function corpusOf(
  files: readonly SourceFile[],
  profile: RetrievalProfile = retrievalProfile('repoformer'),
): Corpus {
  return buildCorpus({ name: 'r', files }, profile, lexicalTokens);
}

/** A task in a file, with what the test says of it and nothing else. */
export function taskIn(path: string, prefix: string, rest: Partial<RetrievalTask> = {}): RetrievalTask {
  return { path, prefix, reference: '', suffix: '', ...rest };
}

export interface RetrieverSetting {
  readonly profile?: RetrievalProfileName;
  readonly query?: QueryKind;
  readonly isStrict?: boolean;
  readonly resources?: RetrieverResources;
}

/** A retriever over files, to be asked without preparation (lexical) or after `prepareAll`. */
export function retrieverOver(
  files: readonly SourceFile[],
  name: SearchName,
  {
    profile = 'repoformer',
    query = 'last-n',
    isStrict = false,
    resources = NO_ENCODER,
  }: RetrieverSetting = {},
): Retriever {
  const rules = retrievalProfile(profile);
  const set = createRetrievers([name], corpusOf(files, rules), askingOf(rules, query, isStrict)!, resources);
  return {
    name,
    async retrieve(task, k) {
      await prepareAll([{ set, tasks: [task] }], resources);
      return set.get(name).retrieve(task, k);
    },
  };
}

/** Two to seven files of up to 40 lines over a dozen words, some lines blank, some contents repeated. */
export function randomFiles(rng: Rng): SourceFile[] {
  const files: SourceFile[] = [];
  for (let f = 0, count = 2 + rng.int(6); f < count; f++) {
    const path = `${['', 'src/', 'src/lib/', 'src/lib/deep/'][rng.int(4)]!}f${f}${rng.int(2) === 0 ? '' : 'é'}.ts`;
    const text =
      files.length > 0 && rng.int(5) === 0
        ? files[rng.int(files.length)]!.text
        : Array.from({ length: rng.int(40) }, () => randomLine(rng)).join('\n');
    files.push({ path, text });
  }
  return files;
}

function randomLine(rng: Rng): string {
  if (rng.int(6) === 0) return ['  ', '', '\u0085', '{', '// …'][rng.int(5)]!;
  return Array.from({ length: 1 + rng.int(4) }, () => `t${rng.int(12)}`).join(' ');
}

/** A task that cuts one of the files into prefix, one line or less of reference, and suffix. */
export function randomTask(rng: Rng, files: readonly SourceFile[]): RetrievalTask {
  const { path, text } = files[rng.int(files.length)]!;
  const at = rng.int(text.length + 1);
  const newline = text.indexOf('\n', at);
  const end = newline === -1 ? text.length : newline;
  return { path, prefix: text.slice(0, at), reference: text.slice(at, end), suffix: text.slice(end) };
}
