/**
 * @file Tables that sort by the column whose title is pressed. Cells without a value stay last.
 */

/** Makes every table with the attribute `data-sortable` sort. */
export function startSorting(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>('table[data-sortable]')) {
    for (const [column, head] of [...table.tHead!.rows[0]!.cells].entries()) {
      head.querySelector('button')?.addEventListener('click', () => {
        const isDescending = head.getAttribute('aria-sort') === 'ascending';
        for (const other of table.tHead!.rows[0]!.cells) other.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', isDescending ? 'descending' : 'ascending');
        const body = table.tBodies[0]!;
        const keyed = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]!) }));
        body.append(...keyed.sort((a, b) => compareKeys(a.key, b.key, isDescending)).map(({ row }) => row));
      });
    }
  }
}

function keyOf(cell: HTMLTableCellElement): number | string | null {
  const { sort } = cell.dataset;
  if (sort === undefined) return cell.textContent;
  return sort === '' ? null : Number(sort);
}

/** Ascending unless told; null last in both directions. */
export function compareKeys(
  a: number | string | null,
  b: number | string | null,
  isDescending: boolean,
): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order =
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : a === b ? 0 : 1;
  return isDescending ? -order : order;
}
