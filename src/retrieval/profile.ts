/**
 * @file Named sets of retrieval rules, one per published harness, and one without caps.
 *
 * A profile fixes everything between a repository and a ranking. Where harnesses differ in kind and
 * not only in a number, the difference is a variant of a union here and a `case` where it is applied;
 * nothing asks for a profile by name.
 *
 * docs/retrieval.md tells the same for users, with the places in which the references have defects.
 */

import type { TermKind } from '../domain/terms.js';

export const RETRIEVAL_PROFILES = ['repoformer', 'cceval', 'repocoder', 'global'] as const;
export type RetrievalProfileName = (typeof RETRIEVAL_PROFILES)[number];

/** The profile of a run that names none: LlavaCode retrieves as Repoformer does. */
export const DEFAULT_RETRIEVAL_PROFILE: RetrievalProfileName = 'repoformer';

/** What is asked: the code before the hole, the code on both sides, or (leaking) the answer as well. */
export const QUERY_KINDS = ['last-n', 'two-sided', 'oracle'] as const;
export type QueryKind = (typeof QUERY_KINDS)[number];

/** Which of the repository's files are chunked. */
export type FileRule =
  | { readonly kind: 'all' }
  /** CrossCodeEval reads TypeScript from `src/` alone, and neither `.mts` nor `.cts`. */
  | { readonly kind: 'typescript-below-src' };

/** How a file is cut. */
export type Windowing =
  /** Blank lines go first, "\n" alone ends a line, and a window without a term is dropped. */
  | { readonly kind: 'non-blank'; readonly lines: number; readonly stride: number }
  /**
   * Every line stays, whatever Python's `splitlines` ends a line at. Window i reaches from half a window
   * before line i * stride to half a window after it, so the first is shorter. Windows of equal text,
   * wherever they lie, are one chunk with several places.
   */
  | { readonly kind: 'centred'; readonly lines: number; readonly stride: number };

/** Which chunks are scored for a task. */
export type CandidateRule =
  /** Other files than the target, nearest first, until one of the caps is reached. */
  | {
      readonly kind: 'nearest-files';
      readonly maxDistance: number;
      readonly maxFiles: number;
      readonly maxChunks: number;
    }
  /** All chunks but those that lie, with every one of their places, in the target file behind the prompt's start. */
  | { readonly kind: 'not-behind-prompt-start' }
  /** All chunks of all other files; statistics are those of the whole repository. */
  | { readonly kind: 'other-files' };

/** How equal scores are ordered. */
export type TieRule =
  /** The greater id `path|k`, by code point, is better; "9" is greater than "10". */
  | 'greater-id'
  /** The chunk that comes later, files in code-point order of their paths, is better. */
  | 'later-chunk'
  /** The chunk that comes earlier is better. */
  | 'earlier-chunk';

/** The text that is compared with the chunks. */
export type QueryRule =
  | { readonly kind: 'non-blank-before'; readonly lines: number }
  /** The same with the reference's lines at the end: it knows the answer. */
  | { readonly kind: 'non-blank-with-reference'; readonly lines: number }
  | { readonly kind: 'non-blank-around'; readonly before: number; readonly after: number }
  /** Whole lines before the hole's line, blank ones too. */
  | { readonly kind: 'lines-before'; readonly lines: number }
  /** Whole lines around the beginning of the hole's line, the answer among them. */
  | { readonly kind: 'lines-around'; readonly before: number; readonly after: number };

/** What is shown for a chunk that matched. */
export type ShownRule =
  | { readonly kind: 'match' }
  /** The window after it in its file, or itself at the end of the file; the score stays that of the match. */
  | { readonly kind: 'next-window' }
  /**
   * A window of the same size that ends so many lines further on. A place in the target file is no good
   * once that reaches the hole; a match without a good place is not shown, and none takes its place.
   */
  | { readonly kind: 'moved-on'; readonly lines: number };

/** How many matches are looked at for k chunks. */
export type SelectionRule =
  /** The best k and no more, so that fewer remain where repeated texts are dropped. */
  | { readonly kind: 'best-k'; readonly repeats: 'kept' | 'dropped' }
  /** Down the ranking until k different texts are found. */
  | { readonly kind: 'until-k' };

/** How texts and file names come together after ranking. */
export type PairingRule =
  | 'together'
  /**
   * Texts and ids sorted by score in two separate sorts, as CrossCodeEval and Repoformer do it: among
   * equal scores a text can come out under the name of another file.
   */
  | 'sorted-apart';

/** A query and what becomes of its ranking. */
export interface Asking {
  readonly query: QueryRule;
  readonly shown: ShownRule;
  readonly selection: SelectionRule;
  readonly pairing: PairingRule;
  /** Whether the query contains the answer. */
  readonly leaks: boolean;
}

/** An {@link Asking} and where the reference harness departs from its own description. */
export interface PublishedAsking extends Asking {
  readonly asPublished: Partial<Asking>;
}

export interface RetrievalProfile {
  readonly name: RetrievalProfileName;
  /** Changes whenever a ranking can change; part of the run fingerprint. */
  readonly version: string;
  readonly files: FileRule;
  readonly windows: Windowing;
  readonly terms: TermKind;
  readonly candidates: CandidateRule;
  readonly ties: TieRule;
  /** Null where the harness has no such query. */
  readonly queries: Readonly<Record<QueryKind, PublishedAsking | null>>;
  /** Chunks a task where no number is given, and the most that a ranking keeps. */
  readonly topK: { readonly usual: number; readonly most: number };
  /** Where the best chunk stands in a prompt: at the top, or next to the code. */
  readonly promptOrder: 'best-first' | 'best-last';
}

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

const HOLE_WINDOW = { kind: 'lines-around', before: 10, after: 10 } as const;

const PROFILES: Readonly<Record<RetrievalProfileName, RetrievalProfile>> = {
  /**
   * Line completion in Repoformer: overlapping windows, at most 1,000 candidate chunks from the nearest
   * files, and the window that follows each of the best k.
   *
   * Source: Repoformer `repo_eval/cfc_retrieval/{attach_cfc.py,run.sh}` (5b057131).
   */
  repoformer: {
    name: 'repoformer',
    version: 'repoformer@1',
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
    version: 'cceval@1',
    files: { kind: 'typescript-below-src' },
    windows: { kind: 'non-blank', lines: 10, stride: 10 },
    terms: 'lexical',
    candidates: CAPS,
    ties: 'greater-id',
    queries: {
      'last-n': { ...LAST_TEN, ...NEXT_WINDOW, selection: { kind: 'until-k' } },
      'two-sided': null,
      oracle: { ...ORACLE_TEN, ...MATCHES },
    },
    topK: { usual: 5, most: Infinity },
    promptOrder: 'best-first',
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
    version: 'repocoder@1',
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
    version: 'global@1',
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
};

export function retrievalProfile(name: RetrievalProfileName): RetrievalProfile {
  return PROFILES[name];
}

/**
 * What a profile does for a kind of query; null if it has none of that kind.
 *
 * @param isStrict With the reference's defects, see {@link PublishedAsking}.
 */
export function askingOf(profile: RetrievalProfile, kind: QueryKind, isStrict: boolean): Asking | null {
  const published = profile.queries[kind];
  if (published === null) return null;
  const { asPublished, ...asking } = published;
  return isStrict ? { ...asking, ...asPublished } : asking;
}
