import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describeFailure } from '../../src/cli/terminal/failure.js';
import { guardOutput } from '../../src/cli/terminal/output.js';
import { DataError, DownloadError, EXIT, UsageError } from '../../src/domain/errors.js';

const systemError = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: no, mkdir '${path}'`), { code, syscall: 'mkdir', path, errno: -1 });

describe('a failure', () => {
  test('that a user can mend keeps its own exit code and shows no stack', () => {
    const failure = describeFailure(new DataError('a.jsonl: damaged', ['mend it']), '/cache');
    assert.deepEqual(failure, { text: 'llava-eval: a.jsonl: damaged\n  mend it\n', exitCode: 3 });
    assert.equal(describeFailure(new UsageError('no'), '/cache').exitCode, EXIT.usage);
    assert.equal(describeFailure(new DownloadError('cancelled', 'no'), '/cache').exitCode, EXIT.interrupted);
  });

  test('of the operating system says what to do and ends with 3', () => {
    const { text, exitCode } = describeFailure(systemError('ENOSPC', '/data/x'), '/cache');
    assert.equal(exitCode, 3);
    assert.equal(
      text,
      "llava-eval: ENOSPC: no, mkdir '/data/x'\n  the disk is full: make room, or choose another place\n",
    );
  });

  test('in the cache says how the cache is moved', () => {
    const { text } = describeFailure(systemError('ENOTDIR', '/cache/packages'), '/cache');
    assert.match(text, /a part of that path is a file[\s\S]*LLAVA_EVAL_CACHE names another folder/);
  });

  test('of the operating system is told from a real one, too', async () => {
    const inAFile = join(fileURLToPath(import.meta.url), 'x');
    const error: unknown = await mkdir(inAFile).catch((thrown: unknown) => thrown);
    assert.equal(describeFailure(error, '/cache').exitCode, 3);
  });

  test('of the program itself shows its stack, asks for a report and ends with 70', () => {
    const { text, exitCode } = describeFailure(new RangeError('index 3 of 2'), '/cache');
    assert.equal(exitCode, 70);
    assert.match(text, /a defect of the program[\s\S]*RangeError: index 3 of 2\n +at .*failure\.test/);
    assert.match(text, /please report it/);
    assert.equal(describeFailure('text', '/cache').exitCode, 70, 'whatever was thrown');
  });
});

describe('output', () => {
  test('that nobody reads any more is no failure', () => {
    const stream = new EventEmitter();
    const failures: Error[] = [];
    guardOutput(stream, (error) => failures.push(error));
    stream.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    assert.deepEqual(failures, []);
  });

  test('that cannot be written is a failure, told once', () => {
    const stream = new EventEmitter();
    const failures: string[] = [];
    guardOutput(stream, (error) => failures.push(error.message));
    for (const message of ['first', 'second']) {
      stream.emit('error', Object.assign(new Error(message), { code: 'ENOSPC' }));
    }
    assert.deepEqual(failures, ['first']);
  });
});
