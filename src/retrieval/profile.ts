/**
 * @file Named sets of retrieval rules: one for each published harness, and one without caps.
 *
 * A profile fixes everything between a repository and a ranking. A profile is data: `corpus/rules.ts` says
 * what its fields mean, and nothing asks for a profile by its name.
 *
 * docs/retrieval.md tells users the same, and names the places where the references have defects.
 */

import type { RetrievalProfile } from './corpus/rules.js';

export { askingOf, QUERY_KINDS } from './corpus/rules.js';
export type { Asking, QueryKind, QueryRule, RetrievalProfile } from './corpus/rules.js';

const CAPS = { kind: 'nearest-files', maxDistance: 100, maxFiles: 1000, maxChunks: 1000 } as const;

const NEXT_WINDOW = { shown: { kind: 'next-window' }, pairing: 'together', asPublished: {} } as const;

/** The match itself, repeated texts and all: what CrossCodeEval and Repoformer do when they do not shift. */
const MATCHES = {
  shown: { kind: 'match' },
  selection: { kind: 'best-k', repeats: 'kept' },
  pairing: 'together',
  asPublished: { pairing: 'sorted-apart' },
} as const;

const LAST_TEN = { query: { kind: 'non-blank-before', lines: 10 }, leaks: false } as const;
const ORACLE_TEN = { query: { kind: 'non-blank-with-reference', lines: 10 }, leaks: true } as const;
const BOTH_SIDES = { query: { kind: 'non-blank-around', before: 5, after: 5 }, leaks: false } as const;

const NO_OVERLAP = {
  files: { kind: 'typescript-below-src' },
  windows: { kind: 'non-blank', lines: 10, stride: 10 },
  terms: 'lexical',
  candidates: CAPS,
  ties: 'greater-id',
  topK: { usual: 5, most: Infinity },
  promptOrder: 'best-first',
} as const;

const HOLE_WINDOW = { kind: 'lines-around', before: 10, after: 10 } as const;

const PROFILES = {
  /**
   * Line completion in Repoformer: overlapping windows, at most 1,000 candidate chunks from the nearest
   * files, and the window that follows each of the best k.
   *
   * Source: Repoformer `repo_eval/cfc_retrieval/{attach_cfc.py,run.sh}` (5b057131).
   */
  repoformer: {
    name: 'repoformer',
    version: 'repoformer@2',
    files: { kind: 'all' },
    windows: { kind: 'non-blank', lines: 10, stride: 5 },
    terms: 'lexical',
    candidates: CAPS,
    ties: 'greater-id',
    queries: {
      'last-n': { ...LAST_TEN, ...NEXT_WINDOW, selection: { kind: 'best-k', repeats: 'dropped' } },
      'two-sided': { ...BOTH_SIDES, ...MATCHES },
      oracle: { ...ORACLE_TEN, ...MATCHES },
    },
    topK: { usual: 10, most: Infinity },
    promptOrder: 'best-first',
  },

  /**
   * CrossCodeEval: windows without overlap, and down the ranking until k different texts are found.
   *
   * Source: CrossCodeEval `prompt_builder/{augment_with_cfc.py,run.sh}` (25f9cab7).
   */
  cceval: {
    name: 'cceval',
    version: 'cceval@2',
    ...NO_OVERLAP,
    queries: {
      'last-n': { ...LAST_TEN, ...NEXT_WINDOW, selection: { kind: 'until-k' } },
      'two-sided': null,
      oracle: { ...ORACLE_TEN, ...MATCHES },
    },
  },

  /**
   * The lists that CrossCodeEval's records ship: its windows, and of the best k matches those that show different
   * texts. The script that was released later goes on until there are k, so `cceval` never gives 3 or 4 where there
   * is more to find.
   *
   * Source: the shipped records with fewer than 5 chunks, beside their repositories.
   */
  'cceval-shipped': {
    name: 'cceval-shipped',
    version: 'cceval-shipped@1',
    ...NO_OVERLAP,
    queries: {
      'last-n': { ...LAST_TEN, ...NEXT_WINDOW, selection: { kind: 'best-k', repeats: 'dropped' } },
      'two-sided': null,
      oracle: { ...ORACLE_TEN, ...MATCHES },
    },
  },

  /**
   * RepoCoder's first round: centred windows over the whole repository, the part of the target file
   * before the prompt among them, compared by Codex' byte pairs.
   *
   * RepoCoder writes its ground-truth windows over its baseline windows, so that what it published as
   * retrieval by the code before the hole asks with the hole's window.
   *
   * Source: CodeT `RepoCoder/{make_window.py,search_code.py,build_prompt.py}` (35f54d60).
   */
  repocoder: {
    name: 'repocoder',
    version: 'repocoder@2',
    files: { kind: 'all' },
    windows: { kind: 'centred', lines: 20, stride: 10 },
    terms: 'codex-bpe',
    candidates: { kind: 'not-behind-prompt-start' },
    ties: 'later-chunk',
    queries: {
      'last-n': {
        query: { kind: 'lines-before', lines: 20 },
        shown: { kind: 'moved-on', lines: 10 },
        selection: { kind: 'best-k', repeats: 'kept' },
        pairing: 'together',
        leaks: false,
        asPublished: { query: HOLE_WINDOW, leaks: true },
      },
      'two-sided': null,
      oracle: {
        query: HOLE_WINDOW,
        shown: { kind: 'match' },
        selection: { kind: 'best-k', repeats: 'kept' },
        pairing: 'together',
        leaks: true,
        asPublished: {},
      },
    },
    topK: { usual: 10, most: 20 },
    promptOrder: 'best-last',
  },

  /**
   * The whole repository, for those whose monorepo does not end after 1,000 chunks: CrossCodeEval's
   * windows and selection, no caps, one index and one set of statistics for all tasks.
   */
  global: {
    name: 'global',
    version: 'global@2',
    files: { kind: 'all' },
    windows: { kind: 'non-blank', lines: 10, stride: 10 },
    terms: 'lexical',
    candidates: { kind: 'other-files' },
    ties: 'earlier-chunk',
    queries: {
      'last-n': { ...LAST_TEN, ...NEXT_WINDOW, selection: { kind: 'until-k' } },
      'two-sided': { ...BOTH_SIDES, ...MATCHES, selection: { kind: 'until-k' }, asPublished: {} },
      oracle: { ...ORACLE_TEN, ...MATCHES, selection: { kind: 'until-k' }, asPublished: {} },
    },
    topK: { usual: 10, most: Infinity },
    promptOrder: 'best-first',
  },
} as const satisfies Readonly<Record<string, RetrievalProfile>>;

export type RetrievalProfileName = keyof typeof PROFILES;

/** The names, in the order of the profiles above. */
export const RETRIEVAL_PROFILES = Object.keys(PROFILES) as readonly RetrievalProfileName[];

/** The profile of runs and rankings for which nobody names one. */
export const DEFAULT_RETRIEVAL_PROFILE: RetrievalProfileName = 'repoformer';

export function retrievalProfile(name: RetrievalProfileName): RetrievalProfile {
  return PROFILES[name];
}
