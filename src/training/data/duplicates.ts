/**
 * @file Leaves out training holes that stand in code which will be evaluated.
 *
 * Two tests, the first one exact:
 * - **exact**: the file, or the hole with the lines around it, is the same after lines are stripped and blank ones
 *   dropped;
 * - **near**: the shingles of the file (runs of eight words) have a Jaccard similarity to those of an excluded file that
 *   reaches the limit: a fork, another version, a vendored copy.
 */

import { sha256 } from '../../domain/hash.js';
import type { CompletionTask } from '../../domain/task.js';
import { splitLines, strip, wordsOf } from '../../domain/text.js';

/** Words of a shingle. */
const SHINGLE_WORDS = 8;
/** Lines before and behind a hole that make it known again. */
const LINES_AROUND = 3;
/** A shingle of more excluded files than this tells nothing: licence headers, generated code. */
const MOST_FILES = 200;
/** Similarity from which files count as the same. */
export const NEAR_LIMIT = 0.5;

/** Why a hole was left out. */
export type DuplicateKind = 'exact' | 'near';

/** Code that will be evaluated. */
export class ExcludedCode {
  readonly #files = new Set<string>();
  readonly #holes = new Set<string>();
  readonly #sizes: number[] = [];
  readonly #shingles = new Map<number, number[]>();
  /** Verdicts on files that were asked for, by the hash of the file. */
  readonly #known = new Map<string, DuplicateKind | null>();

  /** Adds a file. */
  addFile(text: string): void {
    const hash = fileHash(text);
    if (this.#files.has(hash)) return;
    this.#files.add(hash);
    const shingles = shinglesOf(text);
    const number = this.#sizes.push(shingles.size) - 1;
    for (const shingle of shingles) {
      const known = this.#shingles.get(shingle);
      if (known === undefined) this.#shingles.set(shingle, [number]);
      else known.push(number);
    }
  }

  /** Adds a hole and its file. */
  addTask(task: Pick<CompletionTask, 'prefix' | 'reference' | 'suffix'>): void {
    this.#holes.add(holeHash(task));
    this.addFile(task.prefix + task.reference + task.suffix);
  }

  /** Whether a hole stands in excluded code, and how that is known; null if it does not. */
  kindOf(task: Pick<CompletionTask, 'prefix' | 'reference' | 'suffix'>): DuplicateKind | null {
    if (this.#holes.has(holeHash(task))) return 'exact';
    const text = task.prefix + task.reference + task.suffix;
    const hash = fileHash(text);
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    const verdict = this.#files.has(hash) ? 'exact' : this.#isNear(text) ? 'near' : null;
    this.#known.set(hash, verdict);
    return verdict;
  }

  #isNear(text: string): boolean {
    const shingles = shinglesOf(text);
    const shared = new Map<number, number>();
    for (const shingle of shingles) {
      const files = this.#shingles.get(shingle) ?? [];
      if (files.length > MOST_FILES) continue;
      for (const file of files) shared.set(file, (shared.get(file) ?? 0) + 1);
    }
    for (const [file, both] of shared) {
      if (both / (shingles.size + this.#sizes[file]! - both) >= NEAR_LIMIT) return true;
    }
    return false;
  }
}

function fileHash(text: string): string {
  return sha256(normalLines(text).join('\n'));
}

function holeHash({
  prefix,
  reference,
  suffix,
}: Pick<CompletionTask, 'prefix' | 'reference' | 'suffix'>): string {
  const before = normalLines(prefix).slice(-LINES_AROUND);
  const after = normalLines(suffix).slice(0, LINES_AROUND);
  return sha256(JSON.stringify([before, strip(reference), after]));
}

function normalLines(text: string): string[] {
  return splitLines(text)
    .map(strip)
    .filter((line) => line !== '');
}

/** Hashes of all runs of words; of all words together where there are fewer. */
function shinglesOf(text: string): Set<number> {
  const words = wordsOf(text);
  const found = new Set<number>();
  for (let at = 0; at + SHINGLE_WORDS <= Math.max(words.length, SHINGLE_WORDS); at++) {
    found.add(hashOf(words.slice(at, at + SHINGLE_WORDS).join(' ')));
  }
  return found;
}

/** FNV-1a over UTF-16 units, 32 bits: a table of files needs no more. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
