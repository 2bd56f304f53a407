/**
 * @file Entry of the executable: the command line and the process, nothing else.
 */

import { EXIT, messageOf } from '../domain/errors.js';
import { defaultCacheDir } from '../files/cache-dir.js';
import { describeFailure } from './terminal/failure.js';
import { guardOutput } from './terminal/output.js';

// Node would end with 1, which means "gate failed", on what is thrown outside of the command.
process.on('uncaughtException', (error) => {
  const { text, exitCode } = describeFailure(error, defaultCacheDir());
  process.stderr.write(text);
  process.exit(exitCode);
});

let isOutputLost = false;
guardOutput(process.stdout, (error) => {
  isOutputLost = true;
  process.stderr.write(`llava-eval: the result cannot be written to standard output: ${messageOf(error)}\n`);
});
guardOutput(process.stderr, () => undefined);
// A result that nobody can read is no result, whatever the command says at its end.
process.on('exit', () => {
  if (isOutputLost) process.exitCode = EXIT.unusable;
});

// Loaded on demand, so that a file missing in the installation is told in the same way.
const { main } = await import('./main.js');
const { processShell } = await import('./terminal/shell.js');
await main(process.argv, processShell());
