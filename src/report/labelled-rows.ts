/**
 * @file Names with cells beside them, or below them where a terminal is narrow.
 */

/**
 * Lines of a name and a cell for each heading, in columns, below a line of the headings if any has text. A cell stands on
 * a line of its own, behind its heading, where columns are too wide.
 *
 * @param width Columns of the terminal.
 * @example
 * labelledRows(['EM', 'ES'], [['full-rag', '1', '2']], 80) // => ['            EM  ES', '  full-rag  1   2']
 * labelledRows(['EM', 'ES'], [['full-rag', '1', '2']], 10) // => ['  full-rag', '    EM  1', '    ES  2']
 */
export function labelledRows(
  heads: readonly string[],
  rows: readonly (readonly [name: string, ...cells: string[]])[],
  width: number,
): string[] {
  const table = [['', ...heads], ...rows];
  const widths = table[0]!.map((_, c) => Math.max(...table.map((cells) => cells[c]?.length ?? 0)));
  const side = table.map((cells) =>
    `  ${cells.map((cell, c) => cell.padEnd(widths[c]!)).join('  ')}`.trimEnd(),
  );
  // Without a heading there is no line of them.
  if (side.every((line) => line.length <= width)) return side[0] === '' ? side.slice(1) : side;
  const headWidth = Math.max(...heads.map(({ length }) => length));
  return rows.flatMap(([name, ...cells]) => [
    `  ${name}`,
    ...cells.map((cell, c) =>
      `    ${headWidth === 0 ? '' : `${heads[c]!.padEnd(headWidth)}  `}${cell}`.trimEnd(),
    ),
  ]);
}
