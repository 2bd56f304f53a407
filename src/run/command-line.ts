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
export const ON_BY_DEFAULT: readonly string[] = ['vectorCache', 'likelihood'];

/** One setting as words of the command line. A switch has words where it is not as by default. */
function flagWords(key: string, value: unknown): string[] {
  const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (typeof value === 'boolean') {
    if (value === ON_BY_DEFAULT.includes(key)) return [];
    return [value ? `--${flag}` : `--no-${flag}`];
  }
  return [`--${flag}`, flagValue(value)];
}

/** Lists are separated by commas; a sweep is `top-k=1,3`. */
function flagValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([key, inner]) => flagWords(key, inner).join('=').slice(2))
    .join(' ');
}
