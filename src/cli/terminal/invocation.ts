/**
 * @file How the process was started, and the command that continues what it was interrupted in.
 */

import { PACKAGE } from '../../run/environment.js';
import { basename, delimiter, dirname, isAbsolute, relative } from 'node:path';
import { quoted } from '../../run/command-line.js';
import { shardText, type Shard } from '../../run/shard.js';

export interface Invocation {
  /** Words that start this program again from the same folder: `llava-eval`, `npx llava-eval` or `node <file>`. */
  readonly program: readonly string[];
  /** What stood behind them. */
  readonly args: readonly string[];
}

/**
 * How somebody can start the program again.
 *
 * @param argv        As `process.argv`: node, the script, then the arguments.
 * @param environment Says whether npx started it, and in which folders a shell looks for programs.
 * @param folder      The working folder.
 * @example
 * invocationOf(['/usr/bin/node', '/home/me/llava-eval/bin/llava-eval.js', 'run'], {}, '/home/me/llava-eval')
 * // => { program: ['node', 'bin/llava-eval.js'], args: ['run'] }
 */
export function invocationOf(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): Invocation {
  const [, script = PACKAGE.name, ...args] = argv;
  const name = basename(script);
  if (!name.endsWith('.js')) {
    // npx puts the folder of the script on the path of this process alone.
    if (environment.npm_command === 'exec') return { program: ['npx', name], args };
    const isOnPath = (environment.PATH ?? '').split(delimiter).includes(dirname(script));
    if (isOnPath) return { program: [name], args };
  }
  const near = relative(folder, script);
  const isInside = near !== '' && !near.startsWith('..') && !isAbsolute(near);
  return { program: ['node', isInside ? near : script], args };
}

/** Flags that the command to continue says anew; the value tells whether a word follows them. */
const SAID_ANEW: ReadonlyMap<string, boolean> = new Map([
  ['--out', true],
  ['--shard', true],
  ['--resume', false],
]);

/**
 * The line to paste that continues an interrupted run: the same arguments, with the folder, the shard in numbers and
 * `--resume`.
 *
 * @example
 * commandToContinue({ program: ['llava-eval'], args: ['run', '--limit', '5'] }, 'results/a', null)
 * // => 'llava-eval run --limit 5 --out results/a --resume'
 */
export function commandToContinue(
  { program, args }: Invocation,
  folder: string,
  shard: Shard | null,
): string {
  const kept: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    const takesWord = SAID_ANEW.get(word.split('=', 1)[0]!);
    if (takesWord === undefined) kept.push(word);
    else if (takesWord && !word.includes('=')) i++;
  }
  const part = shard === null ? [] : ['--shard', shardText(shard)];
  return quoted([...program, ...kept, ...part, '--out', folder, '--resume']);
}
