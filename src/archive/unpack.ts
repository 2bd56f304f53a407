/**
 * @file Unpacks an archive into a folder that is there completely or not at all.
 */

import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { removeAbandoned } from '../files/folder.js';
import type { ArchiveCounts } from './entry-check.js';
import { readArchive } from './read.js';
import type { ArchiveLimits } from './limits.js';

/**
 * Unpacks all regular files; the folder appears by one rename. An earlier folder of the name is replaced.
 *
 * @throws {DataError} If the archive is refused or damaged; nothing is kept then.
 */
export async function unpackArchive(
  file: string,
  folder: string,
  limits: ArchiveLimits,
): Promise<ArchiveCounts> {
  await mkdir(dirname(folder), { recursive: true });
  const temporary = `.${basename(folder)}-`;
  await removeAbandoned(dirname(folder), temporary);
  const work = await mkdtemp(join(dirname(folder), temporary));
  try {
    const counts = await readArchive({
      file,
      limits,
      isWanted: () => true,
      async onEntry({ path, content }) {
        const target = join(work, path);
        await mkdir(dirname(target), { recursive: true });
        // "wx": where upper and lower case are one, two entries could meet in one file.
        await pipeline(Readable.from(content), createWriteStream(target, { flags: 'wx' }));
      },
    });
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
    return counts;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
