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
export type RetrievalTask = Pick<CompletionTask, 'path' | 'prefix' | 'reference' | 'suffix'>;

/**
 * The query text of a task, lines joined by "\n".
 *
 * A last line of indentation alone is blank and does not count. An empty prefix gives "" unless the
 * rule looks at more than the prefix.
 */
export function queryText({ prefix, reference, suffix }: RetrievalTask, rule: QueryRule): string {
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
      return lastOf(cutAtHole(prefix).before, rule.lines).join('\n');
    case 'lines-around': {
      const { before, started } = cutAtHole(prefix);
      const behind = splitLines(started + reference + suffix).slice(0, rule.after);
      return [...lastOf(before, rule.before), ...behind].join('\n');
    }
  }
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
