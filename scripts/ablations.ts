/**
 * @file Which part of the recipe does it? Projectors of one decoder against each other, by the harness itself.
 *
 *     npm run check:ablations -- PROJECTORS --out results/ablations --limit 400
 *     npm run check:ablations -- PROJECTORS --out results/ablations --limit 400 --write    and into the model card
 *
 * PROJECTORS is a folder of files that `--projector` takes: `3L.safetensors`, `2L.safetensors`, `3L-no-align.safetensors`,
 * `3L-2tokens.safetensors` and so on; a file's name is the name of its row. The reference, which the others are set
 * against, is `3L.safetensors` or the one named by `--reference`, or the bundle's own where there is no such file.
 *
 * Every pair of rows is of the same tasks, decoder and chunks. What does not depend on a projector is decoded once:
 *
 *   OUT/reference   no-context, full-rag, compressed and compressed-random with the reference, at top-k 10
 *   OUT/top-k       compressed with the reference, at top-k 1, 3 and 5
 *   OUT/NAME        compressed with another projector, at top-k 10
 *
 * Runs that are there already are resumed, and finished ones are kept. Differences are paired by task, intervals are
 * over repositories, and bold ones hold for the whole column (Holm). Times are left out: rows did not take turns. So
 * nothing speaks against several runs at a time: `--jobs 2` starts two, each with half of the threads. To go on with
 * folders, give the number they were begun with.
 * Options: --model BUNDLE, --limit N|all, --retriever NAME, --top-k 1,3,5 (of OUT/top-k), --card FILE, --jobs N.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { specChanges } from '../src/gate/compatible.js';
import { defaultThreads } from '../src/model/ort/threads.js';
import { readFinishedRun, type FinishedRun } from '../src/run/finished-run.js';
import { runFolder } from '../src/run/run-folder.js';
import { ablationTable, type AblationRow } from './ablation-table.js';
import { CARD, writeCardBlock } from './card.js';
import { chunkTexts, projectorGeometries } from './chunk-vectors.js';

const BIN = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));
const PROJECTOR_FILE = /\.(?:safetensors|pth|pt|bin|ckpt)$/;
/** Chunk vectors that geometries are taken over. */
const CHUNKS = 2000;
/** Fields in which the runs of one table may differ. */
const MAY_DIFFER = /^(?:models\.compression\.projector|softTokensPerChunk|pipelines|topK)$/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'nano' },
    reference: { type: 'string', default: '3L' },
    limit: { type: 'string', default: '400' },
    retriever: { type: 'string', default: 'jaccard' },
    'top-k': { type: 'string', default: '1,3,5' },
    out: { type: 'string', default: 'results/ablations' },
    card: { type: 'string', default: CARD },
    jobs: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error('name the folder that holds the projectors');

const files = (await readdir(folder)).filter((name) => PROJECTOR_FILE.test(name)).sort();
const nameOf = (file: string): string => basename(file).replace(PROJECTOR_FILE, '');
const referenceFile = files.find((file) => nameOf(file) === values.reference);
const others = files.filter((file) => file !== referenceFile);
const projectorFlags = (file: string | undefined): string[] =>
  file === undefined ? [] : ['--projector', join(folder, file)];

const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1)
  throw new RangeError(`--jobs ${values.jobs}: a whole number from 1 on is needed`);
const threads = Math.max(1, Math.floor(defaultThreads() / jobs));

/** One folder under OUT: pipelines and further flags of its run. */
interface Plan {
  readonly path: string;
  readonly flags: readonly string[];
}
const plan = (name: string, pipelines: string, more: readonly string[]): Plan => ({
  path: join(values.out, name),
  flags: ['--pipelines', pipelines, ...more],
});

/** Runs, or goes on with, one folder. */
async function runInto({ path, flags }: Plan): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      ...[BIN, 'run', '--model', values.model, '--limit', values.limit, '--retrievers', values.retriever],
      ...['--threads', String(threads), '--out', path, ...flags],
      ...(existsSync(runFolder(path).journal) ? ['--resume'] : []),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve);
  });
  if (status !== 0) throw new Error(`the run in ${path} ended with exit code ${status ?? 'none'}`);
}

/** Runs the plans, `jobs` at a time. After a failure none is started, and those that go on are waited for. */
async function runAll(plans: readonly Plan[]): Promise<void> {
  const waiting = [...plans];
  const runners = Array.from({ length: jobs }, async () => {
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await runInto(next);
    } finally {
      waiting.length = 0;
    }
  });
  for (const ended of await Promise.allSettled(runners)) if (ended.status === 'rejected') throw ended.reason;
}

const own = projectorFlags(referenceFile);
const reference = plan('reference', 'no-context,full-rag,compressed,compressed-random', own);
const topK = plan('top-k', 'compressed', [...own, '--sweep', `top-k=${values['top-k']}`]);
const variants = others.map((file) => ({ file, ...plan(nameOf(file), 'compressed', projectorFlags(file)) }));
await runAll([reference, topK, ...variants]);
const base = await readFinishedRun(reference.path);
const runs = await Promise.all(
  variants.map(async ({ file, path }) => ({ file, run: await readFinishedRun(path) })),
);
const swept = await readFinishedRun(topK.path);
for (const { path, run } of [swept, ...runs.map((one) => one.run)]) {
  const changes = specChanges(base.run.spec, run.spec).filter(({ field }) => !MAY_DIFFER.test(field));
  if (changes.length === 0) continue;
  throw new Error(
    `${path} was made with other settings than ${reference.path}: ${changes.map(({ field }) => field).join(', ')}`,
  );
}

const texts = await chunkTexts(runFolder(reference.path).tasks, CHUNKS);
const paths = files.map((file) => join(folder, file));
const geometry = await projectorGeometries(
  values.model,
  [...(referenceFile === undefined ? [''] : []), ...paths],
  texts,
);
const geometryOf = (file: string | undefined) =>
  geometry.projectors.get(file === undefined ? '' : join(folder, file)) ?? null;
const softTokens = ({ run }: FinishedRun): number => run.spec.softTokensPerChunk ?? 1;
const referenceName = referenceFile === undefined ? `projector of ${values.model}` : nameOf(referenceFile);

const ofBase =
  (pipeline: string): AblationRow['configuration'] =>
  (configuration) =>
    configuration.pipeline === pipeline;
const rows: AblationRow[] = [
  { name: 'no-context', run: base, configuration: ofBase('no-context'), tokens: 0, geometry: null },
  { name: 'full-rag', run: base, configuration: ofBase('full-rag'), tokens: 0, geometry: null },
  {
    ...{ name: `${referenceName} (reference)`, run: base, configuration: ofBase('compressed') },
    ...{ tokens: softTokens(base), geometry: geometryOf(referenceFile) },
  },
  {
    ...{ name: `${referenceName}, random vectors`, run: base, configuration: ofBase('compressed-random') },
    ...{ tokens: softTokens(base), geometry: null },
  },
  ...runs.map(({ file, run }): AblationRow => ({
    ...{ name: nameOf(file), run, configuration: ofBase('compressed') },
    ...{ tokens: softTokens(run), geometry: geometryOf(file) },
  })),
  ...swept.run.spec.topK.map((k): AblationRow => ({
    ...{ name: `${referenceName}, top-k ${k}`, run: swept, configuration: (one) => one.topK === k },
    ...{ tokens: softTokens(swept), geometry: null },
  })),
];
const encoded = geometry.encoder;
const { spec } = base.run;
const markdown = [
  `\`npm run check:ablations\`, ${spec.dataset.taskCount} tasks of \`${spec.dataset.id}\`, retriever ${values.retriever}, ` +
    `top-k ${spec.topK.join()}, decoder ${spec.models.decoder.slice(0, 12)}. ` +
    `Points with 95 % intervals, paired by task; bold where a difference is shown (Holm over the column). Geometry of the soft ` +
    `tokens of ${encoded.vectors} chunks; their encoder vectors have a mean cosine of ${encoded.meanCosine.toFixed(3)} and an effective ` +
    `rank of ${encoded.effectiveRank.toFixed(1)} of ${encoded.width}.`,
  '',
  ablationTable(rows, spec.seed),
].join('\n');
process.stdout.write(`${markdown}\n`);
if (values.write) await writeCardBlock(values.card, 'ablations', markdown);
