/**
 * @file Has a projector collapsed? Mean pairwise cosine and effective rank of chunk vectors before and after it.
 *
 *     npm run geometry -- results/RUN                              of the embedded bundle's projector
 *     npm run geometry -- results/RUN --projector a.safetensors --projector b.safetensors [--model BUNDLE]
 *
 * `llava-eval probe` measures more of one projector; this script compares several on the chunks of a run.
 *
 * The chunks are those that the run's retrievers found, each text once, the first 2,000 by hash (`--chunks N`): the
 * vectors that a projector is used on. k soft tokens a chunk are measured together, as the vectors the decoder reads.
 */

import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { markdownTable } from '../bench/page.js';
import { runFolder } from '../src/run/run-folder.js';
import { chunkTexts, projectorGeometries } from './chunk-vectors.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'nano' },
    projector: { type: 'string', multiple: true, default: [] },
    chunks: { type: 'string', default: '2000' },
  },
});
const [run] = positionals;
if (run === undefined) throw new Error('name a run folder: its chunks are what is measured');

const texts = await chunkTexts(runFolder(run).tasks, Number(values.chunks));
const { encoder, projectors } = await projectorGeometries(values.model, values.projector, texts);
const numbers = ({ meanCosine, effectiveRank }: typeof encoder): string[] => [
  meanCosine.toFixed(4),
  effectiveRank.toFixed(1),
];
process.stdout.write(
  `${markdownTable([
    ['vectors', 'number', 'width', 'mean cosine', 'effective rank'],
    ['encoder', String(encoder.vectors), String(encoder.width), ...numbers(encoder)],
    ...[...projectors].map(([path, after]) => [
      path === '' ? `projector of ${values.model}` : basename(path),
      String(after.vectors),
      String(after.width),
      ...numbers(after),
    ]),
  ])}\n`,
);
