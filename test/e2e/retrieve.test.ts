import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { llavaEval, type Finished } from '../support/program.js';
import { slowBm25, slowJaccard, slowRetrieve, type SlowFile } from '../support/slow-retrieval.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-retrieve-'));
after(() => {
  rmSync(folder, { recursive: true });
});

interface TestRecord {
  readonly extra?: string;
  readonly prompt: string;
  readonly groundtruth: string;
  readonly right_context: string;
  readonly crossfile_context?: unknown;
  readonly metadata: { readonly task_id: string; readonly repository: string; readonly file: string };
}

/** Writes a dataset of its own: files by `repository/path`, and records. */
function dataset(
  name: string,
  files: Readonly<Record<string, string>>,
  records: readonly TestRecord[],
): string {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'repos', path)), { recursive: true });
    writeFileSync(join(root, 'repos', path), text);
  }
  writeFileSync(join(root, 'tasks.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return root;
}

const lines = (file: string): unknown[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

async function retrieve(root: string, out: string, ...more: string[]): Promise<Finished> {
  return llavaEval([
    'retrieve',
    ...['--dataset', join(root, 'tasks.jsonl'), '--repos', join(root, 'repos'), '--out', out],
    ...more,
  ]);
}

const PYTHON = dataset(
  'python',
  {
    'demo_repo/pkg/a.py': 'def f(x):\n    return x\n',
    'demo_repo/pkg/b.py': 'from pkg.a import f\nprint(\n    f(1)\n)\n',
    'alone/only.py': 'x = 1\n',
  },
  [
    {
      extra: 'kept',
      prompt: 'from pkg.a import f\nprint(\n    ',
      groundtruth: 'f(1)',
      right_context: '\n)\n',
      metadata: { task_id: 'demo/0', repository: 'demo_repo', file: 'pkg/b.py' },
    },
    {
      prompt: 'y = ',
      groundtruth: '2',
      right_context: '',
      metadata: { task_id: 'gone/0', repository: 'not_there', file: 'a.py' },
    },
    {
      prompt: '',
      groundtruth: 'x = 1',
      right_context: '',
      metadata: { task_id: 'alone/0', repository: 'alone', file: 'only.py' },
    },
    {
      prompt: 'z = ',
      groundtruth: '3',
      right_context: '',
      metadata: { task_id: 'demo/1', repository: 'demo_repo', file: 'pkg/renamed.py' },
    },
  ],
);

describe('llava-eval retrieve', () => {
  test('writes Repoformer’s string: header, folder in the path, "# " before every line, two newlines at the end', async () => {
    const out = join(folder, 'repoformer.jsonl');
    const { code, stderr } = await retrieve(PYTHON, out, '--retriever', 'bm25', '--format', 'repoformer');
    assert.equal(code, 0, stderr);
    const records = lines(out) as TestRecord[];
    assert.equal(
      records[0]!.crossfile_context,
      [
        '# Here are some relevant code fragments from other files of the repo:',
        '',
        '# the below code fragment can be found in:',
        '# demo_repo/pkg/a.py',
        '# def f(x):',
        '#     return x',
        '',
        '',
      ].join('\n'),
    );
    // The record is the one that was given: its fields, known or not, in their order.
    assert.deepEqual(Object.keys(records[0]!), [
      'extra',
      'prompt',
      'groundtruth',
      'right_context',
      'metadata',
      'crossfile_context',
    ]);
    assert.deepEqual(
      records.map((record) => [record.metadata.task_id, record.crossfile_context === '']),
      [
        ['demo/0', false],
        ['gone/0', true],
        ['alone/0', true],
        ['demo/1', true],
      ],
    );
  });

  test('counts and names the reasons of tasks that get nothing', async () => {
    const { stderr } = await retrieve(PYTHON, join(folder, 'x.jsonl'), '--retriever', 'bm25');
    assert.match(stderr, /1 of 4 tasks got no chunks: their repository was not found; pass --repos/);
    assert.match(stderr, /1 of 4 tasks got no chunks: their file is not among those the profile reads/);
    assert.match(stderr, /1 of 4 tasks got no chunks: no other file of their repository/);
  });

  test('writes CrossCodeEval’s object, "" without repository and {} without chunks, comment mark of the language', async () => {
    const root = dataset(
      'typescript',
      {
        'r/src/a.ts': 'export const one = 1;\n',
        'r/src/b.ts': 'import { one } from "./a";\nuse(one);\n',
        'r/lib/c.ts': 'one\n',
      },
      [
        {
          prompt: 'import { one } from "./a";\nuse(',
          groundtruth: 'one);',
          right_context: '\n',
          metadata: { task_id: 'r/0', repository: 'r', file: 'src/b.ts' },
        },
      ],
    );
    const out = join(folder, 'cceval.jsonl');
    const given = ['--retriever', 'jaccard', '--retrieval-profile', 'cceval', '--format', 'cceval'];
    assert.equal((await retrieve(root, out, ...given)).code, 0);
    // Query {import, one, from, a, use}, chunk {export, const, one, 1}: 1 shared of 8. lib/c.ts is not below src/.
    assert.deepEqual((lines(out)[0] as TestRecord).crossfile_context, {
      text:
        '// Here are some relevant code fragments from other files of the repo:\n\n' +
        '// the below code fragment can be found in:\n// src/a.ts\n// export const one = 1;\n\n',
      list: [{ retrieved_chunk: 'export const one = 1;', filename: 'src/a.ts', score: 1 / 8 }],
    });
    const python = join(folder, 'cceval-python.jsonl');
    await retrieve(PYTHON, python, ...given);
    assert.deepEqual(
      (lines(python) as TestRecord[]).slice(1).map((record) => record.crossfile_context),
      ['', {}, {}],
    );
  });

  test('writes chunks equal to the slow second writing, in the order of the file', async () => {
    const root = join('datasets', 'tiny');
    const records = lines(join(root, 'tasks.jsonl')) as TestRecord[];
    const filesOf = (repository: string): SlowFile[] =>
      readdirSync(join(root, 'repos', repository, 'src')).map((name) => ({
        path: `src/${name}`,
        text: readFileSync(join(root, 'repos', repository, 'src', name), 'utf8'),
      }));
    for (const [profile, retriever, scorer] of [
      ['repoformer', 'bm25', slowBm25],
      ['cceval', 'jaccard', slowJaccard],
    ] as const) {
      const out = join(folder, `${profile}-chunks.jsonl`);
      const given = ['--retriever', retriever, '--retrieval-profile', profile, '--top-k', '3', '--quiet'];
      const { code, stderr } = await retrieve(root, out, ...given);
      assert.deepEqual([code, stderr], [0, '']);
      const expected = records.map(({ prompt, groundtruth, right_context, metadata }) => {
        const task = { path: metadata.file, prefix: prompt, reference: groundtruth, suffix: right_context };
        const setting = { profile, query: 'last-n', k: 3, scorer } as const;
        return {
          task_id: metadata.task_id,
          chunks: slowRetrieve(filesOf(metadata.repository), task, setting),
        };
      });
      const round = (text: string): unknown =>
        JSON.parse(text, (key, value: unknown) => (key === 'score' ? Number(value).toFixed(9) : value));
      assert.deepEqual(round(JSON.stringify(lines(out))), round(JSON.stringify(expected)));
    }
  });

  test('reports what the chunks hold, as a table or as JSON, and labels queries that know the answer', async () => {
    const given = ['retrieve', '--dataset', 'tiny', '--report', '--retriever', 'bm25,bm25+jaccard'];
    const table = await llavaEval(given);
    assert.equal(table.code, 0, table.stderr);
    assert.ok(table.stdout.split('\n').every((line) => line.length <= 80));
    assert.match(table.stdout, /^jaccard\+bm25 /m);
    assert.doesNotMatch(table.stdout, /CONTAINS THE ANSWER/);
    const { stdout } = await llavaEval([...given, '--query', 'oracle', '--json']);
    const report = JSON.parse(stdout) as {
      leaks: boolean;
      rows: { retriever: string; identifiers: { n: number } }[];
    };
    assert.ok(report.leaks);
    assert.deepEqual(
      report.rows.map((row) => [row.retriever, row.identifiers.n]),
      [
        ['bm25', 12],
        ['jaccard+bm25', 12],
      ],
    );
    assert.match((await llavaEval([...given, '--query', 'oracle'])).stdout, /THE QUERY CONTAINS THE ANSWER/);
  });

  test('ranks by the vectors of the embedded encoder, and names it', async () => {
    const given = [
      'retrieve',
      '--dataset',
      'tiny',
      '--limit',
      '2',
      '--report',
      '--device',
      'cpu',
      '--threads',
      '1',
    ];
    const { code, stdout, stderr } = await llavaEval([...given, '--retriever', 'hybrid']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^hybrid /m);
    assert.match(stdout, /Vectors are those of llavacode-nano/);
  });

  test('refuses what makes no sense before it reads anything', async () => {
    for (const [given, message] of [
      [[], /neither --out nor --report was given/],
      [['--out', 'x'], /--out needs --retriever/],
      [['--out', 'x', '--retriever', 'bm25,jaccard'], /--out holds one ranking, not 2/],
      [
        ['--report', '--retrieval-profile', 'cceval', '--query', 'two-sided'],
        /cceval has no two-sided query/,
      ],
      [
        ['--report', '--retrieval-profile', 'repocoder', '--top-k', '21'],
        /repocoder keeps at most 20 chunks/,
      ],
      [['--out', 'x', '--retriever', 'bm25', '--json'], /--json is the form of the report/],
    ] as const) {
      const { code, stderr } = await llavaEval(['retrieve', '--dataset', 'nowhere.jsonl', ...given]);
      assert.deepEqual([code, message.test(stderr)], [2, true], stderr);
    }
  });

  test('leaves nothing behind where it cannot write', async () => {
    const out = join(folder, 'no', 'such', 'folder.jsonl');
    const { code, stderr } = await retrieve(PYTHON, out, '--retriever', 'bm25');
    assert.deepEqual([code, existsSync(dirname(out))], [3, false]);
    assert.match(stderr, /folder\.jsonl: cannot be written/);
  });
});
