/**
 * @file The best k of a stream of scores, with a rule for ties: a heap of k entries.
 */

/** A chunk by its number in the corpus, with the score it was given. */
export interface Match {
  readonly chunk: number;
  readonly score: number;
}

/** Keeps the best k of what is offered: greater score first, among equals greater tie rank first. */
export class Top {
  readonly #k: number;
  readonly #tieRank: Int32Array;
  /** A heap whose root is the worst of the kept. */
  readonly #heap: Match[] = [];

  /** @param tieRank By chunk number; no two alike. */
  constructor(k: number, tieRank: Int32Array) {
    this.#k = k;
    this.#tieRank = tieRank;
  }

  get isFull(): boolean {
    return this.#heap.length >= this.#k;
  }

  /** The score that a further chunk must reach to be kept; -Infinity while there is room. */
  get threshold(): number {
    return this.isFull ? (this.#heap[0]?.score ?? Infinity) : -Infinity;
  }

  offer(chunk: number, score: number): void {
    if (this.#heap.length < this.#k) {
      this.#heap.push({ chunk, score });
      this.#up(this.#heap.length - 1);
    } else if (this.#k > 0 && this.#isBetter({ chunk, score }, this.#heap[0]!)) {
      this.#heap[0] = { chunk, score };
      this.#down(0);
    }
  }

  /** What was kept, best first. */
  sorted(): Match[] {
    return [...this.#heap].sort((a, b) => (this.#isBetter(a, b) ? -1 : 1));
  }

  #isBetter(a: Match, b: Match): boolean {
    return a.score > b.score || (a.score === b.score && this.#tieRank[a.chunk]! > this.#tieRank[b.chunk]!);
  }

  #up(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#isBetter(this.#heap[parent]!, this.#heap[at]!)) return;
      this.#swap(parent, at);
      at = parent;
    }
  }

  #down(from: number): void {
    const heap = this.#heap;
    for (let at = from; ;) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && this.#isBetter(heap[worst]!, heap[child]!)) worst = child;
      }
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  }
}

/** The k best of the given chunks, best first. */
export function bestOf(members: Int32Array, scores: Float64Array, tieRank: Int32Array, k: number): Match[] {
  const top = new Top(k, tieRank);
  for (const i of members) top.offer(i, scores[i]!);
  return top.sorted();
}
