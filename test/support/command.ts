/**
 * @file Runs a command of the program within the test process, which saves the start of a process. What commander
 * itself refuses goes to the streams of the process, so tests of that start the real program (`program.ts`).
 */

import { performance } from 'node:perf_hooks';
import { Writable } from 'node:stream';
import { main } from '../../src/cli/main.js';
import { printableStream } from '../../src/cli/terminal/foreign-text.js';
import { invocationOf } from '../../src/cli/terminal/invocation.js';
import { CACHE, type Finished } from './program.js';

process.env['LLAVA_EVAL_CACHE'] = CACHE;

class Collected extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Runs `llava-eval` with the arguments as `bin.ts` does, without a terminal. */
export async function command(args: readonly string[]): Promise<Finished> {
  const argv = [process.execPath, 'llava-eval', ...args];
  const [stdout, stderr] = [new Collected(), new Collected()];
  const shown = (stream: Writable): NodeJS.WriteStream =>
    printableStream(stream as unknown as NodeJS.WriteStream);
  let code = 0;
  await main(argv, {
    invocation: invocationOf(argv, process.env, process.cwd()),
    stdout: shown(stdout),
    stderr: shown(stderr),
    clock: () => performance.now(),
    wallClock: () => new Date(),
    interrupt: new AbortController().signal,
    exit(given) {
      code = given;
    },
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
