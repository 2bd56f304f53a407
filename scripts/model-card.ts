/**
 * @file What the embedded model shows, from a finished run into its card: the table as printed, and each thing it must
 * show with what was measured, its interval, and whether it is reached.
 *
 *     llava-eval run --limit all --retrievers jaccard --pipelines no-context,full-rag,compressed,compressed-random --out RUN
 *     npm run model-card -- RUN                 prints the block
 *     npm run model-card -- RUN --write         and puts it into models/llavacode-nano/README.md
 *
 * Nothing is typed by hand: every number is a function of the run folder. Options: --retriever NAME, --card FILE.
 */

import { parseArgs } from 'node:util';
import { readFinishedRun } from '../src/run/finished-run.js';
import { CARD, writeCardBlock } from './card.js';
import { cardBlock } from './card-block.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    retriever: { type: 'string', default: 'jaccard' },
    card: { type: 'string', default: CARD },
    write: { type: 'boolean', default: false },
  },
});
const [path] = positionals;
if (path === undefined) throw new Error('name the run folder');
const markdown = cardBlock(await readFinishedRun(path), values.retriever);
process.stdout.write(`${markdown}\n`);
if (values.write) await writeCardBlock(values.card, 'llava-eval run on npm-ts-lines', markdown);
