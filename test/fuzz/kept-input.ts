/**
 * @file Inputs kept in files: what was found, and what has been mended and must stay so.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const schema = z.union([
  z.strictObject({ target: z.string(), what: z.string(), text: z.string() }),
  z.strictObject({ target: z.string(), what: z.string(), base64: z.string() }),
]);

/** An input and what it once showed. */
export interface KeptInput {
  readonly target: string;
  readonly what: string;
  readonly bytes: Buffer;
}

/** Writes a file whose name says target and content. @returns Its path. */
export function keepInput(folder: string, { target, what, bytes }: KeptInput): string {
  mkdirSync(folder, { recursive: true });
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text).equals(bytes) && !/[^\n\t\x20-\x7e]/.test(text);
  const content = { target, what, ...(isText ? { text } : { base64: bytes.toString('base64') }) };
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 10);
  const path = join(folder, `${target}-${digest}.json`);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  return path;
}

export function readKeptInput(path: string): KeptInput {
  const content = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const bytes = 'text' in content ? Buffer.from(content.text) : Buffer.from(content.base64, 'base64');
  return { target: content.target, what: content.what, bytes };
}

/** Paths of all kept inputs of a folder, by name. */
export function keptInputs(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}
