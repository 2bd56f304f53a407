/**
 * @file `llava-eval gate`: is a run worse than its baseline? And `--update`: make a run the baseline.
 */

import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { DataError, EXIT, messageOf, UsageError, type ExitCode } from '../../domain/errors.js';
import { baselineOf, baselineSide, readBaseline, runSide, writeBaseline } from '../../gate/baseline.js';
import { checkRun } from '../../gate/check.js';
import { assertComparable } from '../../gate/compatible.js';
import { gateCases, renderGate, renderGateComment, renderGateMarkdown } from '../../gate/render.js';
import { gateResult, INCONCLUSIVE_MODES, type InconclusiveMode } from '../../gate/result.js';
import { DEFAULT_RULES, readRules } from '../../gate/rules.js';
import { renderJUnit } from '../../report/documents/junit.js';
import { writeAtomically } from '../../files/atomic-file.js';
import { isSameHardware } from '../../run/environment.js';
import { readFinishedRun, type FinishedRun } from '../../run/finished-run.js';
import { makeFolder } from '../../run/run-folder.js';
import { oneOf } from '../flags/options.js';
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
    .action(async (path: string, flags: GateFlags) => {
      const run = await readFinishedRun(path);
      const baselinePath = flags.baseline ?? defaultBaseline(run.run.spec.dataset.id);
      if (flags.update === true) await update(run, baselinePath, flags, shell);
      else if (flags.reason !== undefined) throw new UsageError('--reason belongs to --update');
      else shell.exit(await judge(run, baselinePath, flags, shell));
    });
}

async function update(run: FinishedRun, path: string, { reason }: GateFlags, shell: Shell): Promise<void> {
  if (reason === undefined || reason.trim() === '') {
    throw new UsageError('--update needs --reason: a baseline changes on purpose', [
      'the reason is kept in the baseline and shown beside every verdict',
    ]);
  }
  const before = existsSync(path) ? await readBaseline(path).catch(() => null) : null;
  const baseline = baselineOf(run, reason.trim(), shell.wallClock());
  await makeFolder(dirname(path));
  await writeBaseline(path, baseline);
  const replaced =
    before === null ? '' : `\nit replaces the one of ${before.updatedAt.slice(0, 10)}: ${before.reason}`;
  const scored = baseline.outcomes.length;
  shell.stdout.write(
    `${path}: ${baseline.tasks.ids.length} tasks under ${scored} configurations${replaced}\ncommit it to hold later runs to it\n`,
  );
  const failed = baseline.outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  if (failed > 0) shell.stderr.write(`${failed} tasks of this run failed; later runs may fail as many\n`);
  shell.exit(EXIT.done);
}

async function judge(run: FinishedRun, path: string, flags: GateFlags, shell: Shell): Promise<ExitCode> {
  const rules = flags.rules === undefined ? DEFAULT_RULES : await readRules(flags.rules);
  const baseline = await readBaseline(path);
  const changes = assertComparable(run, baseline, path, flags.allowFingerprintChange === true);
  const isAlike = isSameHardware(baseline.run.hardware, run.run.hardware);
  const result = gateResult({
    checks: checkRun(baselineSide(baseline), runSide(run), rules, isAlike),
    mode: flags.inconclusive,
    run: { path: run.path, fingerprint: run.run.fingerprint },
    ...{ baseline, baselinePath: path, changes, isSameHardware: isAlike, now: shell.wallClock() },
  });
  if (flags.junit !== undefined) {
    const suite = { name: result.headline, timestamp: run.run.startedAt, cases: gateCases(result) };
    await writeAtomically(flags.junit, renderJUnit('llava-eval gate', [suite]));
  }
  if (flags.markdown !== undefined) await writeAtomically(flags.markdown, renderGateComment(result));
  await appendStepSummary(renderGateMarkdown(result));
  shell.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : renderGate(result));
  return result.exitCode;
}

/** GitHub shows what is appended to this file on the page of the job. */
async function appendStepSummary(markdown: string): Promise<void> {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (file === undefined || file === '') return;
  try {
    await appendFile(file, `${markdown}\n`, 'utf8');
  } catch (error) {
    throw new DataError(
      `${file}: cannot be written: ${messageOf(error)}`,
      ['it is the value of $GITHUB_STEP_SUMMARY; unset it to do without'],
      { cause: error },
    );
  }
}

function defaultBaseline(dataset: string): string {
  const name = dataset.replace(/[^\w.-]+/g, '-').replace(/^[.-]+/, '') || 'run';
  return join('results', 'baselines', `${name}.json`);
}
