/**
 * @file `llava-eval compare`: run folders to a comparison, and the comparison to text.
 */

import type { Command } from 'commander';
import { compareFolders } from '../../comparison/compare.js';
import { EXIT } from '../../domain/errors.js';
import { renderRunComparison } from '../../report/compare/compare.js';
import { columnsOf } from '../terminal/columns.js';
import type { Shell } from '../terminal/shell.js';

/** Registers the command. */
export function registerCompare(program: Command, shell: Shell): void {
  program
    .command('compare')
    .summary('set runs of the same tasks against the first of them')
    .description(
      'Pairs the runs by task and says per configuration whether EM, ES and TTFT are better, worse or tied, with ' +
        'what differs in settings, models and versions. Tasks that only one run has are left out.',
    )
    .argument('<runs...>', 'run folders, the one to compare with first')
    .option('--json', 'print one JSON object')
    .action(async (paths: string[], { json }: { readonly json?: true }) => {
      const comparison = await compareFolders(paths);
      shell.stdout.write(
        json === true
          ? `${JSON.stringify(comparison)}\n`
          : comparison.runs
              .map((run) => renderRunComparison(run, run.changes, columnsOf(shell.stdout)))
              .join('\n'),
      );
      shell.exit(EXIT.done);
    });
}
