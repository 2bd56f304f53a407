import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { CompletionTask } from '../../src/domain/task.js';
import { lenderOf } from '../../src/run/lender.js';
import { createRng } from '../../src/tensor/rng.js';
import { fakeTask } from '../support/fakes.js';

const task = (repository: string, number: number, language = 'typescript'): CompletionTask => ({
  ...fakeTask(`${repository}/${number}`, '', 'x', ''),
  ...({ repository, language } as Pick<CompletionTask, 'repository' | 'language'>),
});

describe('the task that lends its chunks', () => {
  const tasks = ['a', 'b', 'c'].flatMap((repository) =>
    Array.from({ length: 40 }, (_, i) => task(repository, i, i % 4 === 0 ? 'python' : 'typescript')),
  );

  test('is of another repository, and in the same language where there is one', () => {
    const lender = lenderOf(tasks, 3)!;
    for (const one of tasks) {
      const lent = lender(one);
      assert.notEqual(lent.repository, one.repository);
      assert.equal(lent.language, one.language);
    }
    const mixed = [task('a', 1, 'go'), task('b', 1, 'rust')];
    assert.equal(lenderOf(mixed, 0)!(mixed[0]!), mixed[1]);
  });

  test('is drawn by the seed and the id alone, and all others can be drawn', () => {
    const [first, again, other] = [lenderOf(tasks, 3)!, lenderOf([...tasks], 3)!, lenderOf(tasks, 4)!];
    const drawn = (lender: typeof first): string[] => tasks.map((one) => lender(one).id);
    assert.deepEqual(drawn(first), drawn(again));
    assert.notDeepEqual(drawn(first), drawn(other));
    // In whatever order tasks are asked for, as after a resume or in a shard.
    const shuffled = createRng(1).shuffle(tasks);
    for (const one of shuffled) assert.equal(first(one), again(one));
    const seeds = Array.from({ length: 400 }, (_, seed) => lenderOf(tasks, seed)!(tasks[1]!).id);
    // 60 tasks of the other two repositories are TypeScript; 400 draws leave out one in e^-6.7 of them.
    assert.ok(new Set(seeds).size > 55, String(new Set(seeds).size));
  });

  test('is nobody in a single repository', () => {
    assert.equal(lenderOf([task('a', 1), task('a', 2)], 0), null);
  });
});
