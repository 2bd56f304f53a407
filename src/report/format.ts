/**
 * @file Numbers and lists for people: fixed digits, a dash for what there is none of, a minus sign that is one.
 */

const NOTHING = '–';

function sign(text: string): string {
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}

/** @example fixed(2.345, 1) // => '2.3'; fixed(null, 1) => '–' */
export function fixed(value: number | null, digits: number): string {
  return value === null ? NOTHING : sign(value.toFixed(digits));
}

/** With an explicit sign. @example signed(1.25, 1) // => '+1.3' */
export function signed(value: number | null, digits: number): string {
  if (value === null) return NOTHING;
  const text = value.toFixed(digits);
  return Number(text) > 0 ? `+${text}` : sign(text);
}

/** @example interval([1, 2.55], 1) // => '[1.0, 2.5]'; interval(null, 1) => '' */
export function interval(ends: readonly [number, number] | null, digits: number): string {
  return ends === null ? '' : `[${fixed(ends[0], digits)}, ${fixed(ends[1], digits)}]`;
}

/** What is only known roughly: two digits, thousands apart. @example about(1234) // => '1,200' */
export function about(value: number): string {
  if (value >= MILLION) return 'over a million';
  return String(Number(value.toPrecision(2))).replace(/\B(?=(\d{3})+$)/g, ',');
}

const MILLION = 1_000_000;

/**
 * By how much the longer of two times exceeds the shorter, in percent, from their ratio.
 *
 * @example apart(0.884) // => 13.1...: the second is 0.884 times the first, so the first takes 13.1 % longer
 */
export function apart(ratio: number): number {
  return (Math.max(ratio, 1 / ratio) - 1) * 100;
}

/** p-values below a thousandth are only bounded. @example pValue(0.0004) // => 'p < 0.001' */
export function pValue(p: number | null): string {
  if (p === null) return 'no difference';
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
}

/** Words as a person lists them. @example enumerate(['a', 'b', 'c']) // => 'a, b and c' */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
}

/** Words in lines of at most so many characters; by default 78, for a terminal of 80. A longer word stays whole. */
export function wrapped(text: string, width = 78): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
