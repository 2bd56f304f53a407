import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { blockOf } from '../datasets/samples.js';
import { llavaEval } from '../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-shipped-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const BLOCK = blockOf(
  '//',
  ['src/unit.ts', 'export const UNIT = 1;'],
  ['src/side.ts', 'export const SIDE = 2;'],
);

function record(n: number, context: object): string {
  return JSON.stringify({
    prompt: 'const area = ',
    groundtruth: 'UNIT * SIDE;',
    right_context: '\n',
    metadata: { task_id: `shapes/${n}`, repository: 'shapes', file: 'src/area.ts', context_start_lineno: 0 },
    ...context,
  });
}

function write(name: string, records: readonly string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `${records.join('\n')}\n`);
  return file;
}

describe('the retriever as-shipped', () => {
  const list = [
    { retrieved_chunk: 'export const UNIT = 1;', filename: 'src/unit.ts', score: 0.5 },
    { retrieved_chunk: 'export const SIDE = 2;', filename: 'src/side.ts', score: 0.25 },
  ];
  const shipping = write('shipping.jsonl', [
    record(0, { crossfile_context: { text: BLOCK, list } }),
    record(1, { crossfile_context: {} }),
  ]);
  const bare = write('bare.jsonl', [record(0, { crossfile_context: BLOCK }), record(1, {})]);

  test('runs without a repository, shows the shipped text, and records no line that is not stated', async () => {
    const out = join(folder, 'run');
    const { code, stderr } = await llavaEval([
      ...[
        'run',
        '--dataset',
        shipping,
        '--retrievers',
        'as-shipped',
        '--out',
        out,
        '--device',
        'cpu',
        '--threads',
        '1',
      ],
      ...['--pipelines', 'full-rag,compressed', '--max-new-tokens', '1', '--quiet'],
    ]);
    assert.equal(code, 0, stderr);
    const records = readFileSync(join(out, 'journal.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(records.length, 4);
    const [full] = records.filter(({ taskId, pipeline }) => taskId === 'shapes/0' && pipeline === 'full-rag');
    assert.deepEqual(full!['chunks'], [
      { path: 'src/unit.ts', startLine: null, endLine: null, score: 0.5 },
      { path: 'src/side.ts', startLine: null, endLine: null, score: 0.25 },
    ]);
    assert.equal(full!['contextCharacters'], BLOCK.length);
    const none = records.filter(({ taskId }) => taskId === 'shapes/1');
    assert.equal(none.length, 2);
    assert.ok(none.every(({ chunks }) => Array.isArray(chunks) && chunks.length === 0));
    const report = await llavaEval(['report', out]);
    assert.equal(report.code, 0, report.stderr);
  });

  test('writes the shipped chunks in the published forms', async () => {
    const out = join(folder, 'chunks.jsonl');
    const args = [
      'retrieve',
      '--dataset',
      shipping,
      '--retriever',
      'as-shipped',
      '--top-k',
      '1',
      '--out',
      out,
    ];
    assert.equal((await llavaEval(args)).code, 0);
    assert.deepEqual(
      readFileSync(out, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
      [
        {
          task_id: 'shapes/0',
          chunks: [
            {
              path: 'src/unit.ts',
              startLine: null,
              endLine: null,
              score: 0.5,
              text: 'export const UNIT = 1;',
            },
          ],
        },
        { task_id: 'shapes/1', chunks: [] },
      ],
    );
  });

  test('is refused with the first task that ships nothing', async () => {
    const args = ['run', '--dataset', bare, '--retrievers', 'as-shipped', '--out', join(folder, 'no')];
    const { code, stderr } = await llavaEval(args);
    assert.equal(code, 3);
    assert.match(
      stderr,
      /task "shapes\/1" ships no chunks\n {2}as-shipped needs them; 1 of 2 tasks have none/,
    );
  });
});
