/**
 * @file What is known of each line of a file, and which lines that makes candidates: the rules that all
 * languages share.
 *
 * A line is a candidate if all of this holds:
 *   - without indentation it has 12 to 160 characters, at least 5 tokens, at least one of them an identifier;
 *   - it does not end in white space;
 *   - nothing excluded it: a comment, an import, text that goes over several lines.
 * Lone brackets, punctuation, `else {` and the like have too few tokens, so they never qualify.
 *
 * "At least 5 tokens, no comments" is the rule of RepoEval (RepoCoder, arXiv:2303.12570, section 3). The other
 * rules keep lines out that no model could be blamed for.
 */

import type { CandidateLine } from './language.js';

const FEWEST_CHARACTERS = 12;
const MOST_CHARACTERS = 160;
const FEWEST_TOKENS = 5;

interface LineFacts {
  tokens: number;
  identifiers: number;
  excluded: boolean;
  crossFile: boolean;
}

/** Collects facts while a parser's tree is walked. Positions are UTF-16 units from the start of the text. */
export class LineSheet {
  readonly #lines: readonly string[];
  readonly #starts: readonly number[];
  readonly #facts: readonly LineFacts[];

  /** @param text With "\n" line ends. Only these end a line, whatever else ends one for a parser. */
  constructor(text: string) {
    this.#lines = text.split('\n');
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
    this.#facts = starts.map(() => ({ tokens: 0, identifiers: 0, excluded: false, crossFile: false }));
  }

  /** The line at a position, from 0. */
  lineAt(position: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Whether a span lies on more than one line. */
  isMultiLine(start: number, end: number): boolean {
    return this.lineAt(start) !== this.lineAt(Math.max(start, end - 1));
  }

  /** Counts a token on the line where it starts. */
  addToken(start: number, isIdentifier: boolean): void {
    const fact = this.#facts[this.lineAt(start)]!;
    fact.tokens++;
    if (isIdentifier) fact.identifiers++;
  }

  /** Keeps every line that a span touches from being a candidate. */
  exclude(start: number, end: number): void {
    const last = this.lineAt(Math.max(start, end - 1));
    for (let line = this.lineAt(start); line <= last; line++) this.#facts[line]!.excluded = true;
  }

  /** Says that the line at a position uses a name of another file. */
  markCrossFile(start: number): void {
    this.#facts[this.lineAt(start)]!.crossFile = true;
  }

  /** The lines that qualify, from top to bottom. */
  candidates(path: string): CandidateLine[] {
    return this.#lines.flatMap((whole, index) => {
      const { tokens, identifiers, excluded, crossFile } = this.#facts[index]!;
      const text = whole.trimStart();
      const isCandidate =
        !excluded &&
        identifiers > 0 &&
        tokens >= FEWEST_TOKENS &&
        text.length >= FEWEST_CHARACTERS &&
        text.length <= MOST_CHARACTERS &&
        text === text.trimEnd();
      return isCandidate ? [{ path, line: index + 1, text, crossFile }] : [];
    });
  }
}
