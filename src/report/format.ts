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

/** p-values below a thousandth are only bounded. @example pValue(0.0004) // => 'p < 0.001' */
export function pValue(p: number | null): string {
  if (p === null) return 'no difference';
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
}

/** Words as a person lists them. @example enumerate(['a', 'b', 'c']) // => 'a, b and c' */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
}

/** Words in lines of at most 78 characters, for a terminal of 80. */
export function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > 78) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
