/**
 * @file What soft tokens could give on the validation holes of a training, if nothing had to be learnt: the decoder is
 * shown its own token embeddings of the chunks, as they are or as means of parts.
 *
 *     npx tsx scripts/untrained-tokens.ts REQUEST.json                   print a line a way
 *     npx tsx scripts/untrained-tokens.ts REQUEST.json --publish NAME    and write results/published/NAME/untrained.json
 *     npx tsx scripts/untrained-tokens.ts --write --publish NAME         only the table of docs/training.md
 *
 * REQUEST.json is what `trainProjector` is asked (docs/library.md). Its `from` gives the constant vectors, which stand
 * behind the soft tokens as in a training. --only WAY[,WAY] prints some of the ways.
 */

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { markdownTable, withBlock } from '../bench/page.js';
import { trainFolder } from '../src/comparison/train/folder.js';
import { openTraining } from '../src/comparison/train/open.js';
import { natsText } from '../src/comparison/train/report-lines.js';
import { trainRequestSchema, trainSettings } from '../src/comparison/train/request.js';
import { quietSurroundings } from '../src/comparison/events.js';
import type { TokenId } from '../src/domain/units.js';
import { writeAtomically } from '../src/files/atomic-file.js';
import { numbered } from '../src/statistics/clusters.js';
import { matrixOf, meanNorm, norm, stackRows, type Matrix } from '../src/tensor/matrix.js';
import { natsMeanSchema } from '../src/training/loop/checkpoint.js';
import { lenderOf, natsMean, type NatsMean } from '../src/training/loop/validation.js';
import { constantsOf, holeSequence, perToken, type TrainingWorld } from '../src/training/loop/world.js';
import { shownChunks, type TrainingSample } from '../src/training/samples/sample.js';
import { inverseDocumentFrequency, weightedMean } from '../src/training/start/mean-of-chunk.js';
import { publishedFile } from './evidence-runs.js';

const PAGE = fileURLToPath(new URL('../docs/training.md', import.meta.url));
/** Sequences that are handed to the decoder together. */
const TOGETHER = 8;
/** Tokens of a chunk that are shown, at most. */
const MOST_TOKENS = 40;

interface Way {
  readonly name: string;
  readonly title: string;
  /** Chunks of a hole that are shown; null for all. */
  readonly chunks: number | null;
  /** Lists of the ids whose weighted mean is one soft token. */
  parts(ids: readonly TokenId[], idf: Float32Array): (readonly TokenId[])[];
}

const means = (k: number): Way => ({
  ...{ name: `means-${k}`, chunks: null },
  title: k === 1 ? 'the mean of a chunk' : `the means of its ${k} parts`,
  parts: (ids) =>
    Array.from({ length: Math.min(k, ids.length) }, (_, j) => {
      const count = Math.min(k, ids.length);
      return ids.slice(Math.floor((j * ids.length) / count), Math.floor(((j + 1) * ids.length) / count));
    }),
});

const rarest = (k: number): Way => ({
  ...{ name: `rarest-${k}`, title: `its ${k} rarest tokens`, chunks: null },
  parts: (ids, idf) => {
    const firsts = [...new Set(ids)].map((id, at) => ({ id, at }));
    const kept = firsts.sort((a, b) => idf[b.id]! - idf[a.id]! || a.at - b.at).slice(0, k);
    return kept.sort((a, b) => a.at - b.at).map(({ id }) => [id]);
  },
});

const tokens = (name: string, title: string, chunks: number | null): Way => ({
  ...{ name, title, chunks },
  parts: (ids) => ids.slice(0, MOST_TOKENS).map((id) => [id]),
});

const WAYS: readonly Way[] = [
  ...[1, 4, 8].map(means),
  ...[4, 8].map(rarest),
  tokens('tokens-4', `its first ${MOST_TOKENS} tokens, 4 chunks`, 4),
  tokens('tokens', `its first ${MOST_TOKENS} tokens`, null),
];

const publishedSchema = z.strictObject({
  schema: z.literal('llava-eval/untrained-tokens@1'),
  holes: z.int(),
  rows: z.array(
    z.strictObject({
      title: z.string(),
      /** Mean over the holes. */
      softTokens: z.number(),
      'own - no-chunks': natsMeanSchema,
      'own - shuffled': natsMeanSchema,
    }),
  ),
});
type PublishedWays = z.infer<typeof publishedSchema>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    publish: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const [request] = positionals;
const only = values.only?.split(',');
const unknown = only?.find((one) => WAYS.every(({ name }) => name !== one));
if (unknown !== undefined)
  throw new RangeError(`--only ${unknown}: the ways are ${WAYS.map(({ name }) => name).join(', ')}`);
if (only !== undefined && values.publish !== undefined)
  throw new RangeError('--publish takes all ways: leave --only out');
if (request !== undefined) {
  const found = await score(request);
  if (values.publish !== undefined) {
    const path = publishedFile(values.publish, 'untrained');
    await mkdir(dirname(path), { recursive: true });
    await writeAtomically(path, `${JSON.stringify(found, null, 1)}\n`);
  }
} else if (!values.write)
  throw new Error('give a request, or --write to renew the table of docs/training.md');
if (values.publish !== undefined) await writePage(values.publish);

async function score(path: string): Promise<PublishedWays> {
  const settings = trainSettings(trainRequestSchema.parse(JSON.parse(await readFile(path, 'utf8'))));
  const folder = trainFolder(settings.out);
  await mkdir(folder.vectors, { recursive: true });
  const training = await openTraining(settings, folder, quietSurroundings());
  if (training === null) throw new Error('interrupted');
  try {
    const { world, earlier } = training;
    const { decoder, data } = world;
    const constants = earlier === null ? null : constantsOf(earlier.parameters, decoder.width);
    const trained = shownChunks(data.training).map((i) => data.chunks.ids[i]!);
    const idf = inverseDocumentFrequency(trained, decoder.embeddings.rows);
    const without = await nats(world, constants, () => null);
    const rows: PublishedWays['rows'] = [];
    for (const way of WAYS) {
      if (only !== undefined && !only.includes(way.name)) continue;
      const show = embeddingsOf(world, way, idf);
      let shown = 0;
      const own = await nats(world, constants, (sample) => {
        const soft = show(sample.chunks);
        shown += soft.rows;
        return soft;
      });
      const shuffled = await nats(world, constants, (sample) =>
        show(lenderOf(sample, data.validation, world.seed).chunks),
      );
      const row = {
        ...{ title: way.title, softTokens: shown / data.validation.length },
        'own - no-chunks': difference(world, own, without),
        'own - shuffled': difference(world, own, shuffled),
      };
      rows.push(row);
      process.stdout.write(`${cellsOf(row).join('  ')}\n`);
    }
    return { schema: 'llava-eval/untrained-tokens@1', holes: data.validation.length, rows };
  } finally {
    await training.dispose();
  }
}

/** Soft tokens of chunks, each as long as the mean of the token embeddings, [n, C]. */
function embeddingsOf(
  { decoder, data }: TrainingWorld,
  way: Way,
  idf: Float32Array,
): (chunks: readonly number[]) => Matrix {
  const length = meanNorm(decoder.embeddings);
  const meanOf = (ids: readonly TokenId[]): Matrix => {
    const embedded = decoder.embed(ids);
    if (ids.length === 1) return embedded;
    const mean = new Float32Array(decoder.width);
    weightedMean(embedded, ids, idf, 0, ids.length, mean);
    const factor = length / norm(mean);
    return matrixOf(
      1,
      decoder.width,
      mean.map((value) => factor * value),
    );
  };
  return (chunks) =>
    stackRows(
      chunks
        .slice(0, way.chunks ?? chunks.length)
        .flatMap((chunk) => way.parts(data.chunks.ids[chunk]!, idf).map(meanOf)),
      decoder.width,
    );
}

/** Nats a token of each validation hole. */
async function nats(
  world: TrainingWorld,
  constants: Matrix | null,
  softOf: (sample: TrainingSample) => Matrix | null,
): Promise<Float64Array> {
  const { validation } = world.data;
  const found: number[] = [];
  for (let at = 0; at < validation.length; at += TOGETHER) {
    const sequences = [];
    for (const sample of validation.slice(at, at + TOGETHER))
      sequences.push((await holeSequence(world, sample, { soft: softOf(sample), constants }, true)).sequence);
    found.push(...(await world.decoder.losses(sequences)).map(perToken));
  }
  return Float64Array.from(found);
}

/** Paired by hole. */
function difference({ data }: TrainingWorld, of: Float64Array, base: Float64Array): NatsMean {
  const clusters = numbered(data.validation.map(({ repository }) => repository));
  return natsMean(
    of.map((value, i) => value - base[i]!),
    clusters,
  );
}

function cellsOf(row: PublishedWays['rows'][number]): string[] {
  const { title, softTokens } = row;
  return [title, softTokens.toFixed(0), natsText(row['own - no-chunks']), natsText(row['own - shuffled'])];
}

async function writePage(name: string): Promise<void> {
  const { holes, rows } = publishedSchema.parse(
    JSON.parse(await readFile(publishedFile(name, 'untrained'), 'utf8')),
  );
  const table = markdownTable([
    [`nats a token, ${holes} holes`, 'soft tokens', 'own - no-chunks', 'own - shuffled'],
    ...rows.map(cellsOf),
  ]);
  await writeAtomically(PAGE, withBlock(await readFile(PAGE, 'utf8'), 'untrained-tokens', table));
}
