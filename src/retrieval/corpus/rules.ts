/**
 * @file The rules that lead from a repository to the chunks of a task: the words in which a retrieval profile
 * is written.
 *
 * Where the published harnesses differ in kind and not only in a number, the difference is a variant of a
 * union here, and the code that applies the rule has a case for it. Nothing asks for a profile by its name.
 */

import type { TermKind } from '../../domain/terms.js';

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
  readonly name: string;
  /** Changes whenever a ranking can change; part of the run fingerprint. */
  readonly version: string;
  readonly files: FileRule;
  readonly windows: Windowing;
  readonly terms: TermKind;
  readonly candidates: CandidateRule;
  readonly ties: TieRule;
  /** Null where the harness has no such query. */
  readonly queries: Readonly<Record<QueryKind, PublishedAsking | null>>;
  /** Chunks that a task gets where nobody gives a number, and the most that a ranking keeps. */
  readonly topK: { readonly usual: number; readonly most: number };
  /** Where the best chunk stands in a prompt: at the top, or next to the code. */
  readonly promptOrder: 'best-first' | 'best-last';
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
