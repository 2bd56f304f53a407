/**
 * @file Whether two run folders hold the same answers: completions, scores, chunks and prompts, but not times.
 *
 *   npx tsx scripts/same-records.ts results/before results/after
 *
 * For changes that must not move a number. Prints what differs, and ends with 1 if anything does. A prompt is the
 * same if its tokens, its soft tokens, its part of the cross-file block and the code around the hole are.
 */

import { isDeepStrictEqual } from 'node:util';
import { collectRecords } from '../src/run/journal.js';
import { recordKey, type TaskRecord } from '../src/run/record.js';
import { runFolder } from '../src/run/run-folder.js';
import { readRunJson } from '../src/run/run-json.js';
import { readTaskEvidence } from '../src/run/task-evidence.js';

const [first, second] = process.argv.slice(2);
if (first === undefined || second === undefined) {
  throw new Error('usage: npx tsx scripts/same-records.ts FOLDER FOLDER');
}

/** What a run says apart from times, by a name for each thing it says. */
async function answersOf(path: string): Promise<Map<string, unknown>> {
  const folder = runFolder(path);
  const records = await collectRecords(folder.journal);
  const evidence = await readTaskEvidence(folder.tasks);
  return new Map<string, unknown>([
    ...records.map((record): [string, unknown] => [recordKey(record.taskId, record), withoutTimes(record)]),
    ...[...(evidence?.tasks ?? [])].map(([id, task]): [string, unknown] => [`task ${id}`, task]),
  ]);
}

function withoutTimes(record: TaskRecord): unknown {
  return record.status === 'scored' ? { ...record, timing: null } : record;
}

const [a, b] = [await answersOf(first), await answersOf(second)];
const differing = [...new Set([...a.keys(), ...b.keys()])].filter(
  (name) => !isDeepStrictEqual(a.get(name), b.get(name)),
);
const [runA, runB] = [
  await readRunJson(runFolder(first).runJson),
  await readRunJson(runFolder(second).runJson),
];
const settings = [...new Set([...Object.keys(runA.spec), ...Object.keys(runB.spec)])].filter(
  (name) => !isDeepStrictEqual(Reflect.get(runA.spec, name), Reflect.get(runB.spec, name)),
);

for (const name of differing.slice(0, 20)) process.stdout.write(`differs: ${name}\n`);
process.stdout.write(
  `${a.size} and ${b.size} records and tasks, ${differing.length} differ; ` +
    `fingerprints ${runA.fingerprint === runB.fingerprint ? 'are equal' : 'differ'}` +
    `${settings.length === 0 ? '' : ` (${settings.join(', ')})`}\n`,
);
process.exitCode = differing.length === 0 ? 0 : 1;
