/**
 * @file How the parts of a split GGUF file are called.
 *
 * Source: `gguf-split` of llama.cpp: `NAME-00001-of-00003.gguf`.
 */

/** Most parts of a split file; published models have up to some dozens. */
const MAX_PARTS = 1000;

const PART = /^(.*-)(\d{5})(-of-)(\d{5})(\.gguf)$/i;

/** Whether a reference names a GGUF file. */
export function isGguf(reference: string): boolean {
  return /\.gguf$/i.test(reference);
}

/** The names of all parts of the file, in order; its own name if it is not split. */
export function splitFiles(name: string): string[] {
  const match = PART.exec(name);
  const count = Number(match?.[4] ?? 0);
  if (match === null || count < 1 || count > MAX_PARTS) return [name];
  const [, stem, , of, total, ending] = match;
  return Array.from(
    { length: count },
    (_, i) => `${stem}${String(i + 1).padStart(5, '0')}${of}${total}${ending}`,
  );
}
