import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../../src/domain/errors.js';
import { sweep } from '../../src/cli/flags/options.js';
import { addRunOptions, mergeRunOptions } from '../../src/cli/flags/run-options.js';

describe('the settings of a run', () => {
  test('a flag wins over the file, and the other settings of the file stay', () => {
    assert.deepEqual(mergeRunOptions({ limit: 3 }, { limit: 9, seed: 1 }), { limit: 3, seed: 1 });
  });

  test('--top-k wins over a sweep of the file and --sweep over its topK, since they exclude each other', () => {
    const swept = { sweep: { topK: [1, 3] }, seed: 1 };
    assert.deepEqual(mergeRunOptions({ topK: 5 }, swept), { topK: 5, seed: 1 });
    assert.deepEqual(mergeRunOptions({ sweep: { topK: [1, 3] } }, { topK: 5, seed: 1 }), swept);
    assert.deepEqual(mergeRunOptions({}, swept), swept);
  });

  test('both in one place are refused with exit code 2', () => {
    assert.throws(
      () => mergeRunOptions({ topK: 5, sweep: { topK: [1] } }, {}),
      (error: unknown) =>
        error instanceof UsageError && /command line: --top-k and --sweep/.test(error.message),
    );
  });
});

describe('--sweep', () => {
  test('lists whole numbers of at least 1', () => {
    assert.deepEqual(sweep('top-k=1,3,10'), { topK: [1, 3, 10] });
  });

  for (const text of [
    '',
    'top-k',
    'top-k=',
    'top-k=1,',
    'top-k=1.5',
    'top-k=0',
    'top-k=-1',
    'seed=1,2',
    '1,3',
  ]) {
    test(`refuses "${text}"`, () => {
      assert.throws(() => sweep(text), InvalidArgumentError);
    });
  }

  test('a flag that switches something off says nothing where it is absent', () => {
    const flagsOf = (...argv: string[]): Record<string, unknown> => {
      const command = addRunOptions(new Command('run')).action(() => undefined);
      return command.parse(argv, { from: 'user' }).opts();
    };
    assert.deepEqual(mergeRunOptions(flagsOf(), {}), {});
    assert.deepEqual(mergeRunOptions(flagsOf(), { vectorCache: false }), { vectorCache: false });
    assert.deepEqual(mergeRunOptions(flagsOf('--no-vector-cache'), {}), { vectorCache: false });
  });
});
