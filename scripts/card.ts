/**
 * @file The card of the embedded model: blocks of measured numbers, written by the scripts that measure them.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { withBlock } from '../bench/page.js';
import { writeAtomically } from '../src/files/atomic-file.js';

export const CARD = fileURLToPath(new URL('../models/llavacode-nano/README.md', import.meta.url));

/**
 * Rewrites what stands between `<!-- BEGIN name -->` and `<!-- END name -->`.
 *
 * @throws {RangeError} If the card has no such block.
 */
export async function writeCardBlock(card: string, name: string, markdown: string): Promise<void> {
  await writeAtomically(card, withBlock(await readFile(card, 'utf8'), name, markdown));
}
