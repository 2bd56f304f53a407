/**
 * @file The held-out completions of the embedded model, from the rows of its recipe into its card.
 *
 *     npx tsx scripts/card-held-out.ts ROWS.jsonl                prints the block
 *     npx tsx scripts/card-held-out.ts ROWS.jsonl --write        and puts it into models/llavacode-nano/README.md
 *
 * ROWS.jsonl is what `recipe/evaluation/evaluate.py` wrote. Nothing is typed by hand: every number of the block is a
 * function of the rows. Options: --card FILE, --out FILE (the block alone).
 */

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { writeAtomically } from '../src/files/atomic-file.js';
import { CARD, writeCardBlock } from './card.js';
import { heldOutBlock, parseHeldOut } from './card-held-out-block.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    card: { type: 'string', default: CARD },
    out: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const [path] = positionals;
if (path === undefined) throw new Error('name the file of rows that recipe/evaluation/evaluate.py wrote');
const markdown = heldOutBlock(parseHeldOut(await readFile(path, 'utf8'), path));
process.stdout.write(`${markdown}\n`);
if (values.out !== undefined) await writeAtomically(values.out, `${markdown}\n`);
if (values.write) await writeCardBlock(values.card, 'held-out', markdown);
