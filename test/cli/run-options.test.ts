import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Command, InvalidArgumentError } from 'commander';
import { comparisonRequestSchema, latencyRequestSchema } from '../../src/comparison/request.js';
import { UsageError } from '../../src/domain/errors.js';
import { readConfigFile } from '../../src/cli/flags/config-file.js';
import { anyWholeNumber, sweep } from '../../src/cli/flags/options.js';
import { addRunFlags } from '../../src/cli/flags/run-flags.js';
import { checkedOptions, runCommand, type RunOptions } from '../../src/cli/flags/run-options.js';

const requestOf = (flags: Record<string, unknown>, file: RunOptions): unknown =>
  runCommand(flags, file).request;

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof UsageError && pattern.test(error.message);

describe('the settings of a run', () => {
  test('a flag wins over the file, and the other settings of the file stay', () => {
    assert.deepEqual(requestOf({ limit: 3 }, { limit: 9, seed: 1 }), { limit: 3, seed: 1 });
  });

  test('what is shown is no part of the request', () => {
    assert.deepEqual(runCommand({ json: true, seed: 1 }, { quiet: true }), {
      kind: 'comparison',
      request: { seed: 1 },
      output: { json: true, quiet: true },
    });
  });

  test('--top-k wins over a sweep of the file and --sweep over its topK, since they exclude each other', () => {
    const swept = { sweep: { topK: [1, 3] }, seed: 1 };
    assert.deepEqual(requestOf({ topK: 5 }, swept), { topK: 5, seed: 1 });
    assert.deepEqual(requestOf({ sweep: { topK: [1, 3] } }, { topK: 5, seed: 1 }), swept);
    assert.deepEqual(requestOf({}, swept), swept);
  });

  test('the axes of a sweep are apart: a ratio wins over the ratios of the file and leaves its top-k', () => {
    const swept = { sweep: { topK: [1, 3], compressionRatio: [2, 4] } };
    assert.deepEqual(requestOf({ compressionRatio: 8 }, swept), {
      compressionRatio: 8,
      sweep: { topK: [1, 3] },
    });
    assert.deepEqual(requestOf({ sweep: { compressionRatio: [16] } }, swept), {
      sweep: { topK: [1, 3], compressionRatio: [16] },
    });
    assert.throws(
      () => runCommand({ compressionRatio: 2, sweep: { compressionRatio: [1] } }, {}),
      refusal(/command line: --compression-ratio and --sweep/),
    );
  });

  test('both in one place are refused with exit code 2', () => {
    assert.throws(
      () => runCommand({ topK: 5, sweep: { topK: [1] } }, {}),
      refusal(/command line: --top-k and --sweep/),
    );
  });

  test('--latency-only takes of a file what it knows and refuses flags that need tasks', () => {
    assert.deepEqual(runCommand({ latencyOnly: true }, { limit: 9, seed: 1, softTokens: 4 }), {
      kind: 'latency',
      request: { seed: 1, softTokens: 4 },
      output: {},
    });
    assert.throws(() => runCommand({ latencyOnly: true, limit: 9 }, {}), refusal(/does not go with --limit/));
    assert.throws(() => runCommand({ softTokens: 4 }, {}), refusal(/--soft-tokens only with --latency-only/));
    assert.deepEqual(requestOf({}, { softTokens: 4, seed: 1 }), { seed: 1 });
  });

  test('every setting of a request has a flag, and every flag is a setting', () => {
    const flags = addRunFlags(new Command('run')).options.map((option) => option.attributeName());
    const settings = [
      ...Object.keys({ ...comparisonRequestSchema.shape, ...latencyRequestSchema.shape }),
      ...['json', 'quiet', 'latencyOnly', 'config'],
    ];
    // `--plugin` stands there once for each of the plug-ins.
    const settingsOfFlags = flags.map((flag) => (flag === 'plugin' ? 'plugins' : flag));
    assert.deepEqual(settingsOfFlags.sort(), [...new Set(settings)].sort());
  });

  test('a flag that switches something off says nothing where it is absent', () => {
    const flagsOf = (...argv: string[]): Record<string, unknown> => {
      const command = addRunFlags(new Command('run')).action(() => undefined);
      return command.parse(argv, { from: 'user' }).opts();
    };
    assert.deepEqual(requestOf(flagsOf(), {}), {});
    assert.deepEqual(requestOf(flagsOf(), { vectorCache: false }), { vectorCache: false });
    assert.deepEqual(requestOf(flagsOf('--no-vector-cache'), {}), { vectorCache: false });
  });
});

describe('the configuration file', () => {
  const fileWith = (content: string): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'config-')), 'settings.json');
    writeFileSync(path, content);
    return path;
  };

  test('on times give way to flags that say the opposite', () => {
    const request = (flags: object, file: RunOptions): object => runCommand({ ...flags }, file).request;
    assert.deepEqual(request({ timing: false }, { ttftRepeats: 5, seed: 1 }), { seed: 1, timing: false });
    assert.deepEqual(request({ ttftRepeats: 2 }, { timing: false, seed: 1 }), { seed: 1, ttftRepeats: 2 });
    assert.throws(
      () => runCommand({ timing: false, latencyOnly: true }, {}),
      refusal(/--latency-only does not go with --no-timing$/),
    );
  });

  test('may switch something off in the name of the flag', () => {
    assert.deepEqual(checkedOptions({ noVectorCache: true }, 'file'), { vectorCache: false });
    assert.deepEqual(checkedOptions({ noVectorCache: false }, 'file'), { vectorCache: true });
    assert.throws(
      () => checkedOptions({ noVectorCache: true, vectorCache: true }, 'file'),
      refusal(/file: noVectorCache and vectorCache say the same thing twice/),
    );
  });

  test('a value of the wrong type is shown, with what was expected', () => {
    assert.throws(
      () => checkedOptions({ limit: '1' }, 'file'),
      refusal(/file: limit: expected a whole number of at least 1, or "all", got "1"$/),
    );
    assert.throws(() => checkedOptions({ topK: 'ten' }, 'file'), refusal(/topK: .*number.*, got "ten"$/));
    assert.throws(() => checkedOptions([1], 'file'), refusal(/expected an object of settings, got \[1\]$/));
  });

  test('an unknown key is answered with the one that was probably meant', () => {
    assert.throws(
      () => checkedOptions({ topk: 3, colour: true }, 'file'),
      refusal(/there is no setting "topk"; did you mean "topK"\?; there is no setting "colour"$/),
    );
  });

  test('a byte order mark in front of it is skipped', async () => {
    const path = fileWith('\uFEFF{"seed": 4}');
    assert.deepEqual(await readConfigFile(path), { options: { seed: 4 }, path });
  });

  test('a file that was asked for and is not there is an error that names it', async () => {
    await assert.rejects(
      readConfigFile('/nowhere/settings.json'),
      refusal(/\/nowhere\/settings\.json: cannot be read/),
    );
  });
});

describe('--seed', () => {
  test('takes whole numbers of either sign and says so', () => {
    assert.equal(anyWholeNumber('-3'), -3);
    assert.throws(() => anyWholeNumber('abc'), /expected a whole number, got "abc"\.$/);
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
});
