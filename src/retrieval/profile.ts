/**
 * @file Named sets of retrieval constants, one per published harness.
 *
 * A profile fixes everything between a repository and a ranking: windows, candidate order, caps and
 * query. Only `repoformer` exists so far.
 */

export const RETRIEVAL_PROFILES = ['repoformer'] as const;
export type RetrievalProfileName = (typeof RETRIEVAL_PROFILES)[number];

export interface RetrievalProfile {
  readonly name: RetrievalProfileName;
  /** Changes whenever a ranking can change; part of the run fingerprint. */
  readonly version: string;
  /** Non-blank lines in a window. */
  readonly windowLines: number;
  /** Non-blank lines from one window start to the next. */
  readonly strideLines: number;
  /** Non-blank lines of the prefix that make the query. */
  readonly queryLines: number;
  /** Files looked at, nearest first. */
  readonly maxFiles: number;
  /** Chunks scored for one task, in file order. */
  readonly maxChunks: number;
  /** Files at a greater path distance are not looked at. */
  readonly maxDistance: number;
}

const PROFILES: Readonly<Record<RetrievalProfileName, RetrievalProfile>> = {
  /**
   * Line completion in Repoformer: windows of 10 non-blank lines every 5, at most 1,000 candidate
   * chunks from the nearest files, and the window that FOLLOWS the best match is returned.
   *
   * Source: Repoformer `repo_eval/cfc_retrieval/{attach_cfc.py,run.sh}` (5b057131).
   */
  repoformer: {
    name: 'repoformer',
    version: 'repoformer@1',
    windowLines: 10,
    strideLines: 5,
    queryLines: 10,
    maxFiles: 1000,
    maxChunks: 1000,
    maxDistance: 100,
  },
};

export function retrievalProfile(name: RetrievalProfileName): RetrievalProfile {
  return PROFILES[name];
}
