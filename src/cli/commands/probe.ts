/**
 * @file `llava-eval probe`: flags to a request, events to progress, an outcome to text and exit code.
 */

import type { Command } from 'commander';
import { probeCompressor } from '../../comparison/probe.js';
import { probeRequestSchema, type ProbeRequest } from '../../comparison/probe-request.js';
import { EXIT, type ExitCode } from '../../domain/errors.js';
import { renderProbeTable } from '../../report/probe/terminal.js';
import { addProbeFlags } from '../flags/run-flags.js';
import { columnsOf } from '../terminal/columns.js';
import type { Shell } from '../terminal/shell.js';
import { progressOf, surroundingsOf } from '../terminal/surroundings.js';

/** What the command shows of it. */
interface Output {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Registers the command. */
export function registerProbe(program: Command, shell: Shell): void {
  const command = program
    .command('probe')
    .summary('what the soft tokens of a compressor are: collapse, smoothness, names they carry')
    .description(
      'Measures the soft tokens of the chunks that the tasks’ retriever finds: whether they have collapsed, what moving ' +
        'them does to the completions, and which names of a chunk they carry. Writes probe.json, probe.md and probe.html.',
    );
  addProbeFlags(command).action(
    async ({ json, quiet, plugin, ...flags }: Output & Record<string, unknown>) => {
      // Commander has parsed each flag already; an absent one is undefined.
      const request = probeRequestSchema.parse({ ...flags, plugins: plugin });
      shell.exit(await probe(request, { json, quiet }, shell));
    },
  );
}

async function probe(request: ProbeRequest, { json, quiet }: Output, shell: Shell): Promise<ExitCode> {
  const progress = progressOf({ quiet }, shell);
  const outcome = await probeCompressor(request, surroundingsOf(shell, progress));
  if (outcome.kind === 'interrupted') {
    progress.note('interrupted; nothing was written');
    return EXIT.interrupted;
  }
  shell.stdout.write(
    json === true
      ? `${JSON.stringify(outcome.probe)}\n`
      : renderProbeTable(outcome.probe, columnsOf(shell.stdout)),
  );
  progress.note(`everything is in ${outcome.folder}: probe.html shows the charts`);
  return EXIT.done;
}
