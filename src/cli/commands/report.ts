/**
 * @file `llava-eval report` and `llava-eval merge`: work on run folders that exist already.
 */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, JournalError, UsageError } from '../../domain/errors.js';
import { publishLatency } from '../../report/publish/latency-publish.js';
import { renderLatencyTable } from '../../report/terminal/latency-report.js';
import { publish, REPORT_FORMATS, type ReportFormat } from '../../report/publish/publish.js';
import { renderTable } from '../../report/terminal/table.js';
import { configurations } from '../../run/configurations.js';
import { JournalWriter, readJournal } from '../../run/journal.js';
import { readLatency } from '../../run/latency-json.js';
import { mergeShards, type ShardRun } from '../../run/merge.js';
import { assertWritable, makeFolder, runFolder, type RunFolder } from '../../run/run-folder.js';
import { readRunJson, writeRunJson } from '../../run/run-json.js';
import { EvidenceWriter, readTaskEvidence } from '../../run/task-evidence.js';
import { limit, listOf } from '../flags/options.js';
import type { Shell } from '../terminal/shell.js';

interface ReportFlags {
  readonly json?: true;
  readonly format?: readonly ReportFormat[];
  readonly tasks?: number | 'all';
}

/** Registers both commands. */
export function registerReport(program: Command, shell: Shell): void {
  program
    .command('report')
    .summary('rebuild the reports of a run folder')
    .description(
      'Writes summary.json, report.md with its charts, report.html and junit.xml of a run folder again, and ' +
        'prints the table. The same folder gives the same bytes.',
    )
    .argument('<run>', 'run folder')
    .option('--format <names>', `any of ${REPORT_FORMATS.join(', ')} (default: all)`, listOf(REPORT_FORMATS))
    .option('--tasks <n|all>', 'tasks whose prompts report.html holds (default: as many as fit 6 MB)', limit)
    .option('--json', 'print summary.json instead of the table')
    .action(async (path: string, flags: ReportFlags) => {
      const folder = runFolder(path);
      if (existsSync(folder.latency)) {
        await reportLatency(folder, flags, shell);
        return;
      }
      const { run, records } = await readRun(folder);
      const expected = configurations(run.spec).length;
      const tasks = new Set(records.map((record) => record.taskId)).size;
      if (run.finishedAt === null) {
        shell.stderr.write(`${path}: the run was not finished; its ${records.length} records are reported\n`);
      } else if (records.length !== tasks * expected) {
        throw new JournalError(`${folder.journal}: ${records.length} records for ${tasks} tasks`, [
          `each task has ${expected}; the journal was changed after the run`,
        ]);
      }
      const summary = await publish(folder, run, records, {
        ...(flags.format === undefined ? {} : { formats: flags.format }),
        ...(flags.tasks === undefined ? {} : { tasks: flags.tasks }),
      });
      shell.stdout.write(
        flags.json === true ? `${JSON.stringify(summary)}\n` : renderTable(summary, run.deviceProof),
      );
      shell.exit(EXIT.done);
    });

  program
    .command('merge')
    .summary('join the run folders of shards')
    .description(
      'Joins the run folders of all shards of one run into one, which must be disjoint and complete.',
    )
    .argument('<runs...>', 'run folders of the shards')
    .requiredOption('--out <dir>', 'run folder to make')
    .action(async (paths: string[], flags: { readonly out: string }) => {
      if (new Set(paths).size < paths.length) throw new UsageError('a run folder was given twice');
      await assertWritable(flags.out);
      const shards: ShardRun[] = [];
      for (const path of paths) shards.push({ path, ...(await readRun(runFolder(path))) });
      const { run, records, evidence } = mergeShards(shards);
      const folder = runFolder(flags.out);
      await makeFolder(folder.path);
      const journal = await JournalWriter.create(folder.journal, run.fingerprint);
      for (const record of records) await journal.append(record);
      await journal.close();
      const tasks = await EvidenceWriter.open(folder.tasks, null);
      for (const task of evidence) await tasks.append(task);
      await tasks.close();
      await writeRunJson(folder.runJson, run);
      shell.stdout.write(renderTable(await publish(folder, run, records), run.deviceProof));
      shell.exit(EXIT.done);
    });
}

/** Of a run with `--latency-only`: its table, and report.md. */
async function reportLatency(folder: RunFolder, flags: ReportFlags, shell: Shell): Promise<void> {
  const stray = flags.format?.filter((format) => format !== 'md' && format !== 'json') ?? [];
  if (stray.length > 0 || flags.tasks !== undefined) {
    throw new UsageError(`${folder.path}: is of a run with --latency-only, which has no tasks`, [
      'its reports are md and json; leave --tasks out',
    ]);
  }
  const { run, samples } = await readLatency(folder);
  const summary = await publishLatency(folder, run, samples);
  shell.stdout.write(flags.json === true ? `${JSON.stringify(summary)}\n` : renderLatencyTable(run, summary));
  shell.exit(EXIT.done);
}

async function readRun(folder: RunFolder): Promise<Omit<ShardRun, 'path'>> {
  const run = await readRunJson(folder.runJson);
  const journal = await readJournal(folder.journal);
  if (journal.fingerprint !== run.fingerprint) {
    throw new JournalError(`${folder.path}: run.json and journal.jsonl belong to different runs`, [
      'restore the folder as it was written',
    ]);
  }
  const evidence = await readTaskEvidence(folder.tasks);
  return { run, records: journal.records, evidence: [...(evidence?.tasks.values() ?? [])] };
}
