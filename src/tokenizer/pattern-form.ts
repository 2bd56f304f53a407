/**
 * @file The form of a regular expression: what is one character, what is repeated, what are alternatives.
 *
 * The notation is Oniguruma's, as `tokenizer.json` has it. What a class or an escape stands for does not matter here.
 */

/** Groups inside groups. Published patterns have two. */
const MOST_DEPTH = 20;

/** A part of a pattern, and its text for messages. */
export type PatternForm = { readonly text: string } & (
  | { readonly kind: 'character' }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternForm[] }
  | { readonly kind: 'alternatives'; readonly parts: readonly PatternForm[] }
  /** Looks ahead or back and takes no character. */
  | { readonly kind: 'look'; readonly part: PatternForm }
  | { readonly kind: 'repeated'; readonly part: PatternForm; readonly least: number; readonly most: number }
);

/** The pattern is not one whose form is known; the message says why. */
export class PatternError extends Error {}

/** @throws {PatternError} If it refers back, is broken, or has a group of an unknown kind. */
export function patternForm(pattern: string): PatternForm {
  return new Reader(pattern).read();
}

class Reader {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  read(): PatternForm {
    const form = this.#alternatives(0);
    if (this.#at < this.#pattern.length) throw new PatternError('it closes a group that was never begun');
    return form;
  }

  #has(text: string): boolean {
    return this.#pattern.startsWith(text, this.#at);
  }

  #since(from: number): string {
    return this.#pattern.slice(from, this.#at);
  }

  #alternatives(depth: number): PatternForm {
    if (depth > MOST_DEPTH) throw new PatternError(`its groups nest deeper than ${MOST_DEPTH}`);
    const from = this.#at;
    const parts = [this.#sequence(depth)];
    while (this.#has('|')) {
      this.#at++;
      parts.push(this.#sequence(depth));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'alternatives', parts, text: this.#since(from) };
  }

  #sequence(depth: number): PatternForm {
    const from = this.#at;
    const parts: PatternForm[] = [];
    while (this.#at < this.#pattern.length && !this.#has('|') && !this.#has(')')) {
      parts.push(this.#repeated(depth));
    }
    return { kind: 'sequence', parts, text: this.#since(from) };
  }

  /** A part with the quantifiers behind it. */
  #repeated(depth: number): PatternForm {
    const from = this.#at;
    let form = this.#single(depth);
    for (let bounds = this.#quantifier(); bounds !== null; bounds = this.#quantifier()) {
      form = { kind: 'repeated', part: form, ...bounds, text: this.#since(from) };
    }
    return form;
  }

  #single(depth: number): PatternForm {
    const from = this.#at;
    if (this.#has('(')) return this.#group(depth);
    if (this.#has('[')) this.#skipClass();
    else if (this.#has('\\')) this.#skipEscape();
    else this.#at += characterAt(this.#pattern, this.#at).length;
    return { kind: 'character', text: this.#since(from) };
  }

  #group(depth: number): PatternForm {
    const from = this.#at++;
    const kinds = /^\?(?:[imsx-]*:|[imsx-]+(?=\))|<?[=!]|>|P?<\w+>)/;
    const head = kinds.exec(this.#pattern.slice(this.#at, this.#at + 64))?.[0] ?? '';
    if (head === '' && this.#has('?'))
      throw new PatternError('it has a group of a kind that is not known here');
    this.#at += head.length;
    const part = this.#alternatives(depth + 1);
    if (!this.#has(')')) throw new PatternError('it begins a group that is never closed');
    this.#at++;
    return /[=!]$/.test(head) ? { kind: 'look', part, text: this.#since(from) } : part;
  }

  /** Bounds of a quantifier; null if there is none. What makes it lazy or possessive is passed over. */
  #quantifier(): { readonly least: number; readonly most: number } | null {
    const found = /^(?:([*+?])|\{(\d*)(,?)(\d*)\})/.exec(this.#pattern.slice(this.#at, this.#at + 24));
    if (found === null) return null;
    const [text, sign, least = '', comma, most = ''] = found;
    if (sign === undefined && least === '' && most === '') return null;
    this.#at += text.length;
    if (this.#has('?') || (sign !== undefined && this.#has('+'))) this.#at++;
    if (sign !== undefined) return { least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : Infinity };
    const fewest = Number(least);
    return { least: fewest, most: comma === '' ? fewest : most === '' ? Infinity : Number(most) };
  }

  #skipEscape(): void {
    const rest = this.#pattern.slice(this.#at, this.#at + 64);
    if (/^\\(?:[1-9]|[kg][<'{])/.test(rest))
      throw new PatternError('it refers back to what a group has matched');
    const braced = /^\\[pPxu]\{[^}]*\}/.exec(rest)?.[0].length;
    this.#at += braced ?? 1 + characterAt(this.#pattern, this.#at + 1).length;
  }

  /** A class with the classes in it; a bracket that closes right behind the beginning stands for itself. */
  #skipClass(): void {
    let depth = 0;
    do {
      if (this.#at >= this.#pattern.length) throw new PatternError('it begins a class that is never closed');
      if (this.#has('\\')) {
        this.#at += 2;
      } else if (this.#has('[')) {
        depth++;
        this.#at += this.#has('[^') ? 2 : 1;
        if (this.#has(']')) this.#at++;
      } else {
        if (this.#has(']')) depth--;
        this.#at++;
      }
    } while (depth > 0);
  }
}

/** The character at a place; a blank behind the end. */
function characterAt(text: string, at: number): string {
  return String.fromCodePoint(text.codePointAt(at) ?? 0x20);
}
