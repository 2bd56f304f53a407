/**
 * @file `metrics.jsonl`: a line a step and a line a validation, for curves and for other programs.
 *
 * Lines of steps behind the checkpoint that a training goes on from are taken out: those steps are taken again.
 */

import { existsSync } from 'node:fs';
import { z } from 'zod';
import { writeLinesAtomically } from '../../files/atomic-file.js';
import { LineWriter, readWholeLines } from '../../files/line-file.js';
import { validationSchema, type Position } from './checkpoint.js';

const place = { stage: z.string(), stageIndex: z.int(), step: z.int(), samples: z.int() };
const lineSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('step'),
    ...place,
    rate: z.number(),
    gradientNorm: z.number(),
    /** Unweighted, by name. */
    losses: z.record(z.string(), z.number()),
    ms: z.number(),
  }),
  z.strictObject({
    kind: z.literal('validation'),
    ...place,
    isBest: z.boolean(),
    criterion: z.strictObject({ name: z.string(), value: z.number() }),
    validation: validationSchema,
  }),
]);

export type MetricsLine = z.infer<typeof lineSchema>;

const REPAIR = 'remove the line; it is only drawn';

/** Reads all lines. @throws {JournalError} With file and line, if one is damaged. */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const lines: MetricsLine[] = [];
  await readWholeLines(path, REPAIR, (value) => {
    lines.push(lineSchema.parse(value));
  });
  return lines;
}

/** Opens the file behind a position, or begins it. The caller closes it. */
export async function openMetrics(path: string, position: Position): Promise<LineWriter> {
  if (!existsSync(path)) return LineWriter.replace(path);
  const kept = (await readMetrics(path)).filter((line) => isBefore(line, position));
  await writeLinesAtomically(
    path,
    kept.map((line) => JSON.stringify(line)),
  );
  const { wholeBytes } = await readWholeLines(path, REPAIR, () => undefined);
  return LineWriter.reopen(path, { wholeBytes });
}

/** Whether a line tells of something that the position has behind it. */
function isBefore({ kind, stageIndex, step }: MetricsLine, position: Position): boolean {
  if (stageIndex !== position.stage) return stageIndex < position.stage;
  return step <= (kind === 'step' ? position.step : (position.validatedAt ?? -1));
}
