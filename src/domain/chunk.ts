/**
 * @file A contiguous piece of a repository file, and the same with a retriever's score.
 */

export interface Chunk {
  /** Path inside the repository, with forward slashes. */
  readonly path: string;
  /** First line in the file, 1-based. */
  readonly startLine: number;
  /** Last line in the file, 1-based, inclusive. */
  readonly endLine: number;
  /** The non-blank lines of the span, joined with "\n". */
  readonly text: string;
}

export interface ScoredChunk extends Chunk {
  /** Higher is better; scores of different retrievers are not comparable. */
  readonly score: number;
}
