import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { command } from '../support/command.js';
import { llavaEval, type Finished } from '../support/program.js';

let folder = '';
const at = (name: string): string => join(folder, name);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-score-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

interface Line {
  readonly id: string;
  readonly reference: string;
  readonly prediction: string;
  readonly file?: string;
  readonly prefix?: string;
}

/** Writes both files and scores them. */
async function score(lines: readonly Line[], ...flags: string[]): Promise<Finished> {
  const references = lines.map(({ id, reference, file = 'a.py', prefix = '' }) => ({
    prompt: prefix,
    groundtruth: reference,
    metadata: { task_id: id, repository: id.split('/')[0], file },
  }));
  const predictions = lines.map(({ id, prediction }) => ({ task_id: id, pred: prediction }));
  await write(
    'r.jsonl',
    references.map((line) => JSON.stringify(line)),
  );
  await write('p.jsonl', predictions.map((line) => JSON.stringify(line)).reverse());
  return scoreFiles(...flags);
}

const write = (name: string, lines: readonly string[]): Promise<void> =>
  writeFile(at(name), lines.map((line) => `${line}\n`).join(''));

const scoreArgs = (...flags: string[]): string[] => [
  ...['score', '--predictions', at('p.jsonl'), '--references', at('r.jsonl')],
  ...flags,
];
const scoreFiles = (...flags: string[]): Promise<Finished> => command(scoreArgs(...flags));

const json = (result: Finished): Record<string, unknown> => {
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Record<string, unknown>;
};

describe('llava-eval score', () => {
  test('cceval cuts a Python completion at the end of its statement, and adds identifier scores', async () => {
    const lines: Line[] = [
      // Open brackets: the statement ends with the third line.
      { id: 'r/1', prefix: 'y = f(', reference: 'a,\n  b)', prediction: 'a,\n  b)\nprint(y)\n' },
      { id: 'r/2', prefix: 'y = ', reference: 'g(z)', prediction: 'g(q)\nprint(y)\n' },
    ];
    const result = json(await score(lines, '--profile', 'cceval', '--json', '--details', at('d.jsonl')));
    // ES 100 and 2 x 3 / 8 = 75. Identifiers of r/2: g, q against g, z: all four ratios 1/2 but the list's EM.
    assert.deepEqual(result, {
      profile: 'cceval',
      version: 'cceval@1',
      formula: 'fuzz-indel',
      total: 2,
      em: 50,
      es: 87.5,
      emExact: 50,
      esExact: 87.5,
      idEm: 50,
      idPrecision: 75,
      idRecall: 75,
      idF1: 75,
    });
    const details = (await readFile(at('d.jsonl'), 'utf8')).split('\n');
    assert.equal(
      details[1],
      '{"task_id":"r/2","em":0,"es":0.75,"idEm":0,"idPrecision":0.5,"idRecall":0.5,"idF1":0.5}',
    );
  });

  test('--language overrides what the file names say', async () => {
    const lines = [{ id: 'r/1', reference: 'int x = 1;', prediction: 'int x = 1; int y;' }];
    assert.equal(json(await score(lines, '--profile', 'cceval', '--json')).em, 0);
    assert.equal(json(await score(lines, '--profile', 'cceval', '--json', '--language', 'java')).em, 100);
  });

  test('repocoder reports repositories, and a blank reference as one without an ES', async () => {
    const lines = [
      { id: 'b/1', reference: 'x', prediction: '  x\n' },
      { id: 'a/1', reference: 'xy', prediction: 'xz' },
      { id: 'a/2', reference: '', prediction: 'x' },
    ];
    const result = json(await score(lines, '--profile', 'repocoder', '--json'));
    assert.deepEqual(result.repositories, [
      { name: 'b', total: 1, em: 100, es: 100 },
      { name: 'a', total: 2, em: 50, es: 50 },
    ]);
    assert.deepEqual([result.em, result.es, result.withoutEs], [66.67, 75, 1]);
    const shown = await llavaEval(scoreArgs('--profile', 'repocoder'));
    assert.match(shown.stdout, /^repocoder@1: EM 66.67 %, ES 75.00 % over 3 tasks\n/);
    assert.match(shown.stdout, /ES: 1 - Levenshtein distance/);
    assert.match(shown.stdout, /1 without an ES: the reference is blank/);
    assert.ok(
      shown.stdout.split('\n').every((line) => line.length <= 80),
      shown.stdout,
    );
  });

  test('every damaged line names file, line and field', async () => {
    await score([{ id: 'r/1', reference: 'x', prediction: 'x' }]);
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{"task_id":"r/1"}', /p\.jsonl:1: field "pred" is missing/],
      ['{"task_id":7,"pred":""}', /p\.jsonl:1: field "task_id" is wrong/],
      ['{"task_id":"r/1","pred":', /p\.jsonl:1: not valid JSON/],
    ];
    for (const [line, message] of cases) {
      await write('p.jsonl', [line]);
      const result = await scoreFiles();
      assert.equal(result.code, 3);
      assert.match(result.stderr, message);
      assert.match(result.stderr, /--skip-invalid/);
    }
  });

  test('a task predicted twice is refused with both lines', async () => {
    await write('p.jsonl', ['{"task_id":"r/1","pred":"x"}', '{"task_id":"r/1","pred":"y"}']);
    const result = await scoreFiles();
    assert.equal(result.code, 3);
    assert.match(result.stderr, /p\.jsonl:2: task_id "r\/1" was predicted before, on line 1/);
  });

  test('--skip-invalid leaves damaged lines out and counts them, but hides no other missing prediction', async () => {
    const lines = ['r/1', 'r/2', 'r/3'].map((id) => ({ id, reference: 'x', prediction: 'x' }));
    await score(lines);
    await write('p.jsonl', [
      '{"task_id":"r/1","pred":"x"}',
      '{"task_id":"r/2"}',
      '{"task_id":"r/3","pred":"x"}',
    ]);
    const result = await scoreFiles('--skip-invalid', '--json');
    assert.deepEqual(json(result).skipped, { references: 0, predictions: 1, tasks: 1 });
    assert.equal(json(result).total, 2);
    assert.match(result.stderr, /left out: .*p\.jsonl:2: field "pred" is missing/);

    await write('p.jsonl', ['{"task_id":"r/1","pred":"x"}', '{"task_id":"r/2"}']);
    const fewer = await llavaEval(scoreArgs('--skip-invalid'));
    assert.equal(fewer.code, 3);
    assert.match(fewer.stderr, /2 without a prediction: r\/2, r\/3/);
  });

  test('an unknown profile is a wrong command line that lists the known ones', async () => {
    const result = await llavaEval(scoreArgs('--profile', 'bleu'));
    assert.equal(result.code, 2);
    assert.match(result.stderr, /expected llavacode, .* or lca, got "bleu"/);
  });
});
