/** @file The files of `test/golden/make-gguf.py`, and what they are expected to give. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { tokenId } from '../../../src/domain/units.js';

const GOLDEN = fileURLToPath(new URL('../../golden', import.meta.url));

export const ggufPath = (name: string): string => join(GOLDEN, 'gguf', name);

const ids = z.array(z.number().transform(tokenId));
const decoderCase = z.object({ ids, logits: z.array(z.number()), greedy: ids });
const read = (path: string): unknown => JSON.parse(readFileSync(join(GOLDEN, path), 'utf8'));

export const expected = z
  .object({
    decoder: z.object({ cases: z.array(decoderCase) }),
    strings: z.array(z.string()),
    /** Ids of each string by the name of the cutting into words. */
    bytes: z.record(z.string(), z.array(ids)),
    sentencePiece: z.object({ ids: z.array(ids) }),
  })
  .parse(read('gguf/expected.json'));

/** The decoders among the checkpoints that the GGUF files were made of, by name. */
export const checkpoints = new Map(
  z
    .array(z.looseObject({ name: z.string(), cases: z.array(decoderCase).optional() }))
    .parse(read('models/expected.json'))
    .flatMap(({ name, cases }) => (cases === undefined ? [] : [[name, cases] as const])),
);
