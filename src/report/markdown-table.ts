/**
 * @file The one writer of Markdown tables.
 */

export interface MarkdownColumn {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly isNumber: boolean;
}

/**
 * The lines of a table as GitHub reads it: head, rule, one line a row.
 *
 * Cells are Markdown. A pipe in one is escaped unless it is already, and a line break becomes a space, so
 * that no cell breaks its row.
 *
 * @param rows Each with a cell a column.
 * @example
 * markdownTable([{ title: 'task', isNumber: false }, { title: 'ms', isNumber: true }], [['a|b', '3']]);
 * // => ['| task | ms |', '|---|---:|', '| a\\|b | 3 |']
 */
export function markdownTable(
  columns: readonly MarkdownColumn[],
  rows: readonly (readonly string[])[],
): string[] {
  return [
    line(columns.map(({ title }) => title)),
    `|${columns.map(({ isNumber }) => (isNumber ? '---:' : '---')).join('|')}|`,
    ...rows.map(line),
  ];
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(inOneCell).join(' | ')} |`;
}

function inOneCell(text: string): string {
  return text.replace(/(?<!\\)\|/g, '\\|').replace(/\s+/g, (gap) => (gap.includes('\n') ? ' ' : gap));
}
