/**
 * @file Trainings held against each other at equal budget, as docs/training.md has them.
 *
 *     npm run training-study -- DECODER --dataset DIR … --validation-repos a,b --out DIR     train what is open
 *     npm run training-study -- DECODER … --out DIR --publish NAME          and write results/published/NAME/training.json
 *     npm run training-study -- --write --publish NAME                      only the table, from results/published
 *
 * Everything behind DECODER but --out, --only and --publish goes to `llava-eval train`. Every training is continued where
 * it stopped. Kept keys and values are shared, so that code before the soft tokens is run once for all of them.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { trainFolder } from '../src/comparison/train/folder.js';
import { writeAtomically } from '../src/files/atomic-file.js';
import { readMetrics } from '../src/training/loop/metrics-file.js';
import { validationSchema } from '../src/training/loop/checkpoint.js';
import { markdownTable, withBlock } from '../bench/page.js';
import { publishedFile } from './evidence-runs.js';
import { TRAINING_VARIANTS, type TrainingVariant } from './training-variants.js';

const BIN = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/training.md', import.meta.url));
const PUBLISHED_AS = 'training';

/** A file of `results/published`: every validation of every training that is done. */
const publishedSchema = z.strictObject({
  schema: z.literal('llava-eval/training-study@1'),
  trainings: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      validations: z.array(
        z.strictObject({ stage: z.string(), samples: z.int(), validation: validationSchema }),
      ),
    }),
  ),
});
type PublishedStudy = z.infer<typeof publishedSchema>;
type PublishedTraining = PublishedStudy['trainings'][number];

/** Takes `--name value` out of the words. */
function taken(words: string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
}

const words = process.argv.slice(2);
const publish = taken(words, '--publish');
const only = taken(words, '--only')?.split(',');
const out = resolve(taken(words, '--out') ?? 'results/training-study');
const writes = words.includes('--write');
if (writes) words.splice(words.indexOf('--write'), 1);
const [decoder, ...flags] = words;

if (decoder !== undefined) {
  for (const one of TRAINING_VARIANTS) {
    if (only !== undefined && !only.includes(one.name)) continue;
    await train(one, decoder);
  }
  if (publish !== undefined) {
    const path = publishedFile(publish, PUBLISHED_AS);
    await mkdir(join(path, '..'), { recursive: true });
    await writeAtomically(path, `${JSON.stringify(await study(), null, 1)}\n`);
  }
} else if (!writes) throw new Error('name a decoder, or give --write to renew the table of docs/training.md');
if (publish !== undefined) await writePage(publish);

function folderOf(name: string): string {
  return join(out, name);
}

function isDone(name: string): boolean {
  return existsSync(join(trainFolder(folderOf(name)).bundle, 'bundle.json'));
}

async function train({ name, flags: own, recipe, from }: TrainingVariant, of: string): Promise<void> {
  if (isDone(name)) return;
  await mkdir(out, { recursive: true });
  const path = join(out, `${name}.json`);
  await writeAtomically(path, `${JSON.stringify(recipe, null, 2)}\n`);
  process.stderr.write(`${new Date().toISOString()} ${name}\n`);
  const takenOver = from === null ? [] : ['--from', trainFolder(folderOf(from)).bundle];
  const shared = ['--prefix-dir', join(out, 'prefixes'), '--recipe', path, '--out', folderOf(name)];
  const args = ['train', '--decoder', of, ...flags, ...own, ...takenOver, ...shared, '--resume'];
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const status = await new Promise<number | null>((done, failed) => {
    child.once('error', failed).once('exit', done);
  });
  if (status !== 0) throw new Error(`llava-eval ${args.join(' ')} ended with exit code ${status ?? 'none'}`);
}

async function study(): Promise<PublishedStudy> {
  const trainings: PublishedTraining[] = [];
  for (const { name, title } of TRAINING_VARIANTS) {
    if (!isDone(name)) continue;
    const lines = await readMetrics(trainFolder(folderOf(name)).metrics);
    const validations = lines.flatMap((line) =>
      line.kind === 'validation'
        ? [{ stage: line.stage, samples: line.samples, validation: line.validation }]
        : [],
    );
    trainings.push({ name, title, validations });
  }
  return { schema: 'llava-eval/training-study@1', trainings };
}

async function writePage(name: string): Promise<void> {
  const text = await readFile(publishedFile(name, PUBLISHED_AS), 'utf8');
  const { trainings } = publishedSchema.parse(JSON.parse(text));
  const page = await readFile(PAGE, 'utf8');
  await writeAtomically(PAGE, withBlock(page, 'training-study', studyTable(trainings)));
}

/** The last validation of each training. */
function studyTable(trainings: readonly PublishedTraining[]): string {
  const columns = ['own - no-chunks', 'own - shuffled', 'own - random', 'no-chunks - plain'];
  return markdownTable([
    ['nats a token', 'holes seen', ...columns],
    ...trainings.map(({ title, validations }) => {
      const { samples, validation } = validations.at(-1)!;
      return [
        title,
        String(samples),
        ...columns.map((column) => {
          const found = validation.differences[column];
          if (found === undefined) return '';
          const digits = (value: number): string => value.toFixed(3);
          const ci = found.ci95 === null ? '' : ` [${found.ci95.map(digits).join(', ')}]`;
          return `${digits(found.mean)}${ci}`;
        }),
      ];
    }),
  ]);
}
