/**
 * @file Whether the summaries of two run folders are the same, byte for byte, apart from times.
 *
 *   npx tsx scripts/same-summary.ts results/whole results/merged
 *
 * Prints the first line that differs, and ends with 1 if one does.
 */

import { readFile } from 'node:fs/promises';
import { runFolder } from '../src/run/run-folder.js';
import { withoutTimes } from './without-times.js';

const [first, second] = process.argv.slice(2);
if (first === undefined || second === undefined) {
  throw new Error('usage: npx tsx scripts/same-summary.ts FOLDER FOLDER');
}

const linesOf = async (path: string): Promise<string[]> =>
  withoutTimes(await readFile(runFolder(path).summary, 'utf8')).split('\n');

const [a, b] = [await linesOf(first), await linesOf(second)];
const place = a.length === b.length ? a.findIndex((line, i) => line !== b[i]) : Math.min(a.length, b.length);
if (place === -1) {
  process.stdout.write(`the summaries are the same apart from times: ${a.length} lines\n`);
} else {
  process.stdout.write(`line ${place + 1} differs:\n${a[place] ?? '(none)'}\n${b[place] ?? '(none)'}\n`);
  process.exitCode = 1;
}
