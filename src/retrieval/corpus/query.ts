/**
 * @file What is asked of a retriever for one task.
 *
 * Source: `last_n_lines`, `left_last_and_right_first` and `groundtruth` of CrossCodeEval and
 * Repoformer; `BaselineWindowMaker` and `GroundTruthWindowMaker` of RepoCoder.
 */

import type { CompletionTask } from '../../domain/task.js';
import { nonBlankLines, splitLines } from '../../domain/text.js';
import type { QueryRule } from './rules.js';

/** What retrieval knows of a task. The reference is for queries that say that they leak. */
export type RetrievalTask = Pick<CompletionTask, 'path' | 'prefix' | 'reference' | 'suffix' | 'lines'>;

/**
 * The query text of a task, lines joined by "\n".
 *
 * A last line of indentation alone is blank and does not count. An empty prefix gives "" unless the
 * rule looks at more than the prefix.
 *
 * @param file Text of the task's file; null where it is not known. Rules that take whole lines of the file take them
 *             from there if the task says where it lies, as RepoCoder does. Else they take them from the task's text.
 */
export function queryText(task: RetrievalTask, rule: QueryRule, file: string | null): string {
  const { prefix, reference, suffix } = task;
  switch (rule.kind) {
    case 'non-blank-before':
      return lastOf(nonBlankLines(prefix), rule.lines).join('\n');
    case 'non-blank-with-reference':
      return lastOf([...nonBlankLines(prefix), ...nonBlankLines(reference)], rule.lines).join('\n');
    case 'non-blank-around':
      return [
        ...lastOf(nonBlankLines(prefix), rule.before),
        ...nonBlankLines(suffix).slice(0, rule.after),
      ].join('\n');
    case 'lines-before':
      return linesAround(task, rule.lines, 0, file).join('\n');
    case 'lines-around':
      return linesAround(task, rule.before, rule.after, file).join('\n');
  }
}

/** Whole lines before the hole's line, none from before the prompt, and so many from the hole's line on. */
function linesAround(
  { lines: place, prefix, reference, suffix }: RetrievalTask,
  before: number,
  after: number,
  file: string | null,
): readonly string[] {
  if (place !== undefined && file !== null) {
    return splitLines(file).slice(Math.max(place.start, place.hole - before), place.hole + after);
  }
  const cut = cutAtHole(prefix);
  const behind = after === 0 ? [] : splitLines(cut.started + reference + suffix).slice(0, after);
  return [...lastOf(cut.before, before), ...behind];
}

/** The whole lines of a prefix, and the beginning of the hole's own line: its indentation, as a rule. */
function cutAtHole(prefix: string): { before: string[]; started: string } {
  const lines = splitLines(`${prefix}|`);
  // The bar is not part of any line end, so it keeps the last line, empty or not, to be taken off.
  const last = lines.pop()!;
  return { before: lines, started: last.slice(0, -1) };
}

function lastOf(lines: readonly string[], count: number): readonly string[] {
  return count === 0 ? [] : lines.slice(-count);
}
