/**
 * @file Commands that a message prints for somebody to paste: every word quoted where a shell would change it.
 */

import { PACKAGE } from './environment.js';
import type { Shard } from './shard.js';
import { shardText } from './shard.js';

/** Words to one line of a POSIX shell. @example quoted(['a', "it's 1"]) // => `a 'it'\\''s 1'` */
export function quoted(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

/** Settings that belong to one shard and its folder; a message gives its own. */
const OF_ONE_SHARD = new Set(['shard', 'out', 'resume', 'retryFailed']);

/**
 * The command that makes one shard of a run, from the settings that another shard was given.
 *
 * @param given As `run.json` has it: keys are the flags in camel case. What the program set by itself is not in it.
 * @example
 * shardCommand({ dataset: 'tiny', topK: 3 }, { shard: { index: 3, count: 8 }, out: 'r/shard-3-of-8' })
 * // => 'llava-eval run --dataset tiny --top-k 3 --shard 3/8 --out r/shard-3-of-8'
 */
export function shardCommand(
  given: Readonly<Record<string, unknown>>,
  own: { readonly shard: Shard; readonly out: string; readonly resume?: boolean },
): string {
  const flags = Object.entries(given)
    .filter(([key]) => !OF_ONE_SHARD.has(key))
    .flatMap(([key, value]) => flagWords(key, value));
  const shard = ['--shard', shardText(own.shard), '--out', own.out];
  return quoted([PACKAGE.name, 'run', ...flags, ...shard, ...(own.resume === true ? ['--resume'] : [])]);
}

/** Switches that are on unless somebody turns them off, by the keys of their settings. Their flags are `--no-<setting>`. */
export const ON_BY_DEFAULT: readonly string[] = ['vectorCache', 'likelihood', 'timing'];

/** One setting as words of the command line. A switch has words where it is not as by default. */
function flagWords(key: string, value: unknown): string[] {
  const severalTimes = SEVERAL_TIMES.get(key);
  if (severalTimes !== undefined && Array.isArray(value)) {
    return value.flatMap((one) => [severalTimes, String(one)]);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // A sweep: the flag once for each setting that it goes through.
    return Object.entries(value).flatMap(([axis, values]) => [
      `--${flagName(key)}`,
      `${flagName(axis)}=${flagValue(values)}`,
    ]);
  }
  const flag = flagName(key);
  if (typeof value === 'boolean') {
    if (value === ON_BY_DEFAULT.includes(key)) return [];
    return [value ? `--${flag}` : `--no-${flag}`];
  }
  return [`--${flag}`, flagValue(value)];
}

/** Flags that stand there once for each value. */
const SEVERAL_TIMES: ReadonlyMap<string, string> = new Map([['plugins', '--plugin']]);

/** Lists are separated by commas. */
function flagValue(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(',') : String(value);
}

/** @example flagName('topK') // => 'top-k' */
function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
