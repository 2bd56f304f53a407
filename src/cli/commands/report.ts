/**
 * @file `llava-eval report`: flags to a request, an outcome to text and exit code.
 */

import type { Command } from 'commander';
import { reportRun, type ReportOutcome } from '../../comparison/report.js';
import { EXIT } from '../../domain/errors.js';
import { DEFAULT_FORMATS, REPORT_FORMATS, type ReportFormat } from '../../report/publish/publish.js';
import { renderLatencyTable } from '../../report/terminal/latency-report.js';
import { renderTable } from '../../report/terminal/table.js';
import { limit, listOf } from '../flags/options.js';
import { columnsOf } from '../terminal/columns.js';
import type { Shell } from '../terminal/shell.js';

interface ReportFlags {
  readonly json?: true;
  readonly format?: readonly ReportFormat[];
  readonly tasks?: number | 'all';
}

/** Registers the command. */
export function registerReport(program: Command, shell: Shell): void {
  program
    .command('report')
    .summary('rebuild the reports of a run folder')
    .description(
      'Writes summary.json, report.md with its charts, report.html and junit.xml of a run folder again, and ' +
        'prints the table. With --format csv or parquet it writes a row for each task and configuration, for ' +
        'pandas, R or DuckDB. The same folder gives the same bytes.',
    )
    .argument('<run>', 'run folder')
    .option(
      '--format <names>',
      `any of ${REPORT_FORMATS.join(', ')} (default: ${DEFAULT_FORMATS.join(', ')})`,
      listOf(REPORT_FORMATS),
    )
    .option('--tasks <n|all>', 'tasks whose prompts report.html holds (default: as many as fit 6 MB)', limit)
    .option('--json', 'print summary.json instead of the table')
    .action(async (path: string, { format, tasks, json }: ReportFlags) => {
      const outcome = await reportRun({
        path,
        ...(format === undefined ? {} : { formats: format }),
        ...(tasks === undefined ? {} : { tasks }),
      });
      if (outcome.kind === 'tasks' && outcome.run.finishedAt === null) {
        shell.stderr.write(
          `${path}: the run was not finished; its ${outcome.records} records are reported\n`,
        );
      }
      shell.stdout.write(
        json === true ? `${JSON.stringify(outcome.summary)}\n` : tableOf(outcome, columnsOf(shell.stdout)),
      );
      if (outcome.unwritten !== null) throw outcome.unwritten;
      shell.exit(EXIT.done);
    });
}

function tableOf(outcome: ReportOutcome, width: number): string {
  switch (outcome.kind) {
    case 'tasks':
      return renderTable(outcome.summary, outcome.run.deviceProof, width);
    case 'latency':
      return renderLatencyTable(outcome.run, outcome.summary, width);
  }
}
