/**
 * @file Paths as run folders record them: without what they say about the person whose machine it was.
 *
 * Run folders and reports are shared. An absolute path in a home folder names its owner, and it means nothing on
 * another machine. So a path below the working folder is recorded relative to it, and another path of the home folder
 * in its short form. Every other path stays as it was given: without it nobody could repeat the run.
 */

import { homedir } from 'node:os';
import { dirname, isAbsolute, relative, sep } from 'node:path';

/** The folders that a record does not name. */
export interface Places {
  readonly working: string;
  readonly home: string;
}

/**
 * A path or any other text as it is recorded. Only absolute paths change.
 *
 * @example portablePath('/home/ada/work/tasks.jsonl', { working: '/home/ada/work', home: '/home/ada' })
 * // => 'tasks.jsonl'
 * @example portablePath('/home/ada/models/x', { working: '/home/ada/work', home: '/home/ada' }) // => '~/models/x'
 */
export function portablePath(
  text: string,
  { working, home }: Places = { working: process.cwd(), home: homedir() },
): string {
  if (!isAbsolute(text)) return text;
  const below = inside(working, text);
  if (below !== null) return below === '' ? '.' : below;
  const atHome = isAbsolute(home) ? inside(home, text) : null;
  return atHome === null ? text : atHome === '' ? '~' : `~/${atHome}`;
}

/** The path from a folder to a place in it, with forward slashes; null for a place elsewhere. A root holds nothing. */
function inside(folder: string, path: string): string | null {
  if (dirname(folder) === folder) return null;
  const way = relative(folder, path);
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way) ? null : way.replaceAll('\\', '/');
}

/** A record in which every string is as {@link portablePath} has it, however deep. Keys stay as they are. */
export function withPortablePaths<T>(record: T, places?: Places): T {
  return portable(record, places) as T;
}

function portable(value: unknown, places: Places | undefined): unknown {
  if (typeof value === 'string') return portablePath(value, places);
  if (Array.isArray(value)) return value.map((item) => portable(item, places));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, portable(inner, places)]));
}

/** A message without the path of the home folder, wherever it stands in it. */
export function withoutHome(text: string, home = homedir()): string {
  return isAbsolute(home) && dirname(home) !== home ? text.replaceAll(`${home}${sep}`, `~${sep}`) : text;
}
