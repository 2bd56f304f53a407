/**
 * @file Cuts one line out of a file: the prefix, the reference and the suffix of a task.
 *
 * Repoformer's convention: the prefix ends with the hole line's indentation, the reference is the rest
 * of that line without its newline, the suffix begins with that newline and goes to the end of the
 * file. The three joined are the file.
 *
 * Source: amazon-science/Repoformer, repo_eval/data/convert.py.
 */

export interface Hole {
  readonly prefix: string;
  readonly reference: string;
  readonly suffix: string;
}

/**
 * Cuts out a line.
 *
 * @param text With "\n" line ends.
 * @param line 1-based.
 * @throws {RangeError} If the text has no such line.
 *
 * @example
 * cutLine('f(() => {\n  g();\n});\n', 2);
 * // { prefix: 'f(() => {\n  ', reference: 'g();', suffix: '\n});\n' }
 */
export function cutLine(text: string, line: number): Hole {
  let start = 0;
  for (let n = 1; n < line; n++) {
    const end = text.indexOf('\n', start);
    if (end < 0) throw new RangeError(`line ${line} of a text with ${n} lines`);
    start = end + 1;
  }
  const newline = text.indexOf('\n', start);
  const end = newline < 0 ? text.length : newline;
  const whole = text.slice(start, end);
  const indentation = whole.length - whole.trimStart().length;
  return {
    prefix: text.slice(0, start + indentation),
    reference: whole.slice(indentation),
    suffix: text.slice(end),
  };
}
