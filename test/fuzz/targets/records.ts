/**
 * @file Readers of data: records of every format, predictions, descriptions, Parquet, archives of repositories.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { SOURCE_LIMITS } from '../../../src/archive/limits.js';
import { readArchive } from '../../../src/archive/read.js';
import { unpackArchive } from '../../../src/archive/unpack.js';
import type { DatasetOptions } from '../../../src/datasets/dataset.js';
import { readDescription } from '../../../src/datasets/description.js';
import { openDataset } from '../../../src/datasets/open/open-dataset.js';
import { overviewOf } from '../../../src/datasets/open/overview.js';
import { readPredictions } from '../../../src/datasets/records/predictions.js';
import { tasksWithRecords } from '../../../src/datasets/records/raw-records.js';
import { DataError } from '../../../src/domain/errors.js';
import { makeZip } from '../../support/archives.js';
import { makeTar } from '../../datasets/package-archive.js';
import { SAMPLES } from '../../datasets/samples.js';
import { bendTar, bendTarGz, bendZip } from '../mutate/archives.js';
import { bendBytes } from '../mutate/bytes.js';
import { bendJson, bendJsonLines } from '../mutate/json.js';
import { bendParquet } from '../mutate/parquet.js';
import type { FuzzTarget } from '../target.js';

const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));
const DATASETS = fileURLToPath(new URL('../../../datasets/', import.meta.url));

const lines = (records: readonly unknown[]): Buffer =>
  Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));

/** Opens a dataset and everything that hangs on it. */
async function readAll(file: string, options: DatasetOptions): Promise<void> {
  const dataset = await openDataset(file, { withShipped: true, ...options });
  overviewOf(dataset);
  for (const { repository, isMissing } of dataset.sources) {
    if (!isMissing) await dataset.repository(repository);
  }
  for await (const { record } of tasksWithRecords(file, dataset.tasks)) JSON.stringify(record);
}

/** Runs the work; a complaint about data is an answer. */
async function orComplaint(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
}

const PREDICTIONS = lines(
  ['a/1', 'a/2', 'b/1'].map((id) => ({ task_id: id, pred: 'return total * price\n' })),
);

const PACKAGES = lines([
  { filepath: 'shapes/pkg/unit.py', content: [{ content: 'UNIT = 1\n' }] },
  { filepath: 'shapes/pkg/side.py', content: [{ content: 'SIDE = 2\n' }] },
]);

const OWN_RECORD = lines([SAMPLES[0]!.record(0)]);

const ENTRIES = [
  { name: 'shapes/pkg/unit.py', text: 'UNIT = 1\n' },
  { name: 'shapes/pkg/side.py', text: 'SIDE = 2\n' },
  { name: 'shapes/README.md', text: 'shapes\n' },
];

const seedZip = (): Buffer =>
  makeZip([
    ...ENTRIES.map(({ name, text }) => ({ name, content: Buffer.from(text) })),
    { name: 'shapes/pkg/wide.py', content: Buffer.from('W = 3\n'), zip64: true as const },
  ]);

/** Reads an archive for a repository, and unpacks it; afterwards nothing may lie outside of `out`. */
async function readAndUnpack(file: string, folder: string): Promise<void> {
  const pieces: Uint8Array[] = [];
  await orComplaint(
    readArchive({
      file,
      limits: SOURCE_LIMITS,
      isWanted: (path) => path.endsWith('.py'),
      async onEntry({ content }) {
        for await (const piece of content) pieces.push(piece);
      },
    }),
  );
  const before = readdirSync(dirname(folder)).sort().join();
  const out = join(folder, 'out', 'unpacked');
  try {
    await orComplaint(unpackArchive(file, out, SOURCE_LIMITS));
    const beside = readdirSync(folder).filter((name) => name !== basename(file) && name !== 'out');
    if (beside.length > 0 || readdirSync(dirname(folder)).sort().join() !== before) {
      throw new Error(`unpacking left ${beside.join(', ') || 'something'} outside of its folder`);
    }
  } finally {
    rmSync(join(folder, 'out'), { recursive: true, force: true });
    mkdirSync(join(folder, 'out'));
  }
}

function archiveTarget(
  name: string,
  file: string,
  seeds: FuzzTarget['seeds'],
  mutate: FuzzTarget['mutate'],
): FuzzTarget {
  return { name, file, seeds, mutate, read: readAndUnpack };
}

export const RECORD_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'records',
    file: 'rows.jsonl',
    seeds: () => SAMPLES.map(({ record }) => lines([record(0), record(1)])),
    mutate: bendJsonLines,
    async read(file) {
      await orComplaint(readAll(file, { skipInvalid: true }));
      await readAll(file, {});
    },
  },
  {
    name: 'records-forced',
    file: 'rows.jsonl',
    seeds: () => SAMPLES.map(({ record }) => lines([record(0)])),
    mutate: bendJsonLines,
    async read(file) {
      for (const format of new Set(SAMPLES.map((sample) => sample.format))) {
        await orComplaint(readAll(file, { format }));
      }
    },
  },
  {
    name: 'predictions',
    file: 'predictions.jsonl',
    seeds: () => [PREDICTIONS],
    mutate: bendJsonLines,
    async read(file) {
      let left = 0;
      for await (const { completion } of readPredictions(file, () => left++)) left += completion.length;
      for await (const { completion } of readPredictions(file, null)) left += completion.length;
    },
  },
  {
    name: 'packages',
    file: 'repocoder_packages.jsonl',
    seeds: () => [PACKAGES],
    mutate: bendJsonLines,
    prepare: (folder) => {
      writeFileSync(join(folder, 'tasks.jsonl'), OWN_RECORD);
    },
    read: (_file, folder) => readAll(join(folder, 'tasks.jsonl'), {}),
  },
  {
    name: 'dataset-description',
    file: 'dataset.json',
    seeds: () => ['npm-ts-lines', 'tiny'].map((id) => readFileSync(join(DATASETS, id, 'dataset.json'))),
    mutate: bendJson,
    read: (_file, folder) => readDescription(folder),
  },
  {
    name: 'parquet',
    file: 'rows.parquet',
    seeds: () =>
      [
        'lca-new.parquet',
        'lca-old.parquet',
        'null-field.parquet',
        'unknown.parquet',
        'repobench/in_file-00000-of-00001.parquet',
      ].map((name) => readFileSync(join(GOLDEN, 'parquet', name))),
    mutate: bendParquet,
    async read(file) {
      await orComplaint(readAll(file, { skipInvalid: true }));
      await readAll(file, {});
    },
  },
  {
    name: 'parquet-pages',
    file: 'rows.parquet',
    seeds: () =>
      ['lca-new.parquet', 'null-field.parquet'].map((name) => readFileSync(join(GOLDEN, 'parquet', name))),
    mutate: bendBytes,
    read: (file) => readAll(file, {}),
  },
  archiveTarget('zip', 'repositories.zip', () => [seedZip()], bendZip),
  archiveTarget('tar', 'repositories.tar', () => [makeTar(ENTRIES)], bendTar),
  archiveTarget('tar-gz', 'repositories.tar.gz', () => [gzipSync(makeTar(ENTRIES))], bendTarGz),
  archiveTarget(
    'tar-xz',
    'repositories.tar.xz',
    () => [readFileSync(join(GOLDEN, 'archives', 'shapes.tar.xz'))],
    bendBytes,
  ),
];
