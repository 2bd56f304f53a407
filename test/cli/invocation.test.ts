import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commandToContinue, invocationOf } from '../../src/cli/terminal/invocation.js';

describe('how the program was started', () => {
  const started = (script: string, environment: Record<string, string> = {}): readonly string[] =>
    invocationOf(['/usr/bin/node', script, 'run'], environment, '/home/me/work').program;

  test('is told as words that start it again', () => {
    assert.deepEqual(started('/home/me/work/bin/llava-eval.js'), ['node', 'bin/llava-eval.js']);
    assert.deepEqual(started('/opt/x/bin/llava-eval.js'), ['node', '/opt/x/bin/llava-eval.js']);
    assert.deepEqual(started('/usr/local/bin/llava-eval', { PATH: '/bin:/usr/local/bin' }), ['llava-eval']);
    const ofNpx = { npm_command: 'exec', PATH: '/home/me/work/node_modules/.bin' };
    assert.deepEqual(started('/home/me/work/node_modules/.bin/llava-eval', ofNpx), ['npx', 'llava-eval']);
    // A program that npx started may start this one in turn, and hands the variable on.
    assert.deepEqual(started('/home/me/work/bin/llava-eval.js', ofNpx), ['node', 'bin/llava-eval.js']);
  });
});

describe('the command to continue', () => {
  const continued = (...args: readonly string[]): string =>
    commandToContinue({ program: ['llava-eval'], args: ['run', ...args] }, 'my results/a', null);

  test('names the folder, also where it was chosen by the program, and says --resume once', () => {
    const expected = "llava-eval run --limit 5 --out 'my results/a' --resume";
    assert.equal(continued('--limit', '5'), expected);
    assert.equal(continued('--out', 'my results/a', '--limit', '5'), expected);
    assert.equal(continued('--resume', '--out=my results/a', '--limit', '5'), expected);
  });

  test('names the shard in numbers, which hold outside of the scheduler as well', () => {
    assert.equal(
      commandToContinue(
        { program: ['npx', 'llava-eval'], args: ['run', '--shard', 'auto', '--out', 'r', '--seed=1'] },
        'r/shard-3-of-8',
        { index: 3, count: 8 },
      ),
      'npx llava-eval run --seed=1 --shard 3/8 --out r/shard-3-of-8 --resume',
    );
  });
});
