/**
 * @file The rules behind the metrics once more, as slow as they are plain. Texts are arrays of code
 * points throughout.
 */

/** Python's `str.isspace`, from its documentation: bidirectional type WS, B or S, or category Zs. */
const SPACES = new Set(
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

export function slowStrip(text: string): string {
  const characters = Array.from(text);
  while (characters.length > 0 && SPACES.has(characters[0]!)) characters.shift();
  while (characters.length > 0 && SPACES.has(characters.at(-1)!)) characters.pop();
  return characters.join('');
}

export function slowSplitSpace(text: string): string[] {
  const words: string[] = [];
  let word = '';
  for (const character of `${text} `) {
    if (!SPACES.has(character)) {
      word += character;
    } else if (word !== '') {
      words.push(word);
      word = '';
    }
  }
  return words;
}

/** Python's `splitlines`, from the table of line boundaries in its documentation. */
export function slowSplitLines(text: string): string[] {
  const ends = new Set(['\n', '\r', '\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029']);
  const lines: string[] = [];
  let line = '';
  let isOpen = false;
  const characters = Array.from(text);
  for (const [i, character] of characters.entries()) {
    if (character === '\n' && characters[i - 1] === '\r') continue;
    isOpen = !ends.has(character);
    if (isOpen) {
      line += character;
    } else {
      lines.push(line);
      line = '';
    }
  }
  return isOpen ? [...lines, line] : lines;
}

/** Levenshtein distance: the whole table. */
export function slowDistance(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const table = [...x, ''].map((_, i) => [...y, ''].map((__, j) => (i === 0 ? j : j === 0 ? i : 0)));
  for (let i = 1; i <= x.length; i++) {
    for (let j = 1; j <= y.length; j++) {
      const substitution = table[i - 1]![j - 1]! + (x[i - 1] === y[j - 1] ? 0 : 1);
      table[i]![j] = Math.min(substitution, table[i - 1]![j]! + 1, table[i]![j - 1]! + 1);
    }
  }
  return table[x.length]![y.length]!;
}

/** Length of a longest common subsequence: the whole table. */
export function slowCommonSubsequence(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const table = [...x, ''].map(() => [...y, ''].map(() => 0));
  for (let i = 1; i <= x.length; i++) {
    for (let j = 1; j <= y.length; j++) {
      table[i]![j] =
        x[i - 1] === y[j - 1] ? table[i - 1]![j - 1]! + 1 : Math.max(table[i - 1]![j]!, table[i]![j - 1]!);
    }
  }
  return table[x.length]![y.length]!;
}

/**
 * The characters in difflib's matching blocks, from its documentation: the longest contiguous matching
 * block that starts earliest in a, and of those earliest in b; then the same to its left and right. In
 * a b of 200 or more, characters that make up more than 1 % of it (and one) are junk: they only extend
 * a block that holds others.
 */
export function slowMatches(a: readonly string[], b: readonly string[]): number {
  const junk = new Set(
    b.length < 200
      ? []
      : b.filter(
          (character) => b.filter((other) => other === character).length > Math.floor(b.length / 100) + 1,
        ),
  );
  const within = (x: readonly string[], y: readonly string[]): number => {
    let [bestI, bestJ, size] = [0, 0, 0];
    for (let i = 0; i < x.length; i++) {
      for (let j = 0; j < y.length; j++) {
        let k = 0;
        while (i + k < x.length && x[i + k] === y[j + k] && !junk.has(y[j + k]!)) k++;
        if (k > size) [bestI, bestJ, size] = [i, j, k];
      }
    }
    while (bestI > 0 && bestJ > 0 && x[bestI - 1] === y[bestJ - 1])
      [bestI, bestJ, size] = [bestI - 1, bestJ - 1, size + 1];
    while (bestI + size < x.length && bestJ + size < y.length && x[bestI + size] === y[bestJ + size]) size++;
    if (size === 0) return 0;
    return (
      size +
      within(x.slice(0, bestI), y.slice(0, bestJ)) +
      within(x.slice(bestI + size), y.slice(bestJ + size))
    );
  };
  return within(a, b);
}

/** Rounds an exact fraction, half to even. */
export function slowRound(numerator: number, denominator: number): number {
  const below = Math.floor(numerator / denominator);
  const doubled = 2 * (numerator - below * denominator);
  if (doubled === denominator) return below % 2 === 0 ? below : below + 1;
  return doubled < denominator ? below : below + 1;
}

/** Tokens of LlavaCode's EM, one character at a time. */
export function slowExactMatchTokens(code: string): string[] {
  const tokens: string[] = [];
  let previous = '';
  for (const character of code) {
    if (/^[A-Za-z0-9_]$/.test(character)) {
      const isContinued = /^[A-Za-z0-9_]$/.test(previous);
      const isHump = /^[a-z]$/.test(previous) && /^[A-Z]$/.test(character);
      tokens.push(isContinued && !isHump ? `${tokens.pop()!}${character}` : character);
    } else if (!SPACES.has(character)) {
      tokens.push(character === '"' || character === "'" ? '`' : character);
    }
    previous = character;
  }
  return tokens;
}
