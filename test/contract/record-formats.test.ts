import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Dataset, DatasetOptions } from '../../src/datasets/dataset.js';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import { DataError } from '../../src/domain/errors.js';
import { LANGUAGES } from '../../src/domain/task.js';
import { FORMAT_NAMES, formatNamed, FORMATS } from '../../src/datasets/formats/all.js';
import type { RowContext } from '../../src/datasets/formats/format.js';
import { recogniseRow } from '../../src/datasets/formats/recognition.js';
import type { RowFile } from '../../src/datasets/rows/rows.js';
import { SAMPLES, without } from '../datasets/samples.js';
import { some } from '../support/some.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-loaders-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

let files = 0;
async function write(text: string): Promise<string> {
  const place = join(folder, String(files++));
  await mkdir(place);
  const file = join(place, 'rows.jsonl');
  await writeFile(file, text);
  return file;
}

const linesOf = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

async function refusal(work: Promise<unknown>): Promise<DataError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

/** What every loader promises about every dataset. */
function checkTasks(dataset: Dataset): void {
  assert.equal(new Set(dataset.tasks.map(({ id }) => id)).size, dataset.tasks.length, 'ids are unique');
  for (const task of some(dataset.tasks)) {
    assert.ok(LANGUAGES.includes(task.language));
    assert.ok(!task.path.includes('\\') && !task.path.startsWith('/'), task.path);
    assert.ok(dataset.sources.some(({ repository }) => repository === task.repository));
    for (const chunk of task.shipped ?? []) {
      assert.notEqual(chunk.path, '');
      assert.equal(chunk.startLine === null, chunk.endLine === null);
    }
  }
}

/** A file of which only the rows can tell the fields, as JSON lines are. */
const NO_COLUMNS: RowFile = {
  fields: null,
  readColumns: null,
  rows: () => assert.fail('nobody reads the file here'),
};

const CONTEXT: RowContext = {
  split: 'in_file',
  index: 0,
  countOf: () => 0,
  withShipped: true,
  advice: 'mend the line',
  deviate: () => undefined,
  readColumns: null,
};

for (const name of FORMAT_NAMES) {
  describe(`the record format ${name}`, () => {
    const format = formatNamed(name);
    const samples = SAMPLES.filter((sample) => sample.format === name);

    test('describes itself under its own name and has a sample record', () => {
      assert.equal(format.name, name);
      assert.notEqual(format.title, '');
      assert.ok(format.needs.length > 0 && format.needs.every((fields) => fields.length > 0));
      assert.ok(samples.length > 0, 'test/datasets/samples.ts holds one of every format');
    });

    test('is recognised by its own sample, and no other format is', () => {
      for (const { record } of samples) {
        const found = recogniseRow(NO_COLUMNS, { where: 'rows.jsonl:1', value: record(0) });
        assert.deepEqual(found, { kind: 'format', format });
      }
    });

    test('makes the same tasks of its columns alone, shipped chunks only where they are asked for', () => {
      for (const { record } of samples) {
        for (const withShipped of [true, false]) {
          const columns = format.columns(withShipped);
          const read = (value: unknown) =>
            format
              .read({ where: 'rows.parquet: row 0', value }, { ...CONTEXT, withShipped })
              .map(({ task, repositoryDir }) => ({ task, repositoryDir }));
          const whole = record(0);
          const part = Object.fromEntries(Object.entries(whole).filter(([key]) => columns.includes(key)));
          assert.deepEqual(read(part), read(whole));
          assert.ok(withShipped || read(whole).every(({ task }) => task.shipped === undefined));
        }
      }
    });

    test('names the place, the field and what to do in a complaint', () => {
      for (const { record, needed } of samples) {
        const read = (): unknown =>
          format.read({ where: 'rows.jsonl:7', value: without(record(0), needed) }, CONTEXT);
        assert.throws(read, (error: unknown) => {
          assert.ok(error instanceof DataError);
          assert.equal(error.message, `rows.jsonl:7: field "${needed}" is missing`);
          assert.equal(error.hints.at(-1), CONTEXT.advice);
          return true;
        });
      }
    });
  });
}

describe('record formats together', () => {
  test('have titles of their own', () => {
    assert.equal(new Set(FORMATS.map(({ title }) => title)).size, FORMATS.length);
  });
});

for (const sample of SAMPLES) {
  const { format, convention, language, tasks, text, record, needed, ships, holdsRepository, namesTasks } =
    sample;
  describe(`the loader of ${format} (${language}, ${convention})`, () => {
    const open = async (content: string, options: DatasetOptions = {}): Promise<Dataset> =>
      openDataset(await write(content), { withShipped: true, ...options });

    test('recognises its schema and joins each task to text of the file', async () => {
      const dataset = await open(linesOf([record(0), record(1)]));
      assert.equal(dataset.format, format);
      assert.equal(dataset.tasks.length, 2 * tasks);
      checkTasks(dataset);
      for (const task of some(dataset.tasks)) {
        assert.equal(task.language, language);
        const whole = task.prefix + task.reference + task.suffix;
        assert.ok(text.includes(whole), JSON.stringify(whole));
        assert.equal(/\n$/.test(task.prefix), convention !== 'indentation in the prompt');
        assert.equal(/\n$/.test(task.reference), convention === 'line with newline');
      }
    });

    test('can be forced, and then names the field that is missing', async () => {
      const content = linesOf([record(0), record(1)]);
      assert.equal((await open(content, { format })).tasks.length, 2 * tasks);
      const file = await write(linesOf([{ unlike: 'anything' }]));
      assert.match((await refusal(openDataset(file, { format }))).message, /rows\.jsonl:1: /);
    });

    test('names file, line and field of a damaged record, or counts it', async () => {
      const content = linesOf([record(0), without(record(1), needed), record(2)]);
      const file = await write(content);
      const error = await refusal(openDataset(file));
      assert.ok(error.message.startsWith(`${file}:2: `), error.message);
      assert.match(error.message, new RegExp(`"${needed}" is missing`));
      const problems: string[] = [];
      const rest = await openDataset(file, {
        skipInvalid: true,
        onInvalid: (problem) => problems.push(problem.message),
      });
      assert.equal(rest.skipped, 1);
      assert.equal(rest.tasks.length, 2 * tasks);
      assert.deepEqual(problems, [error.message]);
    });

    test('takes CRLF between rows, a byte order mark, blank lines and a missing last newline', async () => {
      const plain = await open(linesOf([record(0), record(1)]));
      const odd = `\uFEFF${JSON.stringify(record(0))}\r\n\r\n${JSON.stringify(record(1))}`;
      const other = await open(odd);
      assert.deepEqual(
        other.tasks.map(({ id, prefix, reference, suffix }) => [id, prefix, reference, suffix]),
        plain.tasks.map(({ id, prefix, reference, suffix }) => [id, prefix, reference, suffix]),
      );
    });

    test('refuses an empty file, and a task id that occurs twice with both places', async () => {
      assert.match((await refusal(open(''))).message, /no task$/);
      if (!namesTasks) return;
      const file = await write(linesOf([record(0), record(1), record(0)]));
      const error = await refusal(openDataset(file));
      assert.match(error.message, /:3: task id ".*" was already used on line 1$/);
    });

    test('keeps shipped chunks only when they are asked for', async () => {
      const content = linesOf([record(0)]);
      const [first] = (await open(content)).tasks;
      const [light] = (await open(content, { withShipped: false })).tasks;
      assert.equal(light!.shipped, undefined);
      assert.equal(first!.shipped !== undefined, ships);
    });

    test('says plainly where the repository is absent, and opens without it', async () => {
      const dataset = await open(linesOf([record(0)]));
      const [source] = dataset.sources;
      if (holdsRepository) {
        const { files: held } = await dataset.repository(source!.repository);
        assert.deepEqual(held, [{ path: 'pkg/unit.py', text: 'UNIT = 1\n' }]);
        return;
      }
      assert.equal(source!.isMissing, true);
      const error = await refusal(dataset.repository(source!.repository));
      assert.match(error.render(), /pass --repos/);
    });
  });
}

describe('a schema', () => {
  test('that is not known is refused with what was seen and what each known one needs', async () => {
    const file = await write(
      linesOf([{ task_id: 'HumanEval/0', prompt: 'def f():', canonical_solution: '' }]),
    );
    const error = await refusal(openDataset(file));
    assert.equal(error.message, `${file}:1: the schema is not known`);
    assert.match(error.render(), /it has task_id, prompt, canonical_solution/);
    for (const { format } of SAMPLES) assert.match(error.render(), new RegExp(`${format} needs `));
    assert.match(error.render(), /--format/);
  });

  test('that fits two known ones equally well has to be named', async () => {
    const [own, , repoformer] = SAMPLES.map((sample) => sample.record(0));
    const both = {
      ...own,
      metadata: { ...(own!['metadata'] as object), ...(repoformer!['metadata'] as object) },
    };
    const file = await write(linesOf([both]));
    const error = await refusal(openDataset(file));
    assert.match(error.message, /fits llava-eval and repoformer equally well/);
    assert.match(error.render(), /--format llava-eval or --format repoformer/);
    assert.equal((await openDataset(file, { format: 'repoformer' })).tasks[0]!.repository, 'someone_shapes');
  });

  test('is told by the first usable row where damaged ones are left out', async () => {
    const { record } = SAMPLES[4]!;
    const file = await write(`nonsense\n${linesOf([{ a: 1 }, record(0)])}`);
    const dataset = await openDataset(file, { skipInvalid: true });
    assert.deepEqual([dataset.format, dataset.tasks.length, dataset.skipped], ['repoeval', 1, 2]);
  });
});

test('RepoBench’s cropped code gives the same prompt with any number of line ends behind it', async () => {
  const { record } = SAMPLES.find(({ format }) => format === 'repobench')!;
  const rows = ['\n', '', '\n\n\n', '  \n'].map((end) => ({
    ...record(0),
    import_statement: 'from b import f',
    cropped_code: `def g(y):\n    z = f(y)${end}`,
  }));
  const { tasks } = await openDataset(await write(linesOf(rows)));
  assert.deepEqual(
    new Set(tasks.map(({ prefix }) => prefix)),
    new Set(['from b import f\ndef g(y):\n    z = f(y)\n']),
  );
  assert.equal(tasks.length, 4);
});

describe('RepoEval as it is published', () => {
  // The lines of a file, and the records of its two functions: lines are joined, blank ones before the hole are gone.
  const lines = [
    'import os',
    '',
    'def area(w, h):',
    '    """Of a box."""',
    '',
    '    return w * h',
    'def one():',
    '    return 1',
  ];
  const text = lines.join('\n');
  const published = (
    repository: string,
    start: number,
    hole: number,
    prompt: string,
    truth: string,
  ): object => ({
    prompt,
    metadata: {
      task_id: `${repository.replace('_', '--')}/idx`,
      ground_truth: truth,
      fpath_tuple: [repository, 'pkg', 'area.py'],
      context_start_lineno: start,
      lineno: hole,
      function_name: 'area',
    },
  });
  const area = (repository: string): object =>
    published(repository, 0, 5, lines.slice(0, 4).join('\n'), '    return w * h\n');
  const one = (repository: string): object =>
    // Begins in the middle of line 2.
    published(repository, 2, 7, ['area(w, h):', ...lines.slice(3, 7)].join('\n'), '    return 1\n');

  test('numbers functions within each repository, since all of them have the id "idx"', async () => {
    const file = await write(linesOf([area('a_x'), area('b_y'), one('a_x'), one('b_y')]));
    const { tasks } = await openDataset(file);
    assert.deepEqual(
      tasks.map(({ id, repository }) => [id, repository]),
      [
        ['a_x/0', 'a_x'],
        ['b_y/0', 'b_y'],
        ['a_x/1', 'a_x'],
        ['b_y/1', 'b_y'],
      ],
    );
  });

  test('gives back the newline before the hole and the blank lines that the line numbers count', async () => {
    const { tasks, deviations } = await openDataset(await write(linesOf([area('a_x'), one('a_x')])));
    // Line 5 of the file is the sixth: four lines of the prompt, and one blank one.
    assert.equal(tasks[0]!.prefix, 'import os\n\ndef area(w, h):\n    """Of a box."""\n\n');
    assert.ok(tasks[1]!.prefix.endsWith('return w * h\ndef one():\n'));
    for (const { prefix, reference } of some(tasks)) assert.ok(`${text}\n`.includes(prefix + reference));
    assert.deepEqual(
      tasks.map((task) => task.lines),
      [
        { start: 0, hole: 5 },
        { start: 2, hole: 7 },
      ],
    );
    assert.deepEqual(deviations, []);
  });

  test('ends a prompt with a newline where the record has no line numbers, and keeps one that is there', async () => {
    const record = (id: string, prompt: string): object => ({
      prompt,
      metadata: { task_id: id, ground_truth: 'x', fpath_tuple: ['a_x', 'a.py'] },
    });
    const rows = [record('a/0', 'a = 1'), record('a/1', 'a = 1\n'), record('a/2', '')];
    const { tasks } = await openDataset(await write(linesOf(rows)));
    assert.deepEqual(
      tasks.map(({ prefix, lines: place }) => [prefix, place]),
      [
        ['a = 1\n', undefined],
        ['a = 1\n', undefined],
        ['', undefined],
      ],
    );
  });

  test('does not use line numbers that the prompt belies, and says so', async () => {
    const few = published('a_x', 0, 1, 'a = 1\nb = 2\nc = 3', 'd = 4\n');
    const many = published('a_x', 0, 2 ** 52, 'a = 1', 'd = 4\n');
    const { tasks, deviations } = await openDataset(await write(linesOf([few, many])));
    assert.deepEqual(
      tasks.map(({ prefix, lines: place }) => [prefix, place]),
      [
        ['a = 1\nb = 2\nc = 3\n', undefined],
        ['a = 1\n', undefined],
      ],
    );
    assert.match(
      deviations.join(),
      /:1 and 1 more: the line numbers do not fit the prompt; they are not used/,
    );
  });
});
