/**
 * @file `llava-eval doctor`: what this machine can run, and what is missing for the rest.
 */

import type { Command } from 'commander';
import { canRun, examineMachine } from '../../comparison/doctor.js';
import { examineServers, type ServersInQuestion } from '../../comparison/doctor-server.js';
import { EXIT, UsageError } from '../../domain/errors.js';
import { isServed } from '../../serving/address.js';
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
    .option('--decoder <vllm:URL>', 'also what a server, or several, can do that run a decoder')
    .option('--decoder-files <model>', 'with --decoder: the files of its model, to try prompts with')
    .option('--json', 'print one JSON object')
    .action(async ({ bench, json, decoder, decoderFiles }: DoctorFlags) => {
      const servers = serversInQuestion(decoder, decoderFiles);
      const machine = await examineMachine(bench === true ? shell.clock : null);
      const answers = servers === null ? [] : await examineServers(servers, shell.clock);
      const report = { ...machine, findings: [...machine.findings, ...answers] };
      shell.stdout.write(json === true ? `${JSON.stringify(report)}\n` : renderMachine(report));
      shell.exit(canRun(report) ? EXIT.done : EXIT.unusable);
    });
}

interface DoctorFlags {
  readonly bench?: true;
  readonly json?: true;
  readonly decoder?: string;
  readonly decoderFiles?: string;
}

/** @throws {UsageError} If the decoder is none behind a server, or its files are given without it. */
function serversInQuestion(
  decoder: string | undefined,
  decoderFiles: string | undefined,
): ServersInQuestion | null {
  if (decoder === undefined && decoderFiles === undefined) return null;
  if (decoder === undefined || !isServed(decoder)) {
    throw new UsageError('doctor asks servers alone: name one with --decoder vllm:URL', [
      'llava-eval models verify tries a decoder of this machine',
    ]);
  }
  return { decoder, decoderFiles };
}
