/**
 * @file `llava-eval doctor`: what this machine can run, and what is missing for the rest.
 */

import type { Command } from 'commander';
import { canRun, examineMachine } from '../../comparison/doctor.js';
import { EXIT } from '../../domain/errors.js';
import { renderMachine } from '../terminal/machine-text.js';
import type { Shell } from '../terminal/shell.js';

/** Registers the command. */
export function registerDoctor(program: Command, shell: Shell): void {
  program
    .command('doctor')
    .summary('what this machine can run, and what is missing for the rest')
    .option(
      '--bench',
      'measure how much of the matrix product the embedded decoder gets, on the CPU: half a minute',
    )
    .option('--json', 'print one JSON object')
    .action(async ({ bench, json }: { readonly bench?: true; readonly json?: true }) => {
      const report = await examineMachine(bench === true ? shell.clock : null);
      shell.stdout.write(json === true ? `${JSON.stringify(report)}\n` : renderMachine(report));
      shell.exit(canRun(report) ? EXIT.done : EXIT.unusable);
    });
}
