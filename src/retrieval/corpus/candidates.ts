/**
 * @file Which chunks of a corpus may be returned for a task.
 *
 * Statistics such as BM25's document frequencies belong to the candidates, not to the repository
 * (CrossCodeEval and Repoformer score at most 1,000 chunks, taken from the nearest files), so each set
 * is computed once and kept: one a target file, or one a target file and prompt start.
 */

import type { Corpus } from './corpus.js';
import { nearestFirst } from './path-distance.js';
import { promptStartLine } from './prompt-start.js';
import type { RetrievalTask } from './query.js';

/** The chunks that may be returned for a task. */
export interface Candidates {
  /** Chunk numbers; nearest file first where the profile prefers near files, otherwise ascending. */
  readonly members: Int32Array;
  /** 1 for every chunk number in `members`. */
  readonly isMember: Uint8Array;
}

export class CandidateSets {
  readonly #corpus: Corpus;
  readonly #known = new Map<string, Candidates>();

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  of(task: RetrievalTask): Candidates {
    const rule = this.#corpus.profile.candidates;
    switch (rule.kind) {
      case 'nearest-files':
        return this.#once(task.path, () => {
          const { paths, range } = this.#corpus;
          const members: number[] = [];
          for (const path of nearestFirst(paths, task.path, rule.maxDistance).slice(0, rule.maxFiles)) {
            const [first, end] = range(path);
            for (let i = first; i < end && members.length < rule.maxChunks; i++) members.push(i);
          }
          return members;
        });
      case 'not-behind-prompt-start': {
        const start = promptStartLine(this.#corpus.file(task.path)?.text ?? '', task);
        return this.#once(JSON.stringify([task.path, start]), () =>
          this.#numbers((i) =>
            this.#corpus.places(i).some((place) => place.path !== task.path || place.endLine <= start),
          ),
        );
      }
      case 'other-files':
        return this.#once(task.path, () => {
          const [first, end] = this.#corpus.range(task.path);
          return this.#numbers((i) => i < first || i >= end);
        });
    }
  }

  #numbers(keep: (chunk: number) => boolean): number[] {
    const kept: number[] = [];
    for (let i = 0; i < this.#corpus.chunks.length; i++) if (keep(i)) kept.push(i);
    return kept;
  }

  #once(key: string, compute: () => readonly number[]): Candidates {
    let candidates = this.#known.get(key);
    if (candidates === undefined) {
      const members = Int32Array.from(compute());
      const isMember = new Uint8Array(this.#corpus.chunks.length);
      for (const i of members) isMember[i] = 1;
      candidates = { members, isMember };
      this.#known.set(key, candidates);
    }
    return candidates;
  }
}
