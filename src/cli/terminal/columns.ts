/**
 * @file How wide the terminal is.
 */

/** What is not a terminal is written as for one of 80 columns. */
const USUAL = 80;
/** In less than this a table of numbers cannot be read in any way. */
const LEAST = 40;

/** Columns of a stream. */
export function columnsOf({ columns }: { readonly columns?: number | undefined }): number {
  // A terminal that does not know its width says 0 or nothing.
  return columns === undefined || columns < 1 ? USUAL : Math.max(LEAST, columns);
}
