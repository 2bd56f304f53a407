/**
 * @file The chunks of one repository, indexed once for every task in it.
 *
 * Flow: repository files -> chunks -> **corpus** -> candidates -> retrievers.
 *
 * Two term indexes in typed arrays, both in compressed-row form: forward (chunk -> its terms) for
 * statistics over a candidate set and for scoring single chunks, inverted (term -> the chunks that hold
 * it) for scoring all of them. A query then touches only the postings of its own terms. Both grow while
 * the files are read, so that a million chunks need the memory of their postings and no more.
 */

import type { Chunk, Place } from '../../domain/chunk.js';
import type { Repository, SourceFile } from '../../domain/task.js';
import { compareCodePoints } from '../../domain/text.js';
import { chunkFile, isChunked } from './chunker.js';
import { Int32List } from './int32-list.js';
import type { RetrievalProfile } from './rules.js';
import type { Term, Terms } from '../../domain/terms.js';

/** Compressed rows: row r spans [offsets[r], offsets[r + 1]) of `columns` and `counts`. */
export interface TermIndex {
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  /** How often the term occurs in the chunk. */
  readonly counts: Int32Array;
}

export interface Corpus {
  readonly profile: RetrievalProfile;
  readonly terms: Terms;
  /** Paths of the chunked files, in code-point order. */
  readonly paths: readonly string[];
  readonly file: (path: string) => SourceFile | undefined;
  /** Chunk numbers index this array: files in the order of `paths`, each from its top. */
  readonly chunks: readonly Chunk[];
  /** Where a chunk's text stands: more than one place only where equal windows are one chunk. */
  readonly places: (chunk: number) => readonly Place[];
  /** The chunk numbers [first, end) that came from a file; empty for a path that was not chunked. */
  readonly range: (path: string) => readonly [first: number, end: number];
  /** Chunk number of the next window of the same file, or of the chunk itself at the end of its file. */
  readonly next: Int32Array;
  /** Order among equal scores: the greater number is better. A permutation of the chunk numbers. */
  readonly tieRank: Int32Array;
  /** Terms in each chunk, repeats counted. */
  readonly lengths: Int32Array;
  /** Distinct terms in each chunk. */
  readonly distinct: Int32Array;
  readonly termNumber: ReadonlyMap<Term, number>;
  readonly forward: TermIndex;
  readonly inverted: TermIndex;
}

/**
 * Chunks and indexes one repository under a profile.
 *
 * @param terms What the profile's `terms` names.
 */
export function buildCorpus(repository: Repository, profile: RetrievalProfile, terms: Terms): Corpus {
  const files = repository.files
    .filter((file) => isChunked(file.path, profile.files))
    .sort((a, b) => compareCodePoints(a.path, b.path));
  const chunks: Chunk[] = [];
  const ranges = new Map<string, readonly [first: number, end: number]>();
  const merged = profile.windows.kind === 'centred' ? new MergedPlaces() : null;
  const rows = new RowBuilder();

  for (const file of files) {
    const first = chunks.length;
    for (const { terms: found, ...chunk } of chunkFile(file, profile.windows, terms)) {
      if (merged?.isRepeat(chunk, chunks.length) === true) continue;
      chunks.push(chunk);
      rows.add(found);
    }
    ranges.set(file.path, [first, chunks.length]);
  }

  const { forward, lengths, termNumber } = rows.finish();
  const byPath = new Map(files.map((file) => [file.path, file]));
  return {
    profile,
    terms,
    paths: files.map((file) => file.path),
    file: (path) => byPath.get(path),
    chunks,
    places: (chunk) => merged?.of(chunk) ?? [chunks[chunk]!],
    range: (path) => ranges.get(path) ?? [0, 0],
    next: Int32Array.from(chunks, (chunk, i) =>
      merged === null && chunks[i + 1]?.path === chunk.path ? i + 1 : i,
    ),
    tieRank: tieRanks(chunks, ranges, profile),
    lengths,
    distinct: Int32Array.from(chunks, (_, i) => forward.offsets[i + 1]! - forward.offsets[i]!),
    termNumber,
    forward,
    inverted: transpose(forward, termNumber.size),
  };
}

/** Keeps the first of several windows of one text, and where the others stand. */
class MergedPlaces {
  readonly #chunkOf = new Map<string, number>();
  readonly #places: Place[][] = [];

  /** Notes a window that would be chunk number `next`; true if its text is a chunk already. */
  isRepeat({ text, path, startLine, endLine }: Chunk, next: number): boolean {
    const place = { path, startLine, endLine };
    const known = this.#chunkOf.get(text);
    if (known !== undefined) {
      this.#places[known]!.push(place);
      return true;
    }
    this.#chunkOf.set(text, next);
    this.#places.push([place]);
    return false;
  }

  of(chunk: number): readonly Place[] {
    return this.#places[chunk]!;
  }
}

/** Collects the forward index row by row. */
class RowBuilder {
  readonly #termNumber = new Map<Term, number>();
  readonly #offsets = new Int32List();
  readonly #columns = new Int32List();
  readonly #counts = new Int32List();
  readonly #lengths = new Int32List();
  /** Per term: entry of its last occurrence, which belongs to the current row if it is not before it. */
  readonly #lastEntry = new Int32List();

  constructor() {
    this.#offsets.push(0);
  }

  add(terms: readonly Term[]): void {
    const start = this.#columns.length;
    for (const term of terms) {
      let number = this.#termNumber.get(term);
      if (number === undefined) {
        number = this.#termNumber.size;
        this.#termNumber.set(term, number);
        this.#lastEntry.push(-1);
      }
      const entry = this.#lastEntry.at(number);
      if (entry >= start) {
        this.#counts.increment(entry);
      } else {
        this.#lastEntry.set(number, this.#columns.length);
        this.#columns.push(number);
        this.#counts.push(1);
      }
    }
    this.#lengths.push(terms.length);
    this.#offsets.push(this.#columns.length);
  }

  finish(): { forward: TermIndex; lengths: Int32Array; termNumber: ReadonlyMap<Term, number> } {
    return {
      forward: {
        offsets: this.#offsets.finish(),
        columns: this.#columns.finish(),
        counts: this.#counts.finish(),
      },
      lengths: this.#lengths.finish(),
      termNumber: this.#termNumber,
    };
  }
}

function tieRanks(
  chunks: readonly Chunk[],
  ranges: ReadonlyMap<string, readonly [first: number, end: number]>,
  { ties }: RetrievalProfile,
): Int32Array {
  switch (ties) {
    case 'later-chunk':
      return Int32Array.from(chunks, (_, i) => i);
    case 'earlier-chunk':
      return Int32Array.from(chunks, (_, i) => chunks.length - 1 - i);
    case 'greater-id': {
      const ids: string[] = [];
      for (const [path, [first, end]] of ranges) {
        for (let k = 0; k < end - first; k++) ids.push(`${path}|${k}`);
      }
      const ranks = new Int32Array(ids.length);
      const byId = ids.map((_, i) => i).sort((a, b) => compareCodePoints(ids[a]!, ids[b]!));
      for (const [rank, i] of byId.entries()) ranks[i] = rank;
      return ranks;
    }
  }
}

/** Rows become columns; entries of a row stay in ascending order of their new column. */
function transpose(index: TermIndex, rowCount: number): TermIndex {
  const offsets = new Int32Array(rowCount + 1);
  for (const column of index.columns) offsets[column + 1]!++;
  for (let r = 0; r < rowCount; r++) offsets[r + 1]! += offsets[r]!;
  const columns = new Int32Array(index.columns.length);
  const counts = new Int32Array(index.columns.length);
  const fill = offsets.slice();
  for (let r = 0; r + 1 < index.offsets.length; r++) {
    for (let e = index.offsets[r]!; e < index.offsets[r + 1]!; e++) {
      const at = fill[index.columns[e]!]!++;
      columns[at] = r;
      counts[at] = index.counts[e]!;
    }
  }
  return { offsets, columns, counts };
}
