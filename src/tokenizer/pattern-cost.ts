/**
 * @file Whether a regular expression of a `tokenizer.json` ends in time on every text.
 *
 * JavaScript's engine tries alternatives by going back, so a pattern such as `(a+)+$` needs time that doubles with
 * each character. A tokenizer comes from somebody else, and nothing can stop a pattern that runs. So a pattern is
 * judged before it is used, by its form alone:
 *
 *   - What is repeated is one character, or a group of a fixed length with a single way to match.
 *   - Behind two open repetitions nothing follows whose failure would lead back into them.
 *   - The optional parts and alternatives of one pass have at most `MOST_WAYS` combinations.
 *   - Nothing refers back to what a group has matched.
 *
 * A pattern that keeps these rules needs at most time that grows with the square of the text. The tests list patterns
 * of published tokenizers; all of them keep the rules.
 */

import { shortened } from '../domain/foreign-text.js';
import { patternForm, PatternError, type PatternForm } from './pattern-form.js';

/** Characters of a pattern. The longest published one has some five hundred. */
const MOST_CHARACTERS = 4096;
/** Combinations of optional parts and alternatives at one place of the text. Published patterns have some hundred. */
const MOST_WAYS = 4096;
/** A repetition that is bounded by more than this costs as much as an open one. */
const MOST_COUNTED = 16;
/** Open repetitions behind which nothing may fail. Published patterns have two. */
const MOST_OPEN = 2;

/** What a part costs. */
interface Cost {
  /** In how many ways it can match at one place, open repetitions aside. */
  readonly ways: number;
  /** Whether every match has the same length and is the only one. */
  readonly isFixed: boolean;
  /** Whether there are texts on which it does not match. */
  readonly canFail: boolean;
  /** Open repetitions that a failure behind it would lead back into. */
  readonly open: number;
}

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
    costOf(patternForm(pattern), 0);
    return null;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

/** The regular expressions of a definition, wherever they stand in it. */
export function regularExpressionsOf(definition: unknown): string[] {
  if (typeof definition !== 'object' || definition === null) return [];
  return Object.entries(definition).flatMap(([key, value]) =>
    key === 'Regex' && typeof value === 'string' ? [value] : regularExpressionsOf(value),
  );
}

/**
 * @param open Open repetitions that a failure of this part would lead back into.
 * @throws {PatternError} If the part breaks a rule.
 */
function costOf(form: PatternForm, open: number): Cost {
  switch (form.kind) {
    case 'character':
      return { ways: 1, isFixed: true, canFail: true, open };
    case 'look':
      // It takes no characters, and once it has matched it is not entered again.
      return { ways: 1, isFixed: true, canFail: true, open: costOf(form.part, open).open };
    case 'sequence':
      return costOfSequence(form.parts, open);
    case 'alternatives': {
      const costs = form.parts.map((part) => costOf(part, open));
      return {
        ways: bounded(costs.reduce((sum, { ways }) => sum + ways, 0)),
        isFixed: false,
        canFail: costs.every(({ canFail }) => canFail),
        open: Math.max(...costs.map((cost) => cost.open)),
      };
    }
    case 'repeated':
      return costOfRepeated(form, open);
  }
}

function costOfSequence(parts: readonly PatternForm[], before: number): Cost {
  let whole: Cost = { ways: 1, isFixed: true, canFail: false, open: before };
  for (const part of parts) {
    const cost = costOf(part, whole.open);
    if (whole.open >= MOST_OPEN && cost.canFail) {
      throw new PatternError(
        `behind ${MOST_OPEN} open repetitions it has a part that can fail: ${shortened(part.text, 60)}`,
      );
    }
    whole = {
      ways: bounded(whole.ways * cost.ways),
      isFixed: whole.isFixed && cost.isFixed,
      canFail: whole.canFail || cost.canFail,
      open: cost.open,
    };
  }
  return whole;
}

function costOfRepeated(
  { part, least, most, text }: Extract<PatternForm, { kind: 'repeated' }>,
  open: number,
): Cost {
  // Where a part may be left out, its failure leads to leaving it out and not further back.
  const inside = costOf(part, least === 0 ? 0 : open);
  const opened = inside.open - (least === 0 ? 0 : open);
  const canFail = inside.canFail && least > 0;
  const isFixed = inside.isFixed && least === most;
  if (most <= 1) {
    return { ways: bounded(inside.ways + (least === most ? 0 : 1)), isFixed, canFail, open: open + opened };
  }
  if (!inside.isFixed || inside.ways > 1 || opened > 0) {
    throw new PatternError(`it repeats a group of varying length: ${shortened(text, 60)}`);
  }
  const isOpen = most > MOST_COUNTED && most !== least;
  return { ways: isOpen ? 1 : most - least + 1, isFixed, canFail, open: open + (isOpen ? 1 : 0) };
}

function bounded(ways: number): number {
  if (ways <= MOST_WAYS) return ways;
  throw new PatternError(`its optional parts and alternatives have more than ${MOST_WAYS} combinations`);
}
