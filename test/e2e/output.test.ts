import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { llavaEval } from '../support/program.js';

const BIN = fileURLToPath(new URL('../../bin/llava-eval.js', import.meta.url));

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-output-'));
  await writeFile(join(folder, 'file'), 'not a folder');
});
after(async () => {
  await rm(folder, { recursive: true });
});

/** Runs the program with its stdout at a file, or at a pipe that is closed at once. */
function withStdout(
  stdout: number | 'closed',
  args: readonly string[],
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      stdio: ['ignore', stdout === 'closed' ? 'pipe' : stdout, 'pipe'],
    });
    if (stdout === 'closed') child.stdout!.destroy();
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stderr });
    });
  });
}

describe('a result that cannot be written', () => {
  for (const args of [['datasets', 'list'], ['models', 'list', '--json'], ['--help']]) {
    test(`to a closed pipe ends without a word: ${args.join(' ')}`, async () => {
      assert.deepEqual(await withStdout('closed', args), { code: 0, stderr: '' });
    });
  }

  test('to a full disk ends with 3 and says so', { skip: !existsSync('/dev/full') }, async () => {
    const { code, stderr } = await withStdout(openSync('/dev/full', 'w'), ['datasets', 'list']);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^llava-eval: the result cannot be written to standard output: .*no space left/);
    assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace');
  });

  test('by a failed command keeps the exit code of the failure', async () => {
    const { code, stderr } = await withStdout('closed', ['report', join(folder, 'nowhere')]);
    assert.equal(code, 3);
    assert.match(stderr, /nowhere/);
  });
});

describe('a cache that cannot be used', () => {
  test('ends with 3, its path and the way to another one', async () => {
    const { code, stderr } = await llavaEval(['datasets', 'inspect', 'npm-ts-lines'], {
      env: { LLAVA_EVAL_CACHE: join(folder, 'file') },
    });
    assert.equal(code, 3, stderr);
    assert.match(stderr, /ENOTDIR/);
    assert.match(stderr, /LLAVA_EVAL_CACHE names another folder/);
    assert.doesNotMatch(stderr, /^\s+at /m, 'no stack trace');
  });
});
