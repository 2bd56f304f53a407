/**
 * @file Whether a regular expression of a `tokenizer.json` ends in time on every text.
 *
 * JavaScript's engine tries alternatives by going back, so a pattern such as `(a+)+$` needs time that doubles with
 * each character. A tokenizer comes from somebody else, and nothing can stop a pattern that runs. So a pattern is
 * judged before it is used, by its form alone:
 *
 *   - What is repeated is one character, or a group of a fixed length with a single way to match.
 *   - Behind two open repetitions nothing follows that can fail.
 *   - The optional parts and alternatives of one pass have at most `MOST_WAYS` combinations.
 *   - Nothing refers back to what a group has matched.
 *
 * A pattern that keeps these rules needs at most time that grows with the square of the text. All patterns of
 * published tokenizers that the tests list keep them.
 */

/** Characters of a pattern. The longest published one has some five hundred. */
const MOST_CHARACTERS = 4096;
/** Groups inside groups. Published patterns have two. */
const MOST_DEPTH = 20;
/** Combinations of optional parts and alternatives at one place of the text. Published patterns have at most 64. */
const MOST_WAYS = 4096;
/** A repetition that is bounded by more than this costs as much as an open one. */
const MOST_COUNTED = 16;
/** Open repetitions behind which nothing may fail. Published patterns have two. */
const MOST_OPEN = 2;

/** What follows from the form of a part. */
interface Part {
  /** In how many ways it can match at one place, open repetitions aside. */
  readonly ways: number;
  /** Whether every match has the same length and is the only one. */
  readonly isFixed: boolean;
  /** Whether there are texts on which it does not match. */
  readonly canFail: boolean;
  /** Open repetitions on the way through it, those before it included. */
  readonly open: number;
}

/** Ends the judgement with its reason. */
class Refusal extends Error {}

/**
 * Why a pattern is refused; null if it ends in time on every text.
 *
 * @param pattern In the notation of Oniguruma, as `tokenizer.json` has it.
 * @example patternProblem(String.raw`\p{L}+|\s+(?!\S)|\s+`) // => null
 * @example patternProblem('(a+)+$') // => 'it repeats a group of varying length: (a+)+'
 */
export function patternProblem(pattern: string): string | null {
  if (pattern.length > MOST_CHARACTERS) {
    return `it has ${pattern.length} characters, more than ${MOST_CHARACTERS}`;
  }
  try {
    new Judge(pattern).judge();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

class Judge {
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  judge(): void {
    this.#alternatives(0, 0);
    if (this.#at < this.#pattern.length) throw new Refusal('it closes a group that was never begun');
  }

  #has(text: string): boolean {
    return this.#pattern.startsWith(text, this.#at);
  }

  #alternatives(open: number, depth: number): Part {
    if (depth > MOST_DEPTH) throw new Refusal(`its groups nest deeper than ${MOST_DEPTH}`);
    const parts = [this.#sequence(open, depth)];
    while (this.#has('|')) {
      this.#at++;
      parts.push(this.#sequence(open, depth));
    }
    return {
      ways: parts.reduce((sum, { ways }) => sum + ways, 0),
      isFixed: parts.length === 1 && parts[0]!.isFixed,
      canFail: parts.every(({ canFail }) => canFail),
      open: Math.max(...parts.map((part) => part.open)),
    };
  }

  #sequence(before: number, depth: number): Part {
    let whole: Part = { ways: 1, isFixed: true, canFail: false, open: before };
    while (this.#at < this.#pattern.length && !this.#has('|') && !this.#has(')')) {
      const from = this.#at;
      const part = this.#repeated(whole.open, depth);
      if (whole.open >= MOST_OPEN && part.canFail) {
        throw new Refusal(
          `behind ${MOST_OPEN} open repetitions it has a part that can fail: ${this.#quoted(from)}`,
        );
      }
      whole = {
        ways: whole.ways * part.ways,
        isFixed: whole.isFixed && part.isFixed,
        canFail: whole.canFail || part.canFail,
        open: part.open,
      };
      if (whole.ways > MOST_WAYS) {
        throw new Refusal(`its optional parts and alternatives have more than ${MOST_WAYS} combinations`);
      }
    }
    return whole;
  }

  /** A part with the quantifiers behind it. */
  #repeated(open: number, depth: number): Part {
    const from = this.#at;
    let { part, isCharacter } = this.#single(open, depth);
    for (let bounds = this.#quantifier(); bounds !== null; bounds = this.#quantifier()) {
      part = this.#timesOf(part, isCharacter, bounds, open, from);
      isCharacter = false;
    }
    return part;
  }

  #timesOf(
    part: Part,
    isCharacter: boolean,
    [least, most]: readonly [number, number],
    before: number,
    from: number,
  ): Part {
    const canFail = part.canFail && least > 0;
    if (most <= 1) {
      return {
        ...part,
        ways: part.ways + (least === most ? 0 : 1),
        isFixed: part.isFixed && least === most,
        canFail,
      };
    }
    if (!isCharacter && (!part.isFixed || part.ways > 1 || part.open > before)) {
      throw new Refusal(`it repeats a group of varying length: ${this.#quoted(from)}`);
    }
    const isOpen = most > MOST_COUNTED && most !== least;
    return {
      ways: isOpen ? 1 : most - least + 1,
      isFixed: least === most,
      canFail,
      open: part.open + (isOpen ? 1 : 0),
    };
  }

  #single(open: number, depth: number): { part: Part; isCharacter: boolean } {
    const character: Part = { ways: 1, isFixed: true, canFail: true, open };
    if (this.#has('(')) return { part: this.#group(open, depth), isCharacter: false };
    if (this.#has('[')) this.#skipClass();
    else if (this.#has('\\')) this.#skipEscape();
    else this.#at += String.fromCodePoint(this.#pattern.codePointAt(this.#at)!).length;
    return { part: character, isCharacter: true };
  }

  #group(open: number, depth: number): Part {
    this.#at++;
    const head =
      /^\?(?:[imsx-]+(?=[:)])|<[=!]|[=!>]|<\w+>|P<\w+>|(?=:))/.exec(this.#pattern.slice(this.#at))?.[0] ?? '';
    this.#at += head.length;
    if (this.#has(':') && /^\?[imsx-]*$/.test(head)) this.#at++;
    else if (head === '' && this.#has('?'))
      throw new Refusal('it has a group of a kind that is not known here');
    const inside = this.#alternatives(open, depth + 1);
    if (!this.#has(')')) throw new Refusal('it begins a group that is never closed');
    this.#at++;
    // What looks ahead or back takes no characters and is not entered again.
    const isLook = /^\?<?[=!]$/.test(head);
    return isLook ? { ways: 1, isFixed: true, canFail: true, open: inside.open } : inside;
  }

  /** Bounds of a quantifier; null if there is none. What makes it lazy or possessive is passed over. */
  #quantifier(): readonly [number, number] | null {
    const found = /^(?:([*+?])|\{(\d*)(,?)(\d*)\})/.exec(this.#pattern.slice(this.#at, this.#at + 24));
    if (found === null) return null;
    const [text, sign, least = '', comma, most = ''] = found;
    if (sign === undefined && least === '' && most === '') return null;
    this.#at += text.length;
    if (this.#has('?') || (this.#has('+') && sign !== undefined)) this.#at++;
    switch (sign) {
      case '*':
        return [0, Infinity];
      case '+':
        return [1, Infinity];
      case '?':
        return [0, 1];
      default:
        return [Number(least), comma === '' ? Number(least) : most === '' ? Infinity : Number(most)];
    }
  }

  #skipEscape(): void {
    const rest = this.#pattern.slice(this.#at, this.#at + 64);
    if (/^\\(?:[1-9]|k[<'{]|g[<'{])/.test(rest))
      throw new Refusal('it refers back to what a group has matched');
    const braced = /^\\[pPxu]\{[^}]*\}/.exec(rest)?.[0].length;
    this.#at += braced ?? 1 + String.fromCodePoint(this.#pattern.codePointAt(this.#at + 1) ?? 0x20).length;
  }

  /** A class with the classes in it; a bracket that closes right behind the beginning stands for itself. */
  #skipClass(): void {
    let depth = 0;
    do {
      if (this.#at >= this.#pattern.length) throw new Refusal('it begins a class that is never closed');
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

  #quoted(from: number): string {
    const text = this.#pattern.slice(from, this.#at);
    return text.length > 60 ? `${text.slice(0, 59)}…` : text;
  }
}
