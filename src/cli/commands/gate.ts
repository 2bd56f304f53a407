/**
 * @file `llava-eval gate`: a run to its verdict, and the verdict to the terminal, to files and to an exit code.
 */

import { appendFile } from 'node:fs/promises';
import type { Command } from 'commander';
import {
  judgeRun,
  requireReason,
  updateBaseline,
  type GateRequest,
  type Judgement,
  type UpdatedBaseline,
} from '../../comparison/gate.js';
import { DataError, EXIT, UsageError, type ExitCode } from '../../domain/errors.js';
import { writeAtomically } from '../../files/atomic-file.js';
import { notWritable } from '../../files/file-system-error.js';
import { gateCases, renderGate, renderGateComment, renderGateMarkdown } from '../../gate/render.js';
import { INCONCLUSIVE_MODES, type InconclusiveMode } from '../../gate/result.js';
import { renderJUnit } from '../../report/documents/junit.js';
import { oneOf } from '../flags/options.js';
import { columnsOf } from '../terminal/columns.js';
import type { Shell } from '../terminal/shell.js';

interface GateFlags {
  readonly baseline?: string;
  readonly rules?: string;
  readonly json?: true;
  readonly junit?: string;
  readonly markdown?: string;
  readonly update?: true;
  readonly reason?: string;
  readonly allowFingerprintChange?: true;
  readonly inconclusive: InconclusiveMode;
}

/** Registers the command. */
export function registerGate(program: Command, shell: Shell): void {
  program
    .command('gate')
    .summary('compare a run with a baseline; exit 1 on a regression')
    .description(
      'Holds a run to a committed baseline, task by task: EM and ES must not have dropped, TTFT ratios must not have ' +
        'grown, no task may newly fail. Three verdicts: passed, FAILED, and inconclusive where the run is too small to ' +
        'tell. Where $GITHUB_STEP_SUMMARY is set, the result is appended there too.',
    )
    .argument('<run>', 'run folder')
    .option('--baseline <file>', 'baseline (default: results/baselines/<dataset>.json)')
    .option('--rules <file>', 'rules in JSON (default: those of docs/gate.md)')
    .option('--update', 'make this run the baseline instead of judging it')
    .option('--reason <text>', 'with --update: why it is what later runs are held to')
    .option('--allow-fingerprint-change', 'judge a run made with other settings, models or versions')
    .option(
      '--inconclusive <how>',
      'exit code when inconclusive: pass (0), fail (1), exit-5 (5)',
      oneOf(INCONCLUSIVE_MODES),
      'pass',
    )
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write JUnit XML there')
    .option('--markdown <file>', 'write the body of a comment there, for one that is kept up to date')
    .action(async (run: string, flags: GateFlags) => {
      if (flags.update === true) {
        refuseFilesOfVerdict(flags);
        shell.exit(await update(run, flags, shell));
      } else {
        if (flags.reason !== undefined) throw new UsageError('--reason belongs to --update');
        shell.exit(await judge(run, flags, shell));
      }
    });
}

/**
 * A file of a verdict that was never given would show as a pass, and one that is missing breaks the next step of a CI
 * job. Flags that only say how a run is judged are no promise, so a job may keep them.
 *
 * @throws {UsageError} If a file of the verdict is asked for.
 */
function refuseFilesOfVerdict({ junit, markdown }: GateFlags): void {
  const asked = [
    ...(junit === undefined ? [] : ['--junit']),
    ...(markdown === undefined ? [] : ['--markdown']),
  ];
  if (asked.length === 0) return;
  throw new UsageError(`--update does not go with ${asked.join(' and ')}`, [
    'it makes the run the baseline and judges nothing, so there is no verdict to write',
    'judge the run against the new baseline by a second command, without --update',
  ]);
}

async function update(run: string, flags: GateFlags, shell: Shell): Promise<ExitCode> {
  const { baseline, reason, json } = flags;
  requireReason(reason);
  const updated = await updateBaseline({ run, baseline, reason }, shell.wallClock());
  shell.stdout.write(json === true ? `${JSON.stringify(updated)}\n` : describeUpdate(updated));
  if (updated.failed > 0) {
    shell.stderr.write(`${updated.failed} tasks of this run failed; later runs may fail as many\n`);
  }
  return EXIT.done;
}

function describeUpdate({ path, tasks, configurations, replaced }: UpdatedBaseline): string {
  const before =
    replaced === null
      ? ''
      : `\nit replaces the one of ${replaced.updatedAt.slice(0, 10)}: ${replaced.reason}`;
  return `${path}: ${tasks} tasks under ${configurations} configurations${before}\ncommit it to hold later runs to it\n`;
}

async function judge(run: string, flags: GateFlags, shell: Shell): Promise<ExitCode> {
  const { baseline, rules, inconclusive, allowFingerprintChange, json } = flags;
  const request: GateRequest = {
    ...{ run, baseline, rules, inconclusive },
    allowsFingerprintChange: allowFingerprintChange,
  };
  const judgement = await judgeRun(request, shell.wallClock());
  await writeVerdict(judgement, flags);
  const { result } = judgement;
  shell.stdout.write(
    json === true ? `${JSON.stringify(result)}\n` : renderGate(result, columnsOf(shell.stdout)),
  );
  return result.exitCode;
}

/** The verdict as files, and on the page of a GitHub job. */
async function writeVerdict({ result, runStartedAt }: Judgement, flags: GateFlags): Promise<void> {
  if (flags.junit !== undefined) {
    const suite = { name: result.headline, timestamp: runStartedAt, cases: gateCases(result) };
    await writeAtomically(flags.junit, renderJUnit('llava-eval gate', [suite]));
  }
  if (flags.markdown !== undefined) await writeAtomically(flags.markdown, renderGateComment(result));
  await appendStepSummary(renderGateMarkdown(result));
}

/** GitHub shows what is appended to this file on the page of the job. */
async function appendStepSummary(markdown: string): Promise<void> {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (file === undefined || file === '') return;
  try {
    await appendFile(file, `${markdown}\n`, 'utf8');
  } catch (error) {
    const { message, hints } = notWritable(file, error);
    throw new DataError(
      message,
      [...hints, 'it is the value of $GITHUB_STEP_SUMMARY; unset it to do without'],
      { cause: error },
    );
  }
}
