import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openDataset } from '../../../src/datasets/open/open-dataset.js';
import { openParquet } from '../../../src/datasets/rows/parquet.js';
import { DataError } from '../../../src/domain/errors.js';
import { some } from '../../support/some.js';

/** Written by pyarrow: test/golden/make-parquet.py. */
const GOLDEN = 'test/golden/parquet';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-parquet-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function refusal(work: Promise<unknown>): Promise<DataError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

describe('RepoBench in Parquet', () => {
  test('is one dataset of three settings, whatever its files are compressed with', async () => {
    const dataset = await openDataset(`${GOLDEN}/repobench`, { withShipped: true });
    assert.equal(dataset.format, 'repobench');
    assert.deepEqual(
      dataset.tasks.map(({ id, category, level, crossFile }) => [id, category, level, crossFile]),
      [
        ['cross_file_first/0', 'cross_file_first', '2k', true],
        ['cross_file_first/1', 'cross_file_first', '4k', true],
        ['cross_file_first/2', 'cross_file_first', '8k', true],
        ['cross_file_random/0', 'cross_file_random', '2k', true],
        ['cross_file_random/1', 'cross_file_random', '4k', true],
        ['cross_file_random/2', 'cross_file_random', '8k', true],
        ['in_file/0', 'in_file', '2k', false],
        ['in_file/1', 'in_file', '4k', false],
        ['in_file/2', 'in_file', '8k', false],
      ],
    );
    const task = dataset.tasks[4]!;
    // Imports, newline, cropped code without white space at its end, newline.
    assert.equal(
      task.prefix,
      'from garden.plant import Plant\nfrom garden.hose import water\ndef grow1():\n    plant = Plant()\n',
    );
    assert.equal(task.reference, '    return water(plant, 1) # \u2028 \u{1f331}');
    assert.deepEqual(
      task.shipped!.map(({ path, text, score }) => [path, text, score]),
      [
        ['garden/plant.py', 'class Plant:\n    height = 1', null],
        ['garden/hose.py', 'def water(bed):\r\n    return bed', null],
      ],
    );
  });

  test('has the same content from every writer, and none in an empty file', async () => {
    const file = 'cross_file_first-00000-of-00001.parquet';
    const expected = await openDataset(`${GOLDEN}/repobench/${file}`, { withShipped: true });
    const writers = (await readdir(`${GOLDEN}/writers`)).filter((name) => name !== 'empty');
    assert.equal(writers.length, 10);
    for (const name of writers) {
      const dataset = await openDataset(`${GOLDEN}/writers/${name}/${file}`, { withShipped: true });
      assert.deepEqual(dataset.tasks, expected.tasks, name);
      assert.equal(dataset.contentHash, expected.contentHash, name);
    }
    assert.match((await refusal(openDataset(`${GOLDEN}/writers/empty/${file}`))).message, /no task/);
  });

  test('keeps the numbers of its rows when only a part is read, and reads no further', async () => {
    const { tasks } = await openDataset(`${GOLDEN}/repobench`, { mostRows: 4 });
    assert.deepEqual(tasks.at(-1)!.id, 'cross_file_random/0');
    assert.equal(tasks.length, 4);
  });

  test('names file, row and field of a record that cannot be used, or counts it', async () => {
    const file = `${GOLDEN}/null-field.parquet`;
    const error = await refusal(openDataset(file));
    assert.equal(error.message, `${file}: row 1: field "next_line" is missing`);
    const { skipped, tasks } = await openDataset(file, { skipInvalid: true });
    assert.deepEqual([skipped, tasks.length], [1, 1]);
  });

  test('has the split in the name of the folder where the hub has converted it', async () => {
    const place = join(folder, 'in_file');
    await mkdir(place);
    const file = join(place, '0000.parquet');
    await copyFile(`${GOLDEN}/repobench/in_file-00000-of-00001.parquet`, file);
    assert.equal((await openDataset(file)).tasks[2]!.id, 'in_file/2');
  });
});

describe('Long Code Arena in Parquet', () => {
  test('makes a task of every listed line, with its category, in both spellings of the first', async () => {
    for (const name of ['new', 'old']) {
      const dataset = await openDataset(`${GOLDEN}/lca-${name}.parquet`);
      const own = dataset.tasks.slice(0, 4);
      assert.deepEqual(
        own.map(({ category, reference, crossFile }) => [category, reference, crossFile]).sort(),
        [
          ['committed', '    leaf = Leaf()', true],
          ['infile', '    return leaf', false],
          ['non_informative', 'from orchard.leaf import Leaf', null],
          ['random', '    leaf = Leaf()', null],
        ],
      );
      const content = 'from orchard.leaf import Leaf\n\n\ndef tree0():\r\n    leaf = Leaf()\n    return leaf';
      for (const task of some(own)) assert.equal(task.prefix + task.reference + task.suffix, content);
    }
  });

  test('reads the repository of a record when it is asked for, Python files alone', async () => {
    const dataset = await openDataset(`${GOLDEN}/lca-new.parquet`);
    assert.deepEqual(
      dataset.sources.map(({ isMissing, size }) => [isMissing, size]),
      [0, 1, 2].map(() => [false, null]),
    );
    for (const [n, { repository }] of some(dataset.sources.entries())) {
      const { files } = await dataset.repository(repository);
      assert.deepEqual(files, [{ path: 'orchard/leaf.py', text: `class Leaf:\n    size = ${n}\n` }]);
    }
  });

  test('has another content hash when a snapshot differs, although only tasks were read', async () => {
    const one = await openDataset(`${GOLDEN}/lca-new.parquet`);
    const copy = join(folder, 'lca.parquet');
    await copyFile(`${GOLDEN}/lca-new.parquet`, copy);
    assert.equal((await openDataset(copy)).contentHash, one.contentHash);
    const bytes = await readFile(copy);
    const at = bytes.indexOf('# Orchard');
    assert.ok(at > 0);
    bytes.write('# orchard', at);
    await writeFile(copy, bytes);
    assert.notEqual((await openDataset(copy)).contentHash, one.contentHash);
  });
});

describe('a Parquet file', () => {
  test('of an unknown schema is refused with its columns', async () => {
    const error = await refusal(openDataset(`${GOLDEN}/unknown.parquet`));
    assert.match(error.render(), /it has repo_name, file_path, next_line/);
  });

  test('that is cut off or no Parquet at all is refused by name', async () => {
    const cut = join(folder, 'cut.parquet');
    await writeFile(cut, (await readFile(`${GOLDEN}/lca-new.parquet`)).subarray(0, 3000));
    assert.match((await refusal(openDataset(cut))).message, /cut\.parquet: cannot be read as Parquet/);
    await writeFile(cut, '');
    assert.match((await refusal(openDataset(cut))).message, /cannot be read as Parquet/);
  });

  test('gives single rows out of any row group', async () => {
    const file = await openParquet(`${GOLDEN}/lca-old.parquet`);
    assert.equal(file.rowCount, 3);
    for (const n of [2, 0, 1]) {
      const row = (await file.row(n, ['commit_hash', 'no_such_column'])) as Record<string, unknown>;
      assert.deepEqual(Object.keys(row), ['commit_hash']);
      assert.ok(String(row['commit_hash']).startsWith(String(n)));
    }
  });
});

describe('a folder of Arrow files', () => {
  test('is refused with the line of Python that makes Parquet of it', async () => {
    const place = join(folder, 'arrow');
    await mkdir(place);
    await writeFile(join(place, 'data-00000-of-00001.arrow'), '');
    assert.match((await refusal(openDataset(place))).render(), /load_from_disk\(folder\)\.to_parquet/);
  });
});
