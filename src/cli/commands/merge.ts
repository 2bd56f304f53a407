/**
 * @file `llava-eval merge`: the run folders of shards to one run folder, and its table.
 */

import type { Command } from 'commander';
import { mergeRuns } from '../../comparison/merge.js';
import { EXIT } from '../../domain/errors.js';
import { renderTable } from '../../report/terminal/table.js';
import { columnsOf } from '../terminal/columns.js';
import type { Shell } from '../terminal/shell.js';

/** Registers the command. */
export function registerMerge(program: Command, shell: Shell): void {
  program
    .command('merge')
    .summary('join the run folders of shards')
    .description(
      'Joins the run folders of all shards of one run into one, which must be disjoint and complete.',
    )
    .argument('<runs...>', 'run folders of the shards')
    .requiredOption('--out <dir>', 'run folder to make')
    .action(async (paths: string[], { out }: { readonly out: string }) => {
      const { run, summary } = await mergeRuns(paths, out);
      shell.stdout.write(renderTable(summary, run.deviceProof, columnsOf(shell.stdout)));
      shell.exit(EXIT.done);
    });
}
