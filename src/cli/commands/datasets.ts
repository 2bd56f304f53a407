/**
 * @file `llava-eval datasets`: what there is, fetch it, look at it, check it, make one.
 *
 * Results on stdout, notes on stderr. Loading and building are in `src/datasets/`; this file turns
 * their answers into text or JSON.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { openDataset } from '../../datasets/dataset.js';
import type { Dataset, DatasetOptions } from '../../datasets/dataset.js';
import { recordOfTask } from '../../datasets/records.js';
import { isFetched, REGISTERED } from '../../datasets/registry.js';
import { requireFolder } from '../../datasets/source-folder.js';
import { EXIT, UsageError } from '../../domain/errors.js';
import { LANGUAGES } from '../../domain/task.js';
import type { CompletionTask, Language } from '../../domain/task.js';
import { writeAtomically } from '../../run/atomic-file.js';
import { oneOf, wholeNumber } from '../options.js';
import type { Shell } from '../shell.js';

const DEFAULT_DATASET = 'npm-ts-lines';
const DATASET_ARGUMENT = 'id, .jsonl file or folder';

/** Registers the command and its subcommands. */
export function registerDatasets(program: Command, shell: Shell): void {
  const datasets = program
    .command('datasets')
    .summary('list | pull | build | inspect | validate')
    .description('Datasets: what there is, fetch it, make one of your own code, look at one, check one.');

  datasets
    .command('list')
    .description('the datasets that come with the program')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: true }) => {
      await listDatasets(shell, flags.json === true);
    });

  datasets
    .command('pull')
    .description('fetch what a dataset needs, once; later runs work offline')
    .argument('[id]', 'a registered dataset', DEFAULT_DATASET)
    .action(async (id: string) => {
      await pullDataset(shell, id);
    });

  datasets
    .command('build')
    .description('make a dataset file of the lines of a repository')
    .requiredOption('--repo <dir>', 'folder of the repository')
    .requiredOption('--out <file>', 'file to write, one JSON record a line')
    .option('--lines <n>', 'tasks wanted', wholeNumber(1), 200)
    .option('--seed <n>', 'another seed chooses other lines', wholeNumber(0), 0)
    .option('--language <name>', 'typescript or javascript (default: what the folder has)', oneOf(LANGUAGES))
    .action(async (flags: BuildFlags) => {
      await buildDataset(shell, flags);
    });

  datasets
    .command('inspect')
    .description('counts, sources, licences and one task of a dataset')
    .argument('[dataset]', DATASET_ARGUMENT, DEFAULT_DATASET)
    .option('--repos <dir>', 'folder that holds one folder per repository')
    .option('--task <id>', 'the task to show (default: the first)')
    .option('--skip-invalid', 'leave unusable lines out and count them')
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: InspectFlags) => {
      await inspectDataset(shell, reference, flags);
    });

  datasets
    .command('validate')
    .description('load a dataset completely and report every line that cannot be used')
    .argument('[dataset]', DATASET_ARGUMENT, DEFAULT_DATASET)
    .option('--repos <dir>', 'folder that holds one folder per repository')
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: ValidateFlags) => {
      await validateDataset(shell, reference, flags);
    });
}

interface BuildFlags {
  readonly repo: string;
  readonly out: string;
  readonly lines: number;
  readonly seed: number;
  readonly language?: Language;
}

interface ValidateFlags {
  readonly repos?: string;
  readonly json?: true;
}

interface InspectFlags extends ValidateFlags {
  readonly task?: string;
  readonly skipInvalid?: true;
}

async function listDatasets(shell: Shell, asJson: boolean): Promise<void> {
  const rows: { id: string; title: string; state: string }[] = [];
  for (const { id, title, fetched } of REGISTERED) {
    const state = !fetched ? 'included' : (await isFetched(id)) ? 'fetched' : 'not fetched yet';
    rows.push({ id, title, state });
  }
  if (asJson) {
    writeJson(shell, rows);
    return;
  }
  for (const { id, title, state } of rows) {
    shell.stdout.write(`${id.padEnd(14)} ${state.padEnd(16)} ${title}\n`);
  }
}

async function pullDataset(shell: Shell, id: string): Promise<void> {
  if (!REGISTERED.some((entry) => entry.id === id)) {
    throw new UsageError(`"${id}" is not a registered dataset`, [
      `registered: ${REGISTERED.map((entry) => entry.id).join(', ')}`,
    ]);
  }
  const dataset = await openDataset(id, notesTo(shell));
  shell.stdout.write(
    `${id}: ${dataset.tasks.length} tasks of ${dataset.sources.length} repositories are here, every hash agrees\n`,
  );
}

async function buildDataset(shell: Shell, { repo, out, lines, seed, language }: BuildFlags): Promise<void> {
  if (language !== undefined && language !== 'typescript' && language !== 'javascript') {
    throw new UsageError(`datasets build cannot choose lines of ${language}`, [
      'this version has parsers for typescript and javascript',
      'dataset files of any language can be run: bring your own records with --dataset FILE',
    ]);
  }
  await requireFolder(repo);
  // Loaded on demand: the parser is larger than the rest of the program together.
  const { buildFromFolder } = await import('../../datasets/own-folder.js');
  const { tasks, repository } = await buildFromFolder({ folder: repo, lines, seed, language });
  const fromFile = relative(dirname(resolve(out)), resolve(repo)).replaceAll('\\', '/');
  // Between drives there is no relative path; --repos then says where the repository is.
  const repositoryDir = isAbsolute(fromFile) ? null : fromFile === '' ? '.' : fromFile;
  const text = tasks.map(({ task, line }) => `${JSON.stringify(recordOfTask(task, line, repositoryDir))}\n`);
  await mkdir(dirname(resolve(out)), { recursive: true });
  await writeAtomically(out, text.join(''));
  if (tasks.length < lines) {
    shell.stderr.write(
      `${repo} has only ${tasks.length} lines that make fair tasks and lie apart; ${lines} were asked for\n`,
    );
  }
  const files = new Set(tasks.map(({ task }) => task.path)).size;
  const crossFile = tasks.filter(({ task }) => task.crossFile === true).length;
  shell.stdout.write(
    `${out}: ${tasks.length} tasks (${crossFile} cross-file) from ${files} of ${repository.files.length} files\n`,
  );
}

/** Counts of the tasks that use a name from another file, that do not, and that do not say. */
interface CrossFileCounts {
  readonly yes: number;
  readonly no: number;
  readonly unstated: number;
}

function countCrossFile(tasks: readonly CompletionTask[]): CrossFileCounts {
  const count = (value: boolean | null): number => tasks.filter((task) => task.crossFile === value).length;
  return { yes: count(true), no: count(false), unstated: count(null) };
}

async function inspectDataset(shell: Shell, reference: string, flags: InspectFlags): Promise<void> {
  const dataset = await openDataset(reference, {
    ...notesTo(shell),
    ...reposOption(flags.repos),
    skipInvalid: flags.skipInvalid === true,
  });
  const sample = flags.task === undefined ? dataset.tasks[0]! : taskById(dataset, flags.task);
  const overview = {
    id: dataset.id,
    contentHash: dataset.contentHash,
    tasks: dataset.tasks.length,
    skipped: dataset.skipped,
    languages: [...new Set(dataset.tasks.map((task) => task.language))],
    crossFile: countCrossFile(dataset.tasks),
    repositories: dataset.sources.map((source) => {
      const tasks = dataset.tasks.filter((task) => task.repository === source.repository);
      return { ...source, tasks: tasks.length, crossFile: countCrossFile(tasks) };
    }),
    sample,
  };
  if (flags.json === true) {
    writeJson(shell, overview);
    return;
  }
  const { yes, no, unstated } = overview.crossFile;
  const lines = [
    `${dataset.id}: ${dataset.tasks.length} tasks, ${overview.languages.join(', ')}`,
    `cross-file: ${yes} yes, ${no} no${unstated === 0 ? '' : `, ${unstated} not stated`}`,
    ...(dataset.skipped === 0 ? [] : [`left out: ${dataset.skipped} unusable lines`]),
    `content hash: ${dataset.contentHash}`,
    '',
    `${'repository'.padEnd(20)} ${'tasks'.padStart(6)} ${'cross'.padStart(6)} ${'files'.padStart(6)} ${'KiB'.padStart(6)}  licence, source`,
    ...overview.repositories.map(({ repository, tasks, crossFile, size, licence, origin }) => {
      const files = size === null ? '-' : String(size.files);
      const kib = size === null ? '-' : String(Math.round(size.characters / 1024));
      return `${repository.padEnd(20)} ${pad(tasks)} ${pad(crossFile.yes)} ${pad(files)} ${pad(kib)}  ${licence ?? 'no licence stated'}, ${origin}`;
    }),
    '',
    `task ${sample.id}`,
    ...renderHole(sample),
  ];
  shell.stdout.write(`${lines.join('\n')}\n`);
}

function pad(value: number | string): string {
  return String(value).padStart(6);
}

function taskById(dataset: Dataset, id: string): CompletionTask {
  const task = dataset.tasks.find((candidate) => candidate.id === id);
  if (task !== undefined) return task;
  throw new UsageError(`${dataset.id} has no task "${id}"`, [
    `its first is "${dataset.tasks[0]!.id}"; all are in the output of inspect --json`,
  ]);
}

/** A few lines before and after a task's hole, the hole's own marked. */
function renderHole(task: CompletionTask): string[] {
  const around = 5;
  const before = task.prefix.split('\n');
  const indentation = before.pop()!;
  const after = task.suffix.split('\n').slice(task.suffix.startsWith('\n') ? 1 : 0);
  return [
    ...before.slice(-around).map((line) => `    ${line}`),
    ...`${indentation}${task.reference}`.split('\n').map((line) => `  > ${line}`),
    ...after.slice(0, around).map((line) => `    ${line}`),
  ];
}

async function validateDataset(shell: Shell, reference: string, flags: ValidateFlags): Promise<void> {
  const problems: string[] = [];
  const dataset = await openDataset(reference, {
    ...notesTo(shell),
    ...reposOption(flags.repos),
    skipInvalid: true,
    onInvalid: (problem) => problems.push(problem.message),
  });
  problems.push(...(await findStrangers(dataset)));
  const missing = dataset.sources.filter(({ size }) => size === null).map(({ repository }) => repository);
  const valid = problems.length === 0;
  if (flags.json === true) {
    writeJson(shell, {
      id: dataset.id,
      valid,
      tasks: dataset.tasks.length,
      contentHash: dataset.contentHash,
      problems,
      missingRepositories: missing,
    });
  } else {
    for (const problem of problems) shell.stdout.write(`${problem}\n`);
    if (missing.length > 0) shell.stdout.write(`no folder, so no retrieval: ${missing.join(', ')}\n`);
    shell.stdout.write(
      `${dataset.id}: ${dataset.tasks.length} usable tasks, ${problems.length} problems\n` +
        `content hash: ${dataset.contentHash}\n`,
    );
  }
  if (!valid) shell.exit(EXIT.unusable);
}

/** Tasks whose text is not in the file of the repository that they name: another version of it. */
async function findStrangers(dataset: Dataset): Promise<string[]> {
  const problems: string[] = [];
  for (const { repository: name, size } of dataset.sources) {
    if (size === null) continue;
    const texts = new Map((await dataset.repository(name)).files.map((file) => [file.path, file.text]));
    for (const task of dataset.tasks) {
      if (task.repository !== name) continue;
      const text = texts.get(task.path);
      if (text !== undefined && !text.includes(task.prefix + task.reference + task.suffix)) {
        problems.push(
          `${task.id}: its text is not in ${task.path} of ${name}; the repository is another version`,
        );
      }
    }
  }
  return problems;
}

function notesTo(shell: Shell): Pick<DatasetOptions, 'onProgress'> {
  return { onProgress: (note) => shell.stderr.write(`${note}\n`) };
}

function reposOption(repos: string | undefined): Pick<DatasetOptions, 'reposDir'> {
  return repos === undefined ? {} : { reposDir: repos };
}

function writeJson(shell: Shell, value: unknown): void {
  shell.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
