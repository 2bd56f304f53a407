/**
 * @file The folder of a run, claimed before anything long begins.
 */

import { existsSync } from 'node:fs';
import { JournalError } from '../domain/errors.js';
import { readJournal, type JournalContent } from '../run/journal.js';
import { assertWritable, runFolder, type RunFolder } from '../run/run-folder.js';
import { scanTaskEvidence, type EvidenceIndex } from '../run/task-evidence.js';

export interface ClaimedFolder {
  readonly files: RunFolder;
  /** What a run that is continued has recorded; null for a new one. */
  readonly earlier: JournalContent | null;
  readonly evidenced: EvidenceIndex | null;
}

/**
 * Looks whether a run can be written there, without making the folder.
 *
 * @param isResumed Whether the run in it goes on.
 * @throws {DataError}    If it cannot be written.
 * @throws {JournalError} If it holds a run that is not to be continued, or one that cannot be.
 */
export async function claimFolder(path: string, isResumed: boolean): Promise<ClaimedFolder> {
  const files = runFolder(path);
  await assertWritable(path);
  if (isResumed) {
    return {
      files,
      earlier: await readJournal(files.journal),
      evidenced: await scanTaskEvidence(files.tasks),
    };
  }
  if (existsSync(files.journal)) {
    throw new JournalError(`${path}: holds a run already`, [
      'continue it with --resume, or choose another folder with --out',
    ]);
  }
  return { files, earlier: null, evidenced: null };
}
