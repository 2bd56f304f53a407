import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buildTasks } from '../../src/datasets/holes/build-tasks.js';
import { chooseHoles, FEWEST_LINES_APART } from '../../src/datasets/holes/choose-holes.js';
import { cutLine } from '../../src/datasets/holes/hole.js';
import { mixEvenly, shares } from '../../src/datasets/holes/shares.js';
import { findLines } from '../../src/datasets/languages/ecmascript/find-lines.js';
import { createResolver } from '../../src/datasets/languages/ecmascript/module-resolution.js';
import type { CandidateLine } from '../../src/datasets/languages/lines/language.js';
import type { Repository } from '../../src/domain/task.js';
import { some } from '../support/some.js';

/** Candidates on every line of some files; every third is cross-file; all texts differ. */
function grid(files: number, linesPerFile: number): CandidateLine[] {
  const result: CandidateLine[] = [];
  for (let file = 0; file < files; file++) {
    for (let line = 1; line <= linesPerFile; line++) {
      result.push({ path: `f${file}.ts`, line, text: `text ${file} ${line}`, crossFile: line % 3 === 0 });
    }
  }
  return result;
}

function keyOf({ path, line }: CandidateLine): string {
  return `${path}:${line}`;
}

describe('the choice of holes', () => {
  test('is the same for a seed and another for another seed', () => {
    const all = grid(10, 100);
    const keys = (seed: number): string[] => chooseHoles(all, 40, seed).map(keyOf);
    assert.deepEqual(keys(1), keys(1));
    assert.notDeepEqual(keys(1), keys(2));
  });

  test('alternates cross-file holes and others, half of each', () => {
    const marks = chooseHoles(grid(10, 100), 40, 1).map((hole) => hole.crossFile);
    assert.deepEqual(
      marks,
      Array.from({ length: 40 }, (_, i) => i % 2 === 0),
    );
  });

  test('fills up with the other kind where one runs short', () => {
    const few = grid(10, 100).map((candidate) => ({
      ...candidate,
      crossFile: candidate.path === 'f0.ts' && candidate.line === 50,
    }));
    const chosen = chooseHoles(few, 40, 1);
    assert.equal(chosen.length, 40);
    assert.equal(chosen.filter((hole) => hole.crossFile).length, 1);
    const all = few.map((candidate) => ({ ...candidate, crossFile: true }));
    assert.equal(chooseHoles(all, 40, 1).length, 40);
  });

  test('never takes two holes near each other', () => {
    const chosen = chooseHoles(grid(3, 60), 200, 1);
    for (const a of some(chosen)) {
      for (const b of chosen) {
        if (a === b || a.path !== b.path) continue;
        assert.ok(Math.abs(a.line - b.line) >= FEWEST_LINES_APART, `${keyOf(a)} and ${keyOf(b)}`);
      }
    }
    // 60 lines hold at most 12 holes that are 5 apart, and at least 60 / 9 = 7 of them fit whatever the order.
    assert.ok(chosen.length >= 3 * 7 && chosen.length <= 3 * 12, String(chosen.length));
  });

  test('takes at most twice the equal share from a file while others have room', () => {
    const counts = new Map<string, number>();
    for (const { path } of chooseHoles(grid(10, 500), 50, 1)) counts.set(path, (counts.get(path) ?? 0) + 1);
    // The equal share is 5.
    assert.ok(Math.max(...counts.values()) <= 10);
  });

  test('takes more from a file rather than too few in all', () => {
    const uneven = [...grid(1, 500), ...grid(10, 3).filter(({ path }) => path !== 'f0.ts')];
    assert.equal(chooseHoles(uneven, 50, 1).length, 50);
  });

  test('never takes the same text twice', () => {
    const same = grid(5, 50).map((candidate) => ({ ...candidate, text: 'return this.items.length;' }));
    assert.equal(chooseHoles(same, 10, 1).length, 1);
  });

  test('gives what there is when more is asked for, and nothing of nothing', () => {
    assert.equal(chooseHoles(grid(2, 1), 10, 1).length, 2);
    assert.deepEqual(chooseHoles([], 10, 1), []);
  });
});

describe('shares', () => {
  test('are in proportion, whole, and add up', () => {
    // 10 * 600 / 1000 = 6, 2.5 and 1.5: one is left over and goes to the first half.
    assert.deepEqual(shares(10, [600, 250, 150]), [6, 3, 1]);
    assert.deepEqual(shares(1, [5, 5, 5]), [1, 0, 0]);
    assert.deepEqual(shares(7, [0, 3]), [0, 7]);
    assert.deepEqual(shares(7, [0, 0]), [0, 0]);
  });

  test('are mixed so that every beginning holds each list in proportion', () => {
    // Places 1/8, 3/8, 5/8, 7/8 and 1/4, 3/4.
    assert.deepEqual(mixEvenly([['a', 'b', 'c', 'd'], ['x', 'y'], []]), ['a', 'x', 'b', 'c', 'y', 'd']);
  });
});

describe('a cut line', () => {
  test('leaves indentation to the prefix and the newline to the suffix', () => {
    assert.deepEqual(cutLine('f(() => {\n  g();\n});\n', 2), {
      prefix: 'f(() => {\n  ',
      reference: 'g();',
      suffix: '\n});\n',
    });
  });

  test('may be the first or the last, with or without a newline', () => {
    assert.deepEqual(cutLine('\ta\nb', 1), { prefix: '\t', reference: 'a', suffix: '\nb' });
    assert.deepEqual(cutLine('a\n  b', 2), { prefix: 'a\n  ', reference: 'b', suffix: '' });
  });

  test('must exist', () => {
    assert.throws(() => cutLine('a\nb', 3), RangeError);
  });
});

describe('built tasks', () => {
  const repository: Repository = {
    name: 'demo',
    files: [
      { path: 'src/price.ts', text: 'export const price = Number(process.argv[2]);\n' },
      {
        path: 'src/total.ts',
        text: "import { price } from './price.js';\n\nexport function total(count: number) {\n  return count * price + 1;\n}\n",
      },
    ],
  };
  const resolve = createResolver(repository.files.map(({ path }) => path));
  const { candidates } = findLines(repository.files, resolve);
  const request = { repository, language: 'typescript', candidates, count: 10, seed: 1 } as const;

  test('join to the text of their file and carry its coordinates', () => {
    const built = buildTasks(request);
    assert.deepEqual(
      built.map(({ task }) => task.id).sort(),
      // Line 3 of total.ts lies too near to line 4.
      ['demo/src/price.ts:1', 'demo/src/total.ts:4'],
    );
    for (const { task, line } of some(built)) {
      const text = repository.files.find((file) => file.path === task.path)!.text;
      assert.equal(task.prefix + task.reference + task.suffix, text);
      assert.equal(task.prefix.split('\n').length, line);
      assert.equal(task.repository, 'demo');
      assert.equal(task.crossFile, task.path === 'src/total.ts');
    }
  });

  test('are the same every time', () => {
    assert.deepEqual(buildTasks(request), buildTasks(request));
  });
});
