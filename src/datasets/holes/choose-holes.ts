/**
 * @file Chooses holes among candidate lines: random, spread over files, never close together.
 *
 * Pure and seeded. It sees lines and marks, never what a model answers.
 */

import { createRng } from '../../tensor/rng.js';
import { goRound } from '../even-sample.js';
import type { CandidateLine } from '../languages/lines/language.js';

/** Holes of one file are at least this many lines apart. */
export const FEWEST_LINES_APART = 5;

/**
 * Chooses up to `count` holes, half of them cross-file.
 *
 * Half, because the question is what context from other files is worth: with their natural share,
 * about a quarter, most holes would say nothing about it. Where one half runs short, the other
 * fills up.
 *
 * Candidates are visited in random order. One is taken unless its file is full, a hole of its file is
 * nearer than `FEWEST_LINES_APART` lines, or a hole with the same text exists. A file is full with
 * twice its equal share of `count` (and never below 4); where that leaves too few holes the limit is
 * doubled and the rest of the candidates visited again, until the number or the end is reached.
 *
 * @returns Cross-file holes and others in turn, each in the order of choice: every beginning is a
 *          balanced random sample.
 *
 * @example
 * chooseHoles(candidates, 200, 7).length; // 200, or fewer if the repository is small
 */
export function chooseHoles(
  candidates: readonly CandidateLine[],
  count: number,
  seed: number,
): CandidateLine[] {
  const linesOfFile = new Map<string, number[]>();
  for (const { path } of candidates) linesOfFile.set(path, []);
  const firstLimit = Math.max(4, Math.ceil((2 * count) / Math.max(1, linesOfFile.size)));
  const texts = new Set<string>();

  const take = (among: readonly CandidateLine[], wanted: number): CandidateLine[] => {
    const taken: CandidateLine[] = [];
    let waiting = among;
    for (let limit = firstLimit; taken.length < wanted && waiting.length > 0; limit *= 2) {
      const ofFullFiles: CandidateLine[] = [];
      for (const candidate of waiting) {
        if (taken.length === wanted) break;
        const lines = linesOfFile.get(candidate.path)!;
        const isNear = lines.some((line) => Math.abs(line - candidate.line) < FEWEST_LINES_APART);
        if (isNear || texts.has(candidate.text)) continue;
        if (lines.length >= limit) {
          ofFullFiles.push(candidate);
          continue;
        }
        lines.push(candidate.line);
        texts.add(candidate.text);
        taken.push(candidate);
      }
      waiting = ofFullFiles;
    }
    return taken;
  };

  const shuffled = createRng(seed).shuffle(candidates);
  const crossFileCandidates = shuffled.filter((candidate) => candidate.crossFile);
  // The scarcer kind first, before the other takes the lines near it.
  const crossFile = take(crossFileCandidates, Math.ceil(count / 2));
  const others = take(
    shuffled.filter((candidate) => !candidate.crossFile),
    count - crossFile.length,
  );
  crossFile.push(...take(crossFileCandidates, count - crossFile.length - others.length));
  return goRound([crossFile, others]);
}
