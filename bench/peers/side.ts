/**
 * @file One measured side as its parent sees it: a process of its own, bundled from `sides/` and run by
 * plain Node, so that no loader of sources counts as its memory.
 *
 * Our sides resolve packages from this project, the peers' from `bench/peers`: each runs on the runtime
 * that its users would have.
 */

import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';
import type { z } from 'zod';

import type { Reply, Request } from './sides/serve.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Threads of a side that has just answered go on spinning for a moment; the next one waits for that. */
const SETTLE_MS = 60;

export class Side {
  readonly name: string;
  readonly openMs: number;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess, openMs: number) {
    this.name = name;
    this.#child = child;
    this.openMs = openMs;
  }

  /**
   * Starts a side.
   *
   * @param name As in tables.
   * @param script File in `sides/` without its ending; `ours-…` resolves packages from the project.
   */
  static async open(name: string, script: string, setup: unknown): Promise<Side> {
    const home = script.startsWith('ours-') ? PROJECT : HERE;
    const outfile = join(home, 'node_modules', '.cache', 'bench-peers', `${script}.mjs`);
    await build({
      entryPoints: [join(HERE, 'sides', `${script}.ts`)],
      outfile,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'error',
    });
    const child = fork(outfile, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const opened = await exchange(child, name, { kind: 'open', setup });
    if (opened.kind !== 'opened') throw new Error(`${name} answered ${opened.kind} when it was opened`);
    return new Side(name, child, opened.openMs);
  }

  /** Asks once; the side itself measures. */
  async ask<Answer>(job: unknown, schema: z.ZodType<Answer>): Promise<Answer> {
    const reply = await exchange(this.#child, this.name, { kind: 'ask', job });
    if (reply.kind !== 'answered') throw new Error(`${this.name} answered ${reply.kind} when it was asked`);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return schema.parse(reply.answer);
  }

  /** Ends the process; bytes of its largest resident set. */
  async close(): Promise<number> {
    const reply = await exchange(this.#child, this.name, { kind: 'close' });
    if (reply.kind !== 'closed') throw new Error(`${this.name} answered ${reply.kind} when it was closed`);
    return reply.peakBytes;
  }

  /** Ends the process whatever it is doing. */
  kill(): void {
    this.#child.kill();
  }
}

function exchange(child: ChildProcess, name: string, request: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      settle();
    };
    const onMessage = (reply: Reply): void => {
      done(() => {
        if (reply.kind === 'failed') reject(new Error(`${name}: ${reply.reason}`));
        else resolve(reply);
      });
    };
    const onExit = (code: number | null): void => {
      done(() => {
        reject(new Error(`${name}: its process ended with ${code ?? 'a signal'} before it answered`));
      });
    };
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(request);
  });
}
