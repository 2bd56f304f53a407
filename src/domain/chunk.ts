/**
 * @file A contiguous piece of a repository file, and the same with a retriever's score.
 */

/** A span of lines in a file of the repository. */
export interface Place {
  /** Path inside the repository, with forward slashes. */
  readonly path: string;
  /** First line in the file, 1-based. */
  readonly startLine: number;
  /** Last line in the file, 1-based, inclusive. */
  readonly endLine: number;
}

export interface Chunk extends Place {
  /** The lines of the span joined with "\n"; without blank lines where the retrieval profile drops them. */
  readonly text: string;
}

export interface ScoredChunk extends Chunk {
  /** Higher is better; scores of different retrievers are not comparable. */
  readonly score: number;
}

/**
 * A chunk as a pipeline gets it. It is a scored chunk, or one that a benchmark ships. A shipped chunk lacks what the
 * benchmark does not state. The program makes nothing up in its place.
 */
export interface RetrievedChunk {
  readonly path: string;
  /** As in {@link Chunk}. Both numbers are null where nobody states which lines they are. */
  readonly startLine: number | null;
  readonly endLine: number | null;
  readonly text: string;
  /** As in {@link ScoredChunk}; null where none is stated. */
  readonly score: number | null;
  /**
   * The chunk as the benchmark's own text block shows it, with path and comment marks. The first chunk also has the
   * header of the block. These texts, joined, are the block, character for character.
   */
  readonly shown?: string;
}
