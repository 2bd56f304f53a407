/**
 * @file Data of a training: the two sides, what is kept out, what is worth training on.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { CompletionTask } from '../../src/domain/task.js';
import { ExcludedCode } from '../../src/training/data/duplicates.js';
import { holeFilter } from '../../src/training/data/filters.js';
import { splitTasks } from '../../src/training/data/split.js';
import { openRecipe, RECIPE_SUMMARIES } from '../../src/training/recipes/all.js';
import { recipeSchema } from '../../src/training/recipes/recipe.js';
import { fakeTask } from '../support/fakes.js';

const tasksOf = (
  count: number,
  repository: (i: number) => string,
  path = (i: number) => `f${i}.ts`,
): CompletionTask[] =>
  Array.from({ length: count }, (_, i) => ({
    ...fakeTask(`t${i}`, 'a\n', 'b', '\nc'),
    repository: repository(i),
    path: path(i),
  }));

describe('the two sides', () => {
  const tasks = tasksOf(40, (i) => `r${i % 8}`);
  const setting = { share: 0.2, repositories: undefined, seed: 1 };

  test('have no repository in common, and the share is met by whole repositories', () => {
    const { by, training, validation, held } = splitTasks(tasks, setting);
    assert.equal(by, 'repository');
    const names = new Set(training.map(({ repository }) => repository));
    assert.ok(validation.every(({ repository }) => !names.has(repository) && held.includes(repository)));
    // 8 of 40 tasks are wanted, and a repository has 5: two of them.
    assert.equal(validation.length, 10);
  });

  test('are drawn by the seed, and a repository keeps its side when others come', () => {
    assert.deepEqual(splitTasks(tasks, setting).held, splitTasks(tasks.toReversed(), setting).held);
    const sides = Array.from({ length: 6 }, (_, seed) => splitTasks(tasks, { ...setting, seed }).held.join());
    assert.ok(new Set(sides).size > 1);
  });

  test('are those that are named', () => {
    assert.deepEqual(splitTasks(tasks, { ...setting, repositories: ['r3'] }).held, ['r3']);
    assert.throws(() => splitTasks(tasks, { ...setting, repositories: ['x'] }), /no task is of x/);
  });

  test('are files where there is one repository', () => {
    const one = tasksOf(
      20,
      () => 'r',
      (i) => `f${i % 5}.ts`,
    );
    const { by, training, validation } = splitTasks(one, setting);
    assert.equal(by, 'file');
    const files = new Set(training.map(({ path }) => path));
    assert.ok(validation.length > 0 && validation.every(({ path }) => !files.has(path)));
  });

  test('are refused where one would be empty', () => {
    assert.throws(
      () =>
        splitTasks(
          tasksOf(
            3,
            () => 'r',
            () => 'f.ts',
          ),
          setting,
        ),
      /0 to validate on/,
    );
  });
});

describe('code that is kept out', () => {
  const lines = (from: number, to: number): string =>
    Array.from(
      { length: to - from },
      (_, i) => `const value${from + i} = compute${from + i}(first, second);`,
    ).join('\n');
  const code = new ExcludedCode();
  code.addFile(lines(0, 40));
  code.addTask({
    prefix: 'one();\ntwo();\nthree();\n',
    reference: 'wanted();',
    suffix: '\nfour();\nfive();\nsix();\n',
  });
  const hole = (text: string): Pick<CompletionTask, 'prefix' | 'reference' | 'suffix'> => ({
    ...{ prefix: text.slice(0, 30), reference: text.slice(30, 40), suffix: text.slice(40) },
  });

  test('is known again whatever its blank space is', () => {
    assert.equal(code.kindOf(hole(lines(0, 40).replaceAll('\n', '\r\n\n   '))), 'exact');
  });

  test('is known by the hole and its surroundings alone', () => {
    const moved = {
      prefix: 'other();\none();\n two();\nthree();\n  ',
      reference: 'wanted(); ',
      suffix: '\nfour();\nfive();\nsix();\nmore();',
    };
    assert.equal(code.kindOf(moved), 'exact');
    assert.equal(code.kindOf({ ...moved, reference: 'another();' }), null);
  });

  test('is near where half of all runs of words are the same, and not below', () => {
    // 38 of 40 lines are shared; then 20 of 60, a third.
    assert.equal(code.kindOf(hole(lines(2, 42))), 'near');
    assert.equal(code.kindOf(hole(lines(20, 60))), null);
  });
});

describe('the filter chunk-names', () => {
  const keeps = (left: string, chunk: string): boolean =>
    holeFilter('chunk-names')({
      ...{ task: { reference: 'total = addTax(price)', language: 'typescript' }, left, right: '' },
      chunks: [{ path: 'a.ts', startLine: 1, endLine: 1, text: chunk, score: 1 }],
    });

  test('keeps a hole whose line uses a name that only the chunks have', () => {
    assert.equal(keeps('let total; let price;', 'function addTax() {}'), true);
  });

  test('drops a hole whose names are near, or not in the chunks', () => {
    assert.equal(keeps('let total; let price; addTax();', 'function addTax() {}'), false);
    assert.equal(keeps('let total; let price;', 'function other() {}'), false);
  });
});

describe('recipes', () => {
  test('of the program are valid, and the paper’s has one stage with its weights', async () => {
    for (const name of RECIPE_SUMMARIES.keys()) assert.equal((await openRecipe(name)).name, name);
    const { stages, start } = await openRecipe('llavacode');
    assert.equal(stages.length, 1);
    assert.deepEqual(
      [start.kind, stages[0]!.losses.crossEntropy, stages[0]!.losses.alignment?.weight],
      ['random', 0.9, 0.1],
    );
  });

  test('that contradict themselves are refused', async () => {
    const stage = { name: 's', trains: ['projector'], steps: 1, rate: 1, losses: { crossEntropy: 1 } };
    const problem = (changed: object, more: object = {}): string =>
      recipeSchema.safeParse({ name: 'r', summary: 's', stages: [{ ...stage, ...changed }], ...more }).error
        ?.issues[0]?.message ?? '';
    assert.equal(problem({}), '');
    assert.match(problem({ epochs: 1 }), /either steps or epochs/);
    assert.match(problem({ chunks: 'none' }), /cannot train the projector/);
    assert.match(problem({ trains: ['prompt'] }), /constants above 0/);
    assert.match(problem({ losses: {} }), /a loss with a weight/);
    await assert.rejects(openRecipe('nothing'), /there is no recipe of this name/);
  });
});
