import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { evenSample, goRound } from '../../src/datasets/even-sample.js';
import { taskId } from '../../src/domain/task.js';
import type { CompletionTask } from '../../src/domain/task.js';

/** A task from `repository/path:line`. */
function task(id: string): CompletionTask {
  const [, repository, path] = /^(\w+)\/(\w+):\d+$/.exec(id)!;
  return {
    id: taskId(id),
    repository: repository!,
    path: path!,
    language: 'typescript',
    prefix: '',
    reference: 'x',
    suffix: '',
    crossFile: null,
  };
}

function sample(ids: readonly string[], n: number): string[] {
  return evenSample(ids.map(task), n).map(({ id }) => id);
}

describe('an even sample', () => {
  const ids = ['a/x:1', 'a/x:2', 'a/x:3', 'a/y:1', 'b/z:1', 'b/z:2', 'a/x:4'];

  test('goes round the repositories, and within each round its files', () => {
    assert.deepEqual(sample(ids, 4), ['a/x:1', 'b/z:1', 'a/y:1', 'b/z:2']);
  });

  test('is the beginning of every larger one', () => {
    const all = sample(ids, ids.length);
    assert.deepEqual([...all].sort(), [...ids].sort());
    for (let n = 0; n <= ids.length; n++) assert.deepEqual(sample(ids, n), all.slice(0, n));
  });

  test('passes over a repository that has run out, and gives all if more are wanted', () => {
    assert.deepEqual(sample(ids, 100).slice(4), ['a/x:2', 'a/x:3', 'a/x:4']);
    assert.deepEqual(sample([], 3), []);
  });

  test('has a whole size', () => {
    assert.throws(() => evenSample([], -1), RangeError);
    assert.throws(() => evenSample([], 0.5), RangeError);
  });
});

test('going round lists takes one of each in turn', () => {
  assert.deepEqual(goRound([['a', 'b', 'c'], ['x'], []]), ['a', 'x', 'b', 'c']);
  assert.deepEqual(goRound([]), []);
});
