/**
 * @file Runs the real program in a process of its own. Needs `npm run build`, which `npm test` does first.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/llava-eval.js', import.meta.url));

/** What the program keeps between its runs is kept here, not among the files of whoever runs the tests. */
export const CACHE = mkdtempSync(join(tmpdir(), 'llava-eval-cache-'));
process.on('exit', () => {
  rmSync(CACHE, { recursive: true, force: true });
});

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Given the process as soon as it has started. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `llava-eval` with the arguments and waits for its end. */
export function llavaEval(args: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd,
      env: { ...process.env, LLAVA_EVAL_CACHE: CACHE, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    options.onStart?.(child);
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}
