/**
 * @file Runs a decoder under the runtime's profiler and prints which provider ran which nodes, as one line of
 * JSON. Started by `device-proof.ts`.
 *
 * Argument: the source of the decoder and the options to open it with, as JSON.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { messageOf } from '../../../domain/errors.js';
import { tokenId } from '../../../domain/units.js';
import { DEVICES, DTYPES } from '../../../inference/device.js';
import { SYNTHETIC_NAMES } from '../../architecture/synthetic.js';
import { openSource, stagesOf } from './device-proof.js';
import { profiledRuns } from './profile.js';

/** Enough positions for a real prompt. Their number does not decide which kernels run. */
const PROMPT = 32;

const requestSchema = z.object({
  source: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('files'), path: z.string() }),
    z.object({ kind: z.literal('synthetic'), shape: z.enum(SYNTHETIC_NAMES) }),
  ]),
  options: z.object({
    device: z.enum(DEVICES),
    dtype: z.enum(DTYPES),
    threads: z.int().positive(),
    cacheDir: z.string().optional(),
  }),
});

async function profile({ source, options }: z.infer<typeof requestSchema>): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'llava-eval-proof-'));
  try {
    const { cacheDir, ...rest } = options;
    const notes: string[] = [];
    const decoder = await openSource(source, {
      ...rest,
      ...(cacheDir === undefined ? {} : { cacheDir }),
      profilePrefix: join(folder, 'profile'),
      onNote: (note) => notes.push(note),
    });
    const ids = Array.from({ length: PROMPT }, (_, i) => tokenId(i % decoder.vocabularySize));
    const { token, cache } = await decoder.prefill(decoder.embed(ids));
    (await decoder.decode(token, cache)).cache.dispose();
    decoder.endProfiling();
    await decoder.dispose();
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error('the runtime wrote no profile');
    const runs = profiledRuns(readFileSync(join(folder, file), 'utf8'));
    return { stages: stagesOf(options.device, runs), notes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

let line: string;
try {
  line = JSON.stringify(await profile(requestSchema.parse(JSON.parse(process.argv[2] ?? ''))));
} catch (error) {
  line = JSON.stringify({ error: messageOf(error) });
}
process.stdout.write(`${line}\n`);
