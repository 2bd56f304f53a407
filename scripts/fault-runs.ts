/**
 * @file What the scripts about faults share: a short run of the embedded model, and whether another one is the same.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'bin', 'llava-eval.js');

/** Short prompts and answers of real holes, so that much of a run is reading and writing. */
export function setting(limit: number): string[] {
  return [
    ...[
      'run',
      '--dataset',
      join(ROOT, 'datasets', 'tiny', 'repos'),
      '--limit',
      String(limit),
      '--device',
      'cpu',
    ],
    ...['--pipelines', 'no-context,full-rag,compressed', '--retrievers', 'jaccard,bm25', '--top-k', '5'],
    ...['--max-prompt-tokens', '300', '--context-tokens', '300', '--max-new-tokens', '4'],
  ];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Starts the built program. @param onStart Given the process. */
export function run(
  args: readonly string[],
  onStart: (child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stderr });
    });
    onStart(child);
  });
}

/** A run that must succeed. */
export async function finish(args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(args);
  if (code !== 0) throw new Error(`llava-eval ${args.join(' ')} ended with ${code}:\n${stderr}`);
}

/** Whole lines of a journal, without its header. */
export function recordsIn(folder: string): number {
  const path = join(folder, 'journal.jsonl');
  return existsSync(path) ? Math.max(0, readFileSync(path, 'utf8').split('\n').length - 2) : 0;
}

/** Whether two run folders hold the same records, tasks and summary, apart from times; the reasons go to stdout. */
export function areSame(a: string, b: string): boolean {
  return ['same-records.ts', 'same-summary.ts'].every((script) => {
    const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts', script), a, b], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return status === 0;
  });
}
