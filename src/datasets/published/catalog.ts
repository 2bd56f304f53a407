/**
 * @file The published benchmarks: where they officially are, under which licence, and which of their files
 * are which tasks. The one place with addresses.
 *
 * No hash is recorded here, because the program was written where these hosts cannot be reached. A hash is
 * recorded in the cache when something is first fetched, and said so; what the hub states is checked.
 * Sizes are those of the publishers' own pages where they state one. File names inside archives and
 * repositories are matched by pattern, and a pattern that matches nothing is reported with what is there.
 *
 * Sources: microsoft/CodeT `RepoCoder/README.md`; amazon-science/cceval README; Leolty/repobench
 * `data/README.md` and the cards of its sets; the card of Long Code Arena's set.
 */

/** One file of a repository on GitHub. */
export interface GitHubFile {
  readonly kind: 'github';
  readonly repository: string;
  readonly revision: string;
  readonly path: string;
  /** Archives of records are unpacked; archives of repositories are read as they are. */
  readonly holds: 'records' | 'repositories';
}

/** The files of a data set on the hub that a pattern picks. */
export interface HubFiles {
  readonly kind: 'hub';
  readonly dataset: string;
  readonly revision: string;
  readonly pattern: RegExp;
}

export type PublishedSource = GitHubFile | HubFiles;

/** What is fetched and kept together. */
export interface PublishedSet {
  readonly id: string;
  readonly title: string;
  /** As the source states it. */
  readonly licence: string;
  /** What the publisher states of its size, for people. */
  readonly statedSize: string;
  /** How many tasks it holds, for people. */
  readonly tasks: string;
  readonly page: string;
  /** Sets with the same name share their cache folder. */
  readonly folder: string;
  readonly sources: readonly PublishedSource[];
  /** Which record files are which part of the set; the first part is the default. */
  readonly parts: Readonly<Record<string, RegExp>>;
  /** Which retrievers can work on it, for people. */
  readonly retrieval: string;
}

const ANY_RETRIEVER = 'all: the repositories are fetched along';

function repoEval(
  level: string,
  repositories: string,
  budgets: readonly (readonly [part: string, file: string])[],
  tasks: string,
): PublishedSet {
  const file = (path: string, holds: GitHubFile['holds']): GitHubFile => ({
    kind: 'github',
    repository: 'microsoft/CodeT',
    revision: 'main',
    path: `RepoCoder/${path}`,
    holds,
  });
  return {
    id: `repoeval-${level}`,
    title: `RepoEval, ${level} level`,
    licence: 'MIT (RepoCoder); the repositories have their own',
    statedSize: 'not stated',
    tasks,
    page: 'https://github.com/microsoft/CodeT/tree/main/RepoCoder',
    folder: 'repoeval',
    sources: [
      file('datasets/datasets.zip', 'records'),
      file(`repositories/${repositories}.zip`, 'repositories'),
    ],
    parts: Object.fromEntries(
      budgets.map(([part, name]) => [
        part,
        new RegExp(`(^|/)${level}_level_completion_${name}\\.test\\.jsonl$`),
      ]),
    ),
    retrieval: ANY_RETRIEVER,
  };
}

const CODEGEN_AND_CODEX = [
  ['2k', '2k_context_codegen'],
  ['1k', '1k_context_codegen'],
  ['2k-codex', '2k_context_codex'],
  ['4k-codex', '4k_context_codex'],
] as const;

const CROSS_CODE_EVAL_VARIANTS = [
  'rg1_bm25',
  'rg1_unixcoder_cosine_sim',
  'rg1_openai_cosine_sim',
  'oracle_bm25',
  'oracle_unixcoder_cosine_sim',
  'oracle_openai_cosine_sim',
] as const;

function crossCodeEval(language: string, tasks: string): PublishedSet {
  const file = (suffix: string): RegExp => new RegExp(`(^|/)${language}/line_completion${suffix}\\.jsonl$`);
  return {
    id: `cceval-${language}`,
    title: `CrossCodeEval, ${language}`,
    licence: 'Apache-2.0',
    statedSize: 'not stated; one archive for all four languages',
    tasks,
    page: 'https://github.com/amazon-science/cceval',
    folder: 'cceval',
    sources: [
      {
        kind: 'github',
        repository: 'amazon-science/cceval',
        revision: 'main',
        path: 'data/crosscodeeval_data.tar.xz',
        holds: 'records',
      },
    ],
    parts: Object.fromEntries([
      ...CROSS_CODE_EVAL_VARIANTS.map((variant) => [variant, file(`_${variant}`)] as const),
      ['plain', file('')] as const,
    ]),
    retrieval: 'as-shipped; others with --repos (the authors send the repositories on request)',
  };
}

function repoBench(language: string, statedSize: string, tasks: string): PublishedSet {
  return {
    id: `repobench-${language}`,
    title: `RepoBench v1.1, ${language}`,
    licence: 'CC (CC BY 4.0 in the code repository)',
    statedSize,
    tasks,
    page: `https://huggingface.co/datasets/tianyang/repobench_${language}_v1.1`,
    folder: `repobench-${language}`,
    sources: [
      {
        kind: 'hub',
        dataset: `tianyang/repobench_${language}_v1.1`,
        revision: 'main',
        pattern: /\.parquet$/,
      },
    ],
    parts: {
      cross_file_first: /(^|\/)cross_file_first[^/]*\.parquet$/,
      cross_file_random: /(^|\/)cross_file_random[^/]*\.parquet$/,
      in_file: /(^|\/)in_file[^/]*\.parquet$/,
      all: /\.parquet$/,
    },
    retrieval: 'as-shipped: the candidates of each task, unranked; repositories are not part of it',
  };
}

function longCodeArena(size: string, statedSize: string, records: string): PublishedSet {
  const dataset = 'JetBrains-Research/lca-project-level-code-completion';
  return {
    id: `lca-${size}`,
    title: `Long Code Arena, ${size} context`,
    licence: 'Apache-2.0; the repositories have their own',
    statedSize,
    tasks: `${records} files of many holes`,
    page: `https://huggingface.co/datasets/${dataset}`,
    folder: `lca-${size}`,
    sources: [
      { kind: 'hub', dataset, revision: 'main', pattern: new RegExp(`${size}_context[^]*\\.parquet$`) },
    ],
    parts: { test: /\.parquet$/ },
    retrieval: 'all: each record holds its repository',
  };
}

export const PUBLISHED_SETS: readonly PublishedSet[] = [
  repoEval('line', 'line_and_api_level', CODEGEN_AND_CODEX, '1,600 tasks'),
  repoEval('api', 'line_and_api_level', CODEGEN_AND_CODEX, '1,600 tasks'),
  repoEval(
    'function',
    'function_level',
    [
      ['2k', '2k_context_codex'],
      ['4k', '4k_context_codex'],
    ],
    '373 tasks',
  ),
  crossCodeEval('python', '2,665 tasks'),
  crossCodeEval('java', '2,139 tasks'),
  crossCodeEval('typescript', '3,356 tasks'),
  crossCodeEval('csharp', '1,768 tasks'),
  repoBench('python', '473 MB', '23,561 tasks'),
  repoBench('java', 'not stated', 'about 26,100 tasks'),
  longCodeArena('small', '38 MB in an earlier release', '144'),
  longCodeArena('medium', '226 MB in an earlier release', '224'),
  longCodeArena('large', '1.2 GB in an earlier release', '270'),
  longCodeArena('huge', 'not stated', '296'),
];

/**
 * The set and part that a reference names: `repobench-python`, `repobench-python:in_file`.
 *
 * @returns null if no set has the id; `part` is null if the set has no such part.
 */
export function findPublished(
  reference: string,
): { readonly set: PublishedSet; readonly part: string | null; readonly wanted: string } | null {
  const [id, ...rest] = reference.split(':');
  const set = PUBLISHED_SETS.find((entry) => entry.id === id);
  if (set === undefined) return null;
  const wanted = rest.length === 0 ? Object.keys(set.parts)[0]! : rest.join(':');
  return { set, part: wanted in set.parts ? wanted : null, wanted };
}
