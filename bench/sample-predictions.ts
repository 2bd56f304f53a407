/**
 * @file Predictions such as decoders leave, for benchmarks of scoring: lines of this project's own source
 * as holes, and for each the line or another one with some edits, and the lines that follow it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRng } from '../src/tensor/rng.js';

/** About 50 tokens. */
const PREDICTION_CHARACTERS = 180;

const SRC = fileURLToPath(new URL('../src', import.meta.url));

export interface SamplePrediction {
  readonly file: string;
  readonly lines: readonly string[];
  /** Index of the hole's line. */
  readonly hole: number;
  readonly completion: string;
}

/** So many of them; the same for the same seed and source. */
export function samplePredictions(count: number, seed: number): SamplePrediction[] {
  const rng = createRng(seed);
  const holes = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((file) => {
      const lines = readFileSync(join(SRC, file), 'utf8').split('\n');
      return lines.flatMap((line, hole) => (line.trim().length > 8 ? [{ file, lines, hole }] : []));
    });

  /** Replaces some characters; about one prediction in four stays exact. */
  const edited = (line: string): string => {
    const characters = Array.from(line);
    for (let edits = rng.int(4) * rng.int(4); edits > 0; edits--) {
      characters[rng.int(characters.length)] = 'abcdefxyz_.(,'[rng.int(13)]!;
    }
    return characters.join('');
  };

  return Array.from({ length: count }, () => {
    const place = holes[rng.int(holes.length)]!;
    const { lines, hole } = place;
    const other = holes[rng.int(holes.length)]!;
    const first = rng.int(3) === 0 ? other.lines[other.hole]!.trim() : edited(lines[hole]!.trim());
    const completion = [first, ...lines.slice(hole + 1, hole + 8)].join('\n').slice(0, PREDICTION_CHARACTERS);
    return { ...place, completion };
  });
}
