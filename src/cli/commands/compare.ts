/**
 * @file `llava-eval compare`: two or more runs of the same tasks against the first of them.
 */

import type { Command } from 'commander';
import { EXIT, UsageError } from '../../domain/errors.js';
import { describeChange, specChanges } from '../../gate/compatible.js';
import { COMPARE_SCHEMA, compareRuns, renderRunComparison } from '../../report/compare/compare.js';
import { readFinishedRun, type FinishedRun } from '../../run/finished-run.js';
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
    .action(async (paths: string[], flags: { readonly json?: true }) => {
      if (paths.length < 2)
        throw new UsageError('compare needs two runs or more', [
          'the first is what the others are set against',
        ]);
      if (new Set(paths).size < paths.length) throw new UsageError('a run folder was given twice');
      const runs: FinishedRun[] = [];
      for (const path of paths) runs.push(await readFinishedRun(path));
      const [base, ...others] = runs;
      const results = compareRuns(runs).map((comparison, i) => ({
        ...comparison,
        changes: specChanges(base!.run.spec, others[i]!.run.spec).map(describeChange),
      }));
      shell.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ schema: COMPARE_SCHEMA, base: base!.path, runs: results })}\n`
          : results.map((result) => renderRunComparison(result, result.changes)).join('\n'),
      );
      shell.exit(EXIT.done);
    });
}
