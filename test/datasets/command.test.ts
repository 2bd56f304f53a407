import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { Command } from 'commander';
import { registerDatasets } from '../../src/cli/commands/datasets.js';
import type { Shell } from '../../src/cli/terminal/shell.js';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import { DataError, EXIT, UsageError } from '../../src/domain/errors.js';
import { serveFile, startFileServer } from '../support/file-server.js';
import { SAMPLES } from './samples.js';
import type { ExitCode } from '../../src/domain/errors.js';
import { some } from '../support/some.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-command-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: ExitCode;
}

function datasets(...args: readonly string[]): Promise<Outcome> {
  return datasetsNoting([], ...args);
}

async function datasetsNoting(notes: string[], ...args: readonly string[]): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  stderr.on('data', (piece: Buffer) => notes.push(piece.toString()));
  let exitCode: ExitCode = EXIT.done;
  const shell = {
    stdout,
    stderr,
    clock: () => 0,
    wallClock: () => new Date(0),
    interrupt: new AbortController().signal,
    exit(code: ExitCode) {
      exitCode = code;
    },
  } as unknown as Shell;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerDatasets(program, shell);
  await program.parseAsync(['datasets', ...args], { from: 'user' });
  const textOf = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
  return { stdout: textOf(stdout), stderr: notes.join(''), exitCode };
}

const SHOP = 'datasets/tiny/repos/shop';

describe('datasets list', () => {
  test('names every registered set and whether it needs the network', async () => {
    const rows = JSON.parse((await datasets('list', '--json')).stdout) as { id: string; state: string }[];
    assert.deepEqual(rows.map(({ id }) => id).slice(0, 3), ['npm-ts-lines', 'pypi-py-lines', 'tiny']);
    assert.ok(rows.some(({ id, state }) => id === 'cceval-csharp' && state === 'not fetched yet'));
    assert.equal(rows[2]!.state, 'included');
    assert.match((await datasets('list')).stdout, /^tiny +included +a dozen/m);
  });
});

describe('datasets pull', () => {
  test('has nothing to fetch for an included set', async () => {
    assert.match((await datasets('pull', 'tiny')).stdout, /^tiny: 12 tasks of 2 repositories are here/);
  });

  test('shows licence and size of a published set, and fetches nothing without a yes', async () => {
    const archive = Buffer.alloc(1234);
    const server = await startFileServer(serveFile(archive));
    process.env['LLAVA_EVAL_GITHUB_RAW'] = server.origin;
    process.env['LLAVA_EVAL_CACHE'] = join(folder, 'empty-cache');
    try {
      const stderr: string[] = [];
      await assert.rejects(datasetsNoting(stderr, 'pull', 'cceval-python'), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.render(), /pass --yes/);
        return true;
      });
      assert.match(stderr.join(''), /licence +Apache-2\.0\n/);
      assert.match(stderr.join(''), /to fetch +1\.23 kB\n/);
      assert.ok(server.requests.length > 0);
      assert.ok(!(await readdir(folder)).includes('empty-cache'));
    } finally {
      delete process.env['LLAVA_EVAL_GITHUB_RAW'];
      delete process.env['LLAVA_EVAL_CACHE'];
      await server.close();
    }
  });

  test('refuses what is not known', async () => {
    await assert.rejects(datasets('pull', 'other'), UsageError);
  });
});

describe('datasets build', () => {
  test('writes records that open again with their repository', async () => {
    const out = join(folder, 'deep', 'shop.jsonl');
    const { stdout, stderr } = await datasets(
      'build',
      '--repo',
      SHOP,
      '--out',
      out,
      '--lines',
      '6',
      '--seed',
      '3',
    );
    assert.match(stdout, /: 6 tasks \(3 cross-file\) from \d of 5 files\n$/);
    assert.equal(stderr, '');
    const dataset = await openDataset(out);
    assert.equal(dataset.tasks.length, 6);
    const repository = await dataset.repository('shop');
    for (const task of some(dataset.tasks)) {
      const text = repository.files.find(({ path }) => path === task.path)!.text;
      assert.equal(task.prefix + task.reference + task.suffix, text);
    }
    assert.deepEqual(await readdir(join(folder, 'deep')), ['shop.jsonl']);
  });

  test("writes CrossCodeEval's fields, line numbers from 0", async () => {
    const out = join(folder, 'fields.jsonl');
    await datasets('build', '--repo', SHOP, '--out', out, '--lines', '1');
    const record = JSON.parse(await readFile(out, 'utf8')) as {
      prompt: string;
      metadata: Record<string, unknown>;
    };
    assert.deepEqual(Object.keys(record), ['prompt', 'groundtruth', 'right_context', 'metadata']);
    const { metadata } = record;
    assert.deepEqual(Object.keys(metadata), [
      'task_id',
      'repository',
      'file',
      'groundtruth_start_lineno',
      'cross_file',
      'repository_dir',
    ]);
    const line = Number(metadata['groundtruth_start_lineno']);
    assert.equal(metadata['task_id'], `shop/${String(metadata['file'])}:${line + 1}`);
    assert.equal(record.prompt.split('\n').length, line + 1);
  });

  test('gives the same bytes for the same seed and others for another', async () => {
    const build = async (seed: string): Promise<string> => {
      const out = join(folder, 'seed.jsonl');
      await datasets('build', '--repo', SHOP, '--out', out, '--lines', '5', '--seed', seed);
      return readFile(out, 'utf8');
    };
    const first = await build('1');
    assert.equal(await build('1'), first);
    assert.notEqual(await build('2'), first);
  });

  test('says on stderr when the repository has fewer lines than asked for', async () => {
    const out = join(folder, 'few.jsonl');
    const { stderr } = await datasets('build', '--repo', SHOP, '--out', out, '--lines', '5000');
    assert.match(stderr, /has only \d+ lines that make fair tasks.*5000 were asked for/);
  });

  test('refuses languages that the folder lacks and folders that are not there', async () => {
    const out = join(folder, 'none.jsonl');
    await assert.rejects(
      datasets('build', '--repo', SHOP, '--out', out, '--language', 'python'),
      /no source file found in Python/,
    );
    await assert.rejects(datasets('build', '--repo', 'no/such', '--out', out), DataError);
    await assert.rejects(
      datasets('build', '--repo', SHOP, '--out', out, '--language', 'javascript'),
      DataError,
    );
    assert.ok(!(await readdir(folder)).includes('none.jsonl'));
  });

  test('takes a repository of several languages, says the shares and what was left out', async () => {
    const repo = join(folder, 'both');
    await mkdir(repo);
    await writeFile(join(repo, 'money.py'), 'def rate(text):\n    return len(text) * 2 + 1\n');
    await writeFile(join(repo, 'cart.py'), 'from money import rate\n\n\n\n\ntotal = rate("a") * 2 + 1\n');
    await writeFile(join(repo, 'main.go'), 'package main\n\nvar total = alpha + beta*2\n');
    await writeFile(join(repo, 'main_test.go'), 'package main\n');
    const out = join(folder, 'both.jsonl');
    const { stdout, stderr } = await datasets('build', '--repo', repo, '--out', out);
    assert.match(stdout, /: 3 tasks \(1 cross-file\) from 3 of 3 files: go 1, python 2\n$/);
    assert.match(stderr, /left out: 1 test file \(main_test\.go\)\n/);
    const inspected = await datasets('inspect', repo);
    assert.match(inspected.stdout, /^ {2}left out: 1 test file \(main_test\.go\)$/m);
    assert.match(inspected.stdout, /languages +python 2, go 1|languages +go 1, python 2/);
    assert.match((await datasets('inspect', repo, '--language', 'go')).stdout, /languages +go 1\n/);
  });
});

describe('datasets inspect', () => {
  test('counts tasks, cross-file holes and files per repository', async () => {
    const overview = JSON.parse((await datasets('inspect', 'tiny', '--json')).stdout) as {
      tasks: number;
      crossFile: unknown;
      repositories: { repository: string; tasks: number; licence: string; size: { files: number } }[];
    };
    assert.equal(overview.tasks, 12);
    assert.deepEqual(overview.crossFile, { yes: 7, no: 5, unstated: 0 });
    assert.deepEqual(
      overview.repositories.map(({ repository, tasks, licence, size }) => [
        repository,
        tasks,
        licence,
        size.files,
      ]),
      [
        ['shop', 6, 'Apache-2.0', 5],
        ['relay', 6, 'Apache-2.0', 6],
      ],
    );
  });

  test('shows the task asked for around its hole', async () => {
    const { stdout } = await datasets('inspect', 'tiny', '--task', 'relay/src/backoff.ts:17');
    assert.match(
      stdout,
      / {6}const delay = [^\n]+\n {2}> {3}return Math\.min\(delay, policy\.longestDelayMs\);\n {4}\}\n/,
    );
    await assert.rejects(datasets('inspect', 'tiny', '--task', 'nobody'), UsageError);
  });
});

describe('datasets inspect of published schemas', () => {
  test('tells a hole behind code from one behind indentation and from a whole line', async () => {
    const file = join(folder, 'seams.jsonl');
    const record = (id: number, prompt: string): string =>
      JSON.stringify({
        prompt,
        groundtruth: 'f(x)',
        right_context: '',
        metadata: { task_id: `t/${id}`, repository: 'r', file: 'a.py', context_start_lineno: 0 },
      });
    // Three whole lines (one of them the first of its file), two behind indentation, four behind code.
    const prompts = ['', 'a\n', 'a\n\n', 'a\n    ', '\t', 'return ', 'a\n  return', 'a\n    x =  ', 'x'];
    await writeFile(file, prompts.map((prompt, i) => `${record(i, prompt)}\n`).join(''));
    const { stdout } = await datasets('inspect', file);
    assert.match(stdout, /hole starts at line start 3, after indentation 2, after code 4\n/);
  });

  test('counts categories, levels, line ends and shipped chunks, and shows a sample with its first chunk', async () => {
    const { stdout } = await datasets('inspect', 'test/golden/parquet/repobench');
    assert.match(stdout, /^test\/golden\/parquet\/repobench|^repobench: 9 tasks$/m);
    assert.match(stdout, /schema +repobench\n/);
    assert.match(stdout, /categories +cross_file_first 3, cross_file_random 3, in_file 3\n/);
    assert.match(stdout, /levels +2k 3, 4k 3, 8k 3\n/);
    assert.match(stdout, /hole starts at line start 9, after indentation 0, after code 0\n/);
    assert.match(stdout, /shipped +9 tasks bring chunks: 2 \(2\) each, 0 bring none\n/);
    assert.match(
      stdout,
      /first of its 2 shipped chunks: garden\/plant\.py, no score stated\n {4}class Plant:\n/,
    );
  });

  test('looks at the first rows only if asked to, and takes a forced schema', async () => {
    const args = ['test/golden/parquet/lca-new.parquet', '--rows', '1', '--format', 'lca', '--json'];
    const overview = JSON.parse((await datasets('inspect', ...args)).stdout) as {
      tasks: number;
      newlines: Record<string, number>;
    };
    assert.equal(overview.tasks, 4);
    assert.equal(overview.newlines['carriageReturns'], 4);
  });
});

describe('datasets inspect --rows', () => {
  const copy = (name: string): string => join(folder, name);

  test('is refused for a folder of code, which has no rows', async () => {
    await assert.rejects(datasets('inspect', SHOP, '--rows', '2'), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.render(), /has no rows[\s\S]*leave --rows out/);
      return true;
    });
  });

  test('is a beginning of a file of records', async () => {
    await writeFile(copy('rows.jsonl'), await readFile('datasets/tiny/tasks.jsonl', 'utf8'));
    const { stdout } = await datasets('inspect', copy('rows.jsonl'), '--rows', '3', '--json');
    assert.equal((JSON.parse(stdout) as { tasks: number }).tasks, 3);
  });
});

describe('datasets validate', () => {
  test('says of a file without a usable line what is wrong and which schemas there are', async () => {
    const file = join(folder, 'hopeless.jsonl');
    await writeFile(file, 'one\ntwo\n');
    const { stdout, exitCode } = await datasets('validate', file);
    assert.equal(exitCode, EXIT.unusable);
    assert.match(stdout, /hopeless\.jsonl:1: not valid JSON[\s\S]*hopeless\.jsonl:2: not valid JSON/);
    assert.match(
      stdout,
      /these schemas are known:\n {2}llava-eval needs prompt, groundtruth, metadata\.task_id/,
    );
    assert.match(stdout, /\n {2}repobench needs /);
    assert.match(stdout, /: 0 usable tasks, 2 problems\n$/);
    const json = JSON.parse((await datasets('validate', file, '--json')).stdout) as Record<string, unknown>;
    assert.deepEqual([json['valid'], json['tasks'], json['contentHash']], [false, 0, null]);
  });

  test('is not needed to learn why a file has no task: opening it says so', async () => {
    const file = join(folder, 'fieldless.jsonl');
    const record = {
      groundtruth: 'x',
      right_context: '',
      metadata: { task_id: 'a', repository: 'r', file: 'f.ts' },
    };
    await writeFile(file, JSON.stringify(record));
    await assert.rejects(openDataset(file, { skipInvalid: true }), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.render(), /fieldless\.jsonl:1: field "prompt" is missing[\s\S]*cceval needs/);
      return true;
    });
  });

  test('prints as many problems as asked for, counts all, and tells where records deviate', async () => {
    const { record } = SAMPLES.find(({ format }) => format === 'cceval')!;
    const odd = { ...record(0), crossfile_context: { text: '# nothing', list: [] } };
    const file = join(folder, 'deviating.jsonl');
    await writeFile(file, [JSON.stringify(odd), '1', '2', '3'].join('\n'));
    const { stdout, exitCode } = await datasets('validate', file, '--problems', '3');
    assert.match(stdout, /deviating\.jsonl:2: is not a record/);
    assert.match(stdout, /and 1 more problems; --problems N shows more/);
    assert.match(stdout, /1 usable tasks, 4 problems/);
    assert.equal(exitCode, EXIT.unusable);
    assert.match(
      (await datasets('validate', file)).stdout,
      /deviating\.jsonl:1: crossfile_context\.text does not/,
    );
  });

  test('passes a sound set', async () => {
    const { stdout, exitCode } = await datasets('validate', 'tiny');
    assert.match(stdout, /^tiny: 12 usable tasks, 0 problems/);
    assert.equal(exitCode, EXIT.done);
  });

  test('reports every bad line, and tasks of another version of the repository, and fails', async () => {
    const good = (await readFile('datasets/tiny/tasks.jsonl', 'utf8')).split('\n')[0]!;
    const stranger = good.replace('shop/src/cart.ts:34', 'stranger').replace('let total', 'let summe');
    const file = join(folder, 'mixed.jsonl');
    await writeFile(file, [good, 'nonsense', '{}', stranger].join('\n'));
    const { stdout, exitCode } = await datasets('validate', file, '--repos', 'datasets/tiny/repos', '--json');
    const result = JSON.parse(stdout) as { valid: boolean; tasks: number; problems: string[] };
    assert.equal(result.valid, false);
    assert.equal(result.tasks, 2);
    assert.equal(result.problems.length, 3);
    assert.match(result.problems[0]!, /:2: not valid JSON/);
    assert.match(result.problems[1]!, /:3: field "prompt" is missing/);
    assert.match(result.problems[2]!, /^stranger: its text is not in src\/cart\.ts/);
    assert.equal(exitCode, EXIT.unusable);
  });

  test('mentions repositories without a folder but does not fail for them', async () => {
    const file = join(folder, 'alone.jsonl');
    await writeFile(file, (await readFile('datasets/tiny/tasks.jsonl', 'utf8')).split('\n')[0]!);
    const { stdout, exitCode } = await datasets('validate', file);
    assert.match(stdout, /no folder, so no retrieval: shop/);
    assert.equal(exitCode, EXIT.done);
  });
});
