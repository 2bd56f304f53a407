/**
 * @file An unfinished download. `<file>.part` holds the bytes so far, and `<file>.part.json` says from which version of
 * which address they come.
 *
 * A part without a readable note, or with a note about another address, is of no use and is dropped.
 */

import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';

const noteSchema = z.object({
  url: z.string(),
  /** Strong entity tag or date of the version; null where the server named neither. */
  validator: z.string().nullable(),
});

/** What is known of the bytes that are here already. */
export interface Part {
  readonly bytes: number;
  readonly validator: string | null;
}

export const NOTHING: Part = { bytes: 0, validator: null };

export function partPath(file: string): string {
  return `${file}.part`;
}

function notePath(file: string): string {
  return `${file}.part.json`;
}

/** The part of a download from an address. It is empty where there is nothing to go on from. */
export async function readPart(file: string, url: string): Promise<Part> {
  try {
    const note = noteSchema.parse(JSON.parse(await readFile(notePath(file), 'utf8')));
    if (note.url !== url) return NOTHING;
    return { bytes: (await stat(partPath(file))).size, validator: note.validator };
  } catch {
    // There is no part, or its origin is unknown.
    return NOTHING;
  }
}

/** Notes which version the part that is about to be written belongs to. */
export async function notePart(file: string, url: string, validator: string | null): Promise<void> {
  await writeFile(notePath(file), JSON.stringify({ url, validator }));
}

/** Removes a part and its note. */
export async function dropPart(file: string): Promise<void> {
  await rm(partPath(file), { force: true });
  await dropNote(file);
}

export async function dropNote(file: string): Promise<void> {
  await rm(notePath(file), { force: true });
}

/**
 * The proof for `If-Range` that two answers are the same version: a strong entity tag, else the date of the last
 * change. A weak tag does not promise equal bytes (RFC 9110 section 13.1.5).
 */
export function validatorOf(headers: Headers): string | null {
  const tag = headers.get('etag');
  if (tag !== null && !tag.startsWith('W/')) return tag;
  return headers.get('last-modified');
}
