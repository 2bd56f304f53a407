/**
 * @file `llava-eval run`: flags to a request, events to progress, an outcome to text and exit code.
 */

import type { Command } from 'commander';
import { measureLatencies, type LatencyOutcome } from '../../comparison/measure-latencies.js';
import { runComparison, type ComparisonOutcome } from '../../comparison/run-comparison.js';
import { EXIT, type ExitCode } from '../../domain/errors.js';
import { renderLatencyTable } from '../../report/terminal/latency-report.js';
import { wrapped } from '../../report/format.js';
import { describeNothingFound, isWithoutRetrieval, nothingFound } from '../../report/numbers/found.js';
import { renderTable } from '../../report/terminal/table.js';
import { describeResources } from '../../run/phases.js';
import { shardText } from '../../run/shard.js';
import { readConfigFile } from '../flags/config-file.js';
import { addRunFlags } from '../flags/run-flags.js';
import { runCommand, type RunCommand, type RunOutput } from '../flags/run-options.js';
import { columnsOf } from '../terminal/columns.js';
import type { Progress } from '../terminal/progress.js';
import { commandToContinue } from '../terminal/invocation.js';
import type { Shell } from '../terminal/shell.js';
import { progressOf, surroundingsOf } from '../terminal/surroundings.js';

/** Registers the command. */
export function registerRun(program: Command, shell: Shell): void {
  const command = program
    .command('run')
    .summary('run the comparison, write a run folder, print the table')
    .description(
      'Answers each task with every pipeline and retriever on one decoder and device, and reports Exact Match, ' +
        'Edit Similarity and time to first token. Results go to stdout, progress and notes to stderr.',
    );
  addRunFlags(command).action(async ({ config, ...flags }: Record<string, unknown>) => {
    const file = await readConfigFile(typeof config === 'string' ? config : undefined);
    const asked = runCommand(flags, file.options);
    const progress = progressOf(asked.output, shell);
    if (file.path !== null)
      progress.note(`settings of ${file.path}: ${Object.keys(file.options).join(', ')}`);
    shell.exit(await carryOut(asked, progress, shell));
  });
}

async function carryOut(asked: RunCommand, progress: Progress, shell: Shell): Promise<ExitCode> {
  const surroundings = surroundingsOf(shell, progress);
  switch (asked.kind) {
    case 'comparison':
      return showComparison(await runComparison(asked.request, surroundings), asked, progress, shell);
    case 'latency':
      return showLatencies(
        await measureLatencies(asked.request, surroundings),
        asked.output,
        progress,
        shell,
      );
  }
}

function showComparison(
  outcome: ComparisonOutcome,
  { request, output }: Extract<RunCommand, { kind: 'comparison' }>,
  progress: Progress,
  shell: Shell,
): ExitCode {
  if (outcome.kind === 'interrupted') {
    progress.note(interruption(outcome, shell));
    return EXIT.interrupted;
  }
  if (outcome.kind === 'empty') {
    const { index, count } = outcome.shard;
    progress.note(
      `shard ${index} of ${count} holds no task: there is nothing to do, and merge does not need it`,
    );
    return EXIT.done;
  }
  const { run, summary, folder } = outcome;
  shell.stdout.write(
    output.json === true
      ? `${JSON.stringify(summary)}\n`
      : renderTable(summary, run.deviceProof, columnsOf(shell.stdout)),
  );
  // A run that scored nothing has no result that anybody should take for one.
  const isWithoutScores = summary.rows.every((row) => row.tasks.scored === 0);
  const hasFailures = isWithoutScores || summary.rows.some((row) => row.tasks.failed > 0);
  const unscored = unscoredLines(outcome, isWithoutScores);
  if (outcome.wasFinished) {
    progress.note(`\n${folder}: was finished ${run.finishedAt ?? ''}; nothing was left to do`);
    for (const line of unscored) progress.note(`  ${line}`);
    // A scheduler would start the shard again and again for tasks that have failed for good.
    return hasFailures && request.shard !== 'auto' ? EXIT.someTasksFailed : EXIT.done;
  }
  const width = Math.min(columnsOf(shell.stderr), 80);
  const remarks = [
    ...unscored,
    'report.html there shows the numbers and every task',
    ...(run.resources === null ? [] : [describeResources(run.resources)]),
  ];
  progress.note(
    [
      '',
      ...wrapped(`${describeTasks(outcome)}; everything is in ${folder}`, width),
      ...remarks.flatMap((remark) => wrapped(remark, width - 2).map((line) => `  ${line}`)),
    ].join('\n'),
  );
  const isEmpty = isWithoutRetrieval(summary.rows);
  if (isEmpty) {
    progress.note(
      `${describeNothingFound(nothingFound(summary.rows, summary.spec.topK))}:\n  this run says nothing about retrieval`,
    );
  }
  return hasFailures || isEmpty ? EXIT.someTasksFailed : EXIT.done;
}

/** What has no score and why, in lines; none if everything has one. */
function unscoredLines(
  { skipped, summary }: Extract<ComparisonOutcome, { kind: 'finished' }>,
  isWithoutScores: boolean,
): string[] {
  const failed = summary.rows.reduce((sum, row) => sum + row.tasks.failed, 0);
  const total = summary.rows.reduce((sum, row) => sum + row.tasks.total, 0);
  const parts = [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped['prompt-too-long'] === 0
      ? []
      : [`${skipped['prompt-too-long']} were skipped since the prompt is too long for the decoder`]),
    ...(skipped['no-reference'] === 0
      ? []
      : [`${skipped['no-reference']} were skipped since the metric has no value for the reference`]),
  ];
  return [
    ...(parts.length === 0 ? [] : [`of ${total} records ${parts.join(', ')}`]),
    ...(isWithoutScores ? ['nothing was scored, so this run shows nothing'] : []),
  ];
}

function interruption(
  { folder, records, shard }: Extract<ComparisonOutcome, { kind: 'interrupted' }>,
  { invocation }: Shell,
): string {
  if (folder === null) return 'interrupted before the first task; nothing was written';
  return (
    `interrupted: ${records.kept} of ${records.expected} records are kept in ${folder}\n` +
    `  go on with: ${commandToContinue(invocation, folder, shard)}`
  );
}

function describeTasks({ run, tasks }: Extract<ComparisonOutcome, { kind: 'finished' }>): string {
  const part = `${tasks.run} of ${tasks.dataset} tasks of ${run.spec.dataset.id}`;
  if (run.shard !== null) return `shard ${shardText(run.shard)}: ${part}`;
  return tasks.run < tasks.dataset ? `${part} (--limit all for every one)` : part;
}

function showLatencies(
  outcome: LatencyOutcome,
  output: RunOutput,
  progress: Progress,
  shell: Shell,
): ExitCode {
  if (outcome.kind === 'interrupted') {
    const { kept, expected } = outcome.rounds;
    progress.note(
      `interrupted: ${kept} of ${expected} rounds are kept in ${outcome.folder}\n` +
        '  a measurement without tasks is not continued; start it again with another --out',
    );
    return EXIT.interrupted;
  }
  const { run, summary, folder } = outcome;
  shell.stdout.write(
    output.json === true
      ? `${JSON.stringify(summary)}\n`
      : renderLatencyTable(run, summary, columnsOf(shell.stdout)),
  );
  progress.note(`\neverything is in ${folder}: latency.json has every sample`);
  return EXIT.done;
}
