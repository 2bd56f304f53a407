import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import type { DatasetOptions } from '../../src/datasets/dataset.js';
import { DataError } from '../../src/domain/errors.js';
import { makeZip } from '../support/archives.js';
import { some } from '../support/some.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-records-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Fields {
  readonly [key: string]: unknown;
}

function record(id: string, fields: Fields = {}, metadata: Fields = {}): string {
  return JSON.stringify({
    prompt: 'const a = 1;\n',
    groundtruth: 'const b = a + 1;',
    right_context: '\n',
    ...fields,
    metadata: { task_id: id, repository: 'demo', file: 'src/a.ts', ...metadata },
  });
}

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

async function refusal(file: string, options: DatasetOptions = {}): Promise<DataError> {
  try {
    await openDataset(file, options);
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('the file was accepted');
}

describe('a dataset file', () => {
  test('both newline conventions load without a change at the seams', async () => {
    const file = await write(
      'conventions.jsonl',
      [
        record('indented-prompt', { prompt: 'f(() => {\n  ', groundtruth: 'g();', right_context: '\n});\n' }),
        record('indented-truth', { prompt: 'f(() => {\n', groundtruth: '  g();\n', right_context: '});\n' }),
      ].join('\n'),
    );
    const { tasks } = await openDataset(file);
    for (const task of some(tasks)) {
      assert.equal(task.prefix + task.reference + task.suffix, 'f(() => {\n  g();\n});\n');
    }
  });

  test('a byte order mark, CRLF line ends, blank lines and a raw U+2028 in a string are fine', async () => {
    const file = await write(
      'odd.jsonl',
      `\uFEFF${record('a')}\r\n\r\n${record('b', { prompt: "const s = '\u2028';\n" })}\r\n\r\n`,
    );
    const { tasks } = await openDataset(file);
    assert.deepEqual(
      tasks.map((task) => task.id),
      ['a', 'b'],
    );
    assert.equal(tasks[1]!.prefix, "const s = '\u2028';\n");
  });

  test('a missing field is named with file and line, why it is needed and what to do', async () => {
    const file = await write(
      'missing.jsonl',
      `${record('a')}\n\n${record('b', { groundtruth: undefined })}\n`,
    );
    const error = await refusal(file);
    assert.equal(error.message, `${file}:3: field "groundtruth" is missing`);
    assert.match(error.render(), /every task needs the text its completion is scored against/);
    assert.match(error.render(), /--skip-invalid/);
  });

  test('a nested missing field is named by its path', async () => {
    const file = await write('nested.jsonl', record('a', {}, { file: undefined }));
    assert.equal((await refusal(file)).message, `${file}:1: field "metadata.file" is missing`);
  });

  test('a field of the wrong kind is not called missing', async () => {
    const file = await write('kind.jsonl', record('a', { prompt: 7 }));
    assert.match((await refusal(file)).message, /:1: field "prompt" is wrong: /);
  });

  test('damaged JSON is reported with file and line', async () => {
    const file = await write('damaged.jsonl', `${record('a')}\n{"prompt": "x`);
    assert.match((await refusal(file)).message, /damaged\.jsonl:2: not valid JSON/);
  });

  test('a line that is no object is reported', async () => {
    const file = await write('list.jsonl', `[1, 2]\n`);
    assert.match((await refusal(file)).message, /list\.jsonl:1: is not a record/);
  });

  test('a repeated task id is refused and both lines are named', async () => {
    const file = await write('twice.jsonl', `${record('a')}\n${record('b')}\n${record('a')}\n`);
    assert.equal((await refusal(file)).message, `${file}:3: task id "a" was already used on line 1`);
  });

  test('skipInvalid counts what it leaves out and tells each problem', async () => {
    const file = await write('skip.jsonl', `${record('a')}\nnonsense\n${record('a')}\n${record('b')}\n`);
    const problems: string[] = [];
    const dataset = await openDataset(file, {
      skipInvalid: true,
      onInvalid: (problem) => problems.push(problem.message),
    });
    assert.deepEqual(
      dataset.tasks.map((task) => task.id),
      ['a', 'b'],
    );
    assert.equal(dataset.skipped, 2);
    assert.equal(problems.length, 2);
  });

  test('trim decides what is kept of each task, and is not asked without need', async () => {
    const file = await write('trimmed.jsonl', `${record('a')}\n${record('b')}\n`);
    const { tasks } = await openDataset(file, { trim: (task) => ({ ...task, prefix: `${task.id}!` }) });
    assert.deepEqual(
      tasks.map(({ prefix, reference, suffix }) => [prefix, reference, suffix]),
      [
        ['a!', 'const b = a + 1;', '\n'],
        ['b!', 'const b = a + 1;', '\n'],
      ],
    );
    assert.equal((await openDataset(file)).tasks[0]?.prefix, 'const a = 1;\n');
  });

  test('a file without a usable task is refused even with skipInvalid', async () => {
    const file = await write('none.jsonl', 'nonsense\n');
    assert.match((await refusal(file, { skipInvalid: true })).message, /no task is left; 1 lines/);
    assert.match((await refusal(await write('empty.jsonl', ''))).message, /no task$/);
  });

  test('the language comes from the metadata, else from the file name, else the line is refused', async () => {
    const file = await write(
      'language.jsonl',
      [record('a', {}, { file: 'A.java' }), record('b', {}, { file: 'b.txt', language: 'python' })].join(
        '\n',
      ),
    );
    const { tasks } = await openDataset(file);
    assert.deepEqual(
      tasks.map((task) => task.language),
      ['java', 'python'],
    );
    const unknown = await write('unknown.jsonl', record('a', {}, { file: 'b.txt' }));
    assert.match((await refusal(unknown)).message, /"metadata\.language"/);
  });

  test("Repoformer's name for the file is understood", async () => {
    const file = await write('filepath.jsonl', record('a', {}, { file: undefined, filepath: 'pkg/a.py' }));
    const { tasks } = await openDataset(file);
    assert.equal(tasks[0]!.path, 'pkg/a.py');
    assert.equal(tasks[0]!.crossFile, null);
  });
});

describe('the repositories of a dataset file', () => {
  const pythonRecord = (repository: string): string => record('a', {}, { repository, file: 'pkg/area.py' });

  async function makeRepository(parent: string, name = 'demo'): Promise<void> {
    await mkdir(join(folder, parent, name, 'src'), { recursive: true });
    await writeFile(join(folder, parent, name, 'src', 'b.ts'), 'export const b = 2;\r\n');
    await writeFile(join(folder, parent, name, 'src', 'b.test.ts'), 'test();\n');
    await writeFile(join(folder, parent, name, 'notes.md'), 'text\n');
  }

  test('are found beside the file, by their recorded folder, and under reposDir, in that need', async () => {
    await makeRepository('beside/repos');
    await makeRepository('elsewhere');
    await mkdir(join(folder, 'beside'), { recursive: true });
    const plain = await write('beside/plain.jsonl', record('a'));
    const recorded = await write('recorded.jsonl', record('a', {}, { repository_dir: 'elsewhere/demo' }));
    const lost = await write('lost.jsonl', record('a'));
    for (const [file, options] of [
      [plain, {}],
      [recorded, {}],
      [lost, { reposDir: join(folder, 'elsewhere') }],
      [lost, { reposDir: join(folder, 'elsewhere', 'demo') }],
    ] as const) {
      const dataset = await openDataset(file, options);
      const repository = await dataset.repository('demo');
      assert.deepEqual(repository.files, [{ path: 'src/b.ts', text: 'export const b = 2;\n' }]);
    }
  });

  test('a missing one is an error only when it is asked for', async () => {
    const file = await write('alone.jsonl', record('a'));
    const dataset = await openDataset(file);
    assert.equal(dataset.tasks.length, 1);
    assert.equal(dataset.sources[0]!.size, null);
    await assert.rejects(dataset.repository('demo'), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /the folder of repository "demo" was not found/);
      assert.match(error.render(), /pass --repos DIR/);
      return true;
    });
  });

  test('are found in archives beside the file, or in the archive that --repos names', async () => {
    const place = join(folder, 'archives');
    await mkdir(place);
    const file = await write('archives/rows.jsonl', pythonRecord('shapes'));
    const expected = [
      { path: 'pkg/side.py', text: "SIDE = '\u00e9'\n" },
      { path: 'pkg/unit.py', text: 'UNIT = 1\n' },
    ];
    const named = await openDataset(file, { reposDir: 'test/golden/archives/shapes.tar.xz' });
    assert.deepEqual((await named.repository('shapes')).files, expected);
    const listed = await openDataset(file, { reposDir: 'test/golden/archives' });
    assert.equal(listed.contentHash, named.contentHash);
    await copyFile('test/golden/archives/shapes.tar.xz', join(place, 'repositories.tar.xz'));
    assert.deepEqual((await (await openDataset(file)).repository('shapes')).files, expected);
  });

  test('are found in an archive called after them, whose files lie in one folder of any name', async () => {
    await mkdir(join(folder, 'one', 'repos'), { recursive: true });
    const zip = makeZip([
      { name: 'shapes-0a1b2c3/pkg/unit.py', content: Buffer.from('UNIT = 1\n') },
      { name: 'shapes-0a1b2c3/.hidden/no.py', content: Buffer.from('x') },
      { name: 'shapes-0a1b2c3/bad.py', content: Buffer.from([0xff, 0xfe]) },
    ]);
    await writeFile(join(folder, 'one', 'repos', 'shapes.zip'), zip);
    const file = await write('one/rows.jsonl', pythonRecord('shapes'));
    assert.deepEqual((await (await openDataset(file)).repository('shapes')).files, [
      { path: 'pkg/unit.py', text: 'UNIT = 1\n' },
    ]);
  });

  test("are found in Repoformer's file of packages", async () => {
    await mkdir(join(folder, 'packages'));
    const row = (filepath: string, content: string): string =>
      JSON.stringify({ filepath, content: [{ type: 'code', lang: 'python', content }] });
    await write(
      'packages/repocoder_packages.jsonl',
      [row('shapes/pkg/unit.py', 'UNIT = 1\r\n'), row('other/x.py', ''), row('shapes/notes.txt', '')].join(
        '\n',
      ),
    );
    const file = await write('packages/rows.jsonl', pythonRecord('shapes'));
    assert.deepEqual((await (await openDataset(file)).repository('shapes')).files, [
      { path: 'pkg/unit.py', text: 'UNIT = 1\n' },
    ]);
  });

  test('hold every file of the language where the benchmark is a published one', async () => {
    await mkdir(join(folder, 'rules', 'repos', 'demo', 'build'), { recursive: true });
    await writeFile(join(folder, 'rules', 'repos', 'demo', 'build', 'a.py'), 'x = 1\n');
    await writeFile(join(folder, 'rules', 'repos', 'demo', 'long.py'), `x = ${'1 + '.repeat(400)}1\n`);
    const own = await write('rules/own.jsonl', pythonRecord('demo'));
    assert.deepEqual((await (await openDataset(own)).repository('demo')).files, []);
    const published = JSON.stringify({
      prompt: '',
      metadata: { task_id: 'demo/1', ground_truth: 'x', fpath_tuple: ['demo', 'b.py'] },
    });
    const dataset = await openDataset(await write('rules/published.jsonl', published));
    assert.deepEqual(
      (await dataset.repository('demo')).files.map(({ path }) => path),
      ['build/a.py', 'long.py'],
    );
  });

  test('in a hostile archive refuse the dataset', async () => {
    const hostile = await write('hostile.zip', '');
    await writeFile(hostile, makeZip([{ name: 'demo/../../evil.py', content: Buffer.from('x') }]));
    const file = await write('victim.jsonl', pythonRecord('demo'));
    assert.match((await refusal(file, { reposDir: hostile })).message, /hostile\.zip: /);
  });

  test('a name that leads out of its folder is not followed', async () => {
    await makeRepository('', 'outside');
    await mkdir(join(folder, 'inner', 'repos'), { recursive: true });
    const file = await write('inner/sly.jsonl', record('a', {}, { repository: '../../outside' }));
    await assert.rejects((await openDataset(file)).repository('../../outside'), DataError);
  });
});

describe('the content hash', () => {
  test('changes with a task, with a repository text and with nothing else', async () => {
    await mkdir(join(folder, 'h', 'repos', 'demo'), { recursive: true });
    const source = join(folder, 'h', 'repos', 'demo', 'x.ts');
    await writeFile(source, 'export const x = 1;\n');
    const file = await write('h/tasks.jsonl', record('a'));
    const hashOf = async (path: string): Promise<string> => (await openDataset(path)).contentHash;
    const first = await hashOf(file);
    assert.match(first, /^[0-9a-f]{64}$/);
    assert.equal(await hashOf(join(folder, 'h')), first);
    await writeFile(source, 'export const x = 1;\r\n');
    assert.equal(await hashOf(file), first, 'line ends are not content');
    await writeFile(source, 'export const x = 2;\n');
    const second = await hashOf(file);
    assert.notEqual(second, first);
    await write('h/tasks.jsonl', record('a', { right_context: '\n\n' }));
    assert.notEqual(await hashOf(file), second);
  });
});

describe('a reference', () => {
  test('that is a near miss of an id gets a suggestion', async () => {
    const error = await refusal('tyni');
    assert.equal(error.message, 'there is no dataset "tyni"');
    assert.match(error.render(), /did you mean "tiny"\?/);
    assert.match(error.render(), /known: .*tiny/);
  });

  test('that is nothing like an id lists what is valid, without a guess', async () => {
    const error = await refusal('humaneval');
    assert.doesNotMatch(error.render(), /did you mean/);
    assert.match(error.render(), /known: .*tiny/);
  });

  test('that looks like a path is reported as a missing path', async () => {
    assert.equal((await refusal('./no/such.jsonl')).message, './no/such.jsonl: no such file or folder');
  });
});

describe('the dataset tiny', () => {
  test('opens by id and by folder with the same content', async () => {
    const byId = await openDataset('tiny');
    const byFolder = await openDataset('datasets/tiny');
    assert.equal(byId.contentHash, byFolder.contentHash);
    assert.equal(byId.id, 'tiny');
    assert.equal(byId.tasks.length, 12);
    assert.deepEqual(
      byId.sources.map(({ repository, licence }) => [repository, licence]),
      [
        ['shop', 'Apache-2.0'],
        ['relay', 'Apache-2.0'],
      ],
    );
  });

  test('its tasks are lines of its repositories', async () => {
    const dataset = await openDataset('tiny');
    for (const task of some(dataset.tasks)) {
      const repository = await dataset.repository(task.repository);
      const file = repository.files.find((candidate) => candidate.path === task.path);
      assert.equal(task.prefix + task.reference + task.suffix, file?.text, task.id);
    }
  });
});
