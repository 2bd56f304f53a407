/**
 * @file The chunks of one repository, indexed once for every task in it.
 *
 * Flow: repository files -> chunks -> **corpus** -> retrievers.
 *
 * Two term indexes in typed arrays, both in compressed-row form: forward (chunk -> its terms) for
 * statistics over a candidate set, inverted (term -> the chunks that hold it) for scoring. A query
 * then touches only the postings of its own terms.
 *
 * Statistics such as BM25's document frequencies belong to the candidates of one target file, not to
 * the repository (REPOFORMER scores at most 1,000 chunks, taken from the nearest files), so the
 * candidate set of each target file is computed once and kept.
 */

import type { Chunk } from '../domain/chunk.js';
import type { Repository } from '../domain/task.js';
import { compareCodePoints } from '../domain/text.js';
import { chunkFile } from './chunker.js';
import { nearestFirst } from './path-distance.js';
import type { RetrievalProfile } from './profile.js';

/** The chunks that may be returned for tasks in one file. */
export interface Candidates {
  /** Chunk numbers, in candidate order: nearest file first, top of the file first. */
  readonly members: Int32Array;
  /** 1 for every chunk number in `members`. */
  readonly isMember: Uint8Array;
}

export interface Corpus {
  readonly profile: RetrievalProfile;
  /** Chunk numbers index this array. */
  readonly chunks: readonly Chunk[];
  /** Chunk number of the next window of the same file, or of the chunk itself at the end of its file. */
  readonly next: Int32Array;
  /** Rank of each chunk's id `path|k` in ascending code-point order; decides ties. */
  readonly idRank: Int32Array;
  /** Tokens in each chunk, repeats counted. */
  readonly lengths: Int32Array;
  /** Distinct terms in each chunk. */
  readonly distinct: Int32Array;
  readonly termNumber: ReadonlyMap<string, number>;
  readonly forward: TermIndex;
  readonly inverted: TermIndex;
  candidatesFor(targetPath: string): Candidates;
}

/** Compressed rows: row r spans [offsets[r], offsets[r + 1]) of `columns` and `counts`. */
export interface TermIndex {
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  /** How often the term occurs in the chunk. */
  readonly counts: Int32Array;
}

/** Chunks and indexes one repository under a profile. */
export function buildCorpus(repository: Repository, profile: RetrievalProfile): Corpus {
  const files = [...repository.files].sort((a, b) => compareCodePoints(a.path, b.path));
  const chunks: Chunk[] = [];
  const ids: string[] = [];
  const rangeOf = new Map<string, readonly [first: number, end: number]>();
  const termNumber = new Map<string, number>();
  const rows: Map<number, number>[] = [];
  const lengths: number[] = [];

  for (const file of files) {
    const first = chunks.length;
    for (const [k, { tokens, ...chunk }] of chunkFile(file, profile).entries()) {
      const counts = new Map<number, number>();
      for (const token of tokens) {
        let term = termNumber.get(token);
        if (term === undefined) {
          term = termNumber.size;
          termNumber.set(token, term);
        }
        counts.set(term, (counts.get(term) ?? 0) + 1);
      }
      chunks.push(chunk);
      ids.push(`${file.path}|${k}`);
      rows.push(counts);
      lengths.push(tokens.length);
    }
    rangeOf.set(file.path, [first, chunks.length]);
  }

  const next = Int32Array.from(chunks, (chunk, i) => (chunks[i + 1]?.path === chunk.path ? i + 1 : i));
  const idRank = new Int32Array(ids.length);
  const byId = ids.map((_, i) => i).sort((a, b) => compareCodePoints(ids[a]!, ids[b]!));
  for (const [rank, i] of byId.entries()) idRank[i] = rank;
  const forward = forwardIndex(rows);
  const paths = files.map((file) => file.path);
  const cache = new Map<string, Candidates>();

  return {
    profile,
    chunks,
    next,
    idRank,
    lengths: Int32Array.from(lengths),
    distinct: Int32Array.from(rows, (row) => row.size),
    termNumber,
    forward,
    inverted: transpose(forward, termNumber.size),
    candidatesFor(targetPath) {
      let candidates = cache.get(targetPath);
      if (candidates === undefined) {
        const near = nearestFirst(paths, targetPath, profile.maxDistance).slice(0, profile.maxFiles);
        const members: number[] = [];
        for (const path of near) {
          const [first, end] = rangeOf.get(path)!;
          for (let i = first; i < end && members.length < profile.maxChunks; i++) members.push(i);
        }
        const isMember = new Uint8Array(chunks.length);
        for (const i of members) isMember[i] = 1;
        candidates = { members: Int32Array.from(members), isMember };
        cache.set(targetPath, candidates);
      }
      return candidates;
    },
  };
}

function forwardIndex(rows: readonly ReadonlyMap<number, number>[]): TermIndex {
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) offsets[i + 1] = offsets[i]! + row.size;
  const columns = new Int32Array(offsets[rows.length]!);
  const counts = new Int32Array(columns.length);
  let at = 0;
  for (const row of rows) {
    for (const [term, count] of row) {
      columns[at] = term;
      counts[at] = count;
      at++;
    }
  }
  return { offsets, columns, counts };
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
