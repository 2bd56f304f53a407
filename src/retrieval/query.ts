/**
 * @file What is asked of a retriever for one task.
 */

import type { CompletionTask } from '../domain/task.js';
import { nonBlankLines } from '../domain/text.js';
import type { RetrievalProfile } from './profile.js';

/**
 * The last non-blank lines of the prefix, joined by "\n"; nothing of the hole or of what follows.
 * A last line of indentation alone is blank and does not count. An empty prefix gives "".
 *
 * Source: `last_n_lines` of CrossCodeEval and Repoformer.
 */
export function lastLinesQuery(task: Pick<CompletionTask, 'prefix'>, profile: RetrievalProfile): string {
  return nonBlankLines(task.prefix).slice(-profile.queryLines).join('\n');
}
