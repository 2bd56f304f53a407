/**
 * @file The program: its commands, and how a failure becomes a message and an exit code.
 */

import { Command, CommanderError } from 'commander';
import { EXIT } from '../domain/errors.js';
import { defaultCacheDir } from '../files/cache-dir.js';
import { PACKAGE } from '../run/environment.js';
import { registerDatasets } from './commands/datasets.js';
import { registerDoctor } from './commands/doctor.js';
import { registerCompare } from './commands/compare.js';
import { registerGate } from './commands/gate.js';
import { registerMerge } from './commands/merge.js';
import { registerModels } from './commands/models.js';
import { registerProbe } from './commands/probe.js';
import { registerReport } from './commands/report.js';
import { registerRetrieve } from './commands/retrieve.js';
import { registerRun } from './commands/run.js';
import { registerScore } from './commands/score.js';
import { registerTrain } from './commands/train.js';
import { loadNamedPlugins } from './plugins.js';
import { describeFailure } from './terminal/failure.js';
import type { Shell } from './terminal/shell.js';

/** The program with all its commands. */
export function createProgram(shell: Shell): Command {
  const program = new Command('llava-eval')
    .description(
      'Line completion with code from other files: what does compressing it into soft tokens cost in quality ' +
        'and save in latency, against putting it in the prompt and against leaving it out?',
    )
    .version(PACKAGE.version)
    .showHelpAfterError('(llava-eval <command> --help lists the options)')
    .exitOverride();
  registerRun(program, shell);
  registerReport(program, shell);
  registerMerge(program, shell);
  registerGate(program, shell);
  registerCompare(program, shell);
  registerScore(program, shell);
  registerRetrieve(program, shell);
  registerDatasets(program, shell);
  registerModels(program, shell);
  registerTrain(program, shell);
  registerProbe(program, shell);
  registerDoctor(program, shell);
  for (const command of program.commands) command.exitOverride();
  return program;
}

/**
 * Runs one command line. What goes wrong becomes a message on stderr and an exit code.
 *
 * @param argv As `process.argv` has it: two words, then the command line.
 */
export async function main(argv: readonly string[], shell: Shell): Promise<void> {
  try {
    await loadNamedPlugins(argv.slice(2));
    await createProgram(shell).parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      // commander has printed its message already; help and version end with 0.
      shell.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage);
      return;
    }
    const { text, exitCode } = describeFailure(error, defaultCacheDir());
    shell.stderr.write(text);
    shell.exit(exitCode);
  }
}
