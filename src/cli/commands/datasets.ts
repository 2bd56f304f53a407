/**
 * @file `llava-eval datasets`: what there is, fetch it, look at it, check it, make one.
 *
 * Results on stdout, notes on stderr. Loading and building are in `src/datasets/`; this file turns
 * their answers into text or JSON.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { openDataset } from '../../datasets/open/open-dataset.js';
import type { Dataset, DatasetOptions } from '../../datasets/dataset.js';
import { recordOfTask } from '../../datasets/formats/cceval.js';
import { defaultCacheDir } from '../../files/cache-dir.js';
import { FORMAT_NAMES, type FormatName } from '../../datasets/formats/format.js';
import { overviewOf } from '../../datasets/open/overview.js';
import { isPulled, setFolder } from '../../datasets/published/cache.js';
import { findPublished, PUBLISHED_SETS, type PublishedSet } from '../../datasets/published/catalog.js';
import { carryOut, planPull } from '../../datasets/published/pull.js';
import { isFetched, knownIds, REGISTERED } from '../../datasets/open/registry.js';
import { requireFolder } from '../../datasets/repository/source-folder.js';
import { findStrangers } from '../../datasets/records/foreign-tasks.js';
import { EXIT, UsageError } from '../../domain/errors.js';
import { LANGUAGES } from '../../domain/task.js';
import type { CompletionTask, Language } from '../../domain/task.js';
import { writeAtomically } from '../../files/atomic-file.js';
import {
  describeSet,
  renderListed,
  renderOverview,
  renderPlan,
  renderSet,
} from '../terminal/dataset-text.js';
import { oneOf, wholeNumber } from '../flags/options.js';
import { terminalProgress } from '../terminal/progress.js';
import { rawStream } from '../terminal/foreign-text.js';
import type { Shell } from '../terminal/shell.js';

const DEFAULT_DATASET = 'npm-ts-lines';
const DATASET_ARGUMENT = 'id, .jsonl or .parquet file, or folder';
const REPOS_OPTION = 'folder with one folder or archive per repository, or one archive of all';
const FORMAT_OPTION = `schema of the records (default: told from them): ${FORMAT_NAMES.join(', ')}`;

/** Registers the command and its subcommands. */
export function registerDatasets(program: Command, shell: Shell): void {
  const datasets = program
    .command('datasets')
    .summary('list | pull | build | inspect | validate')
    .description('Datasets: what there is, fetch it, make one of your own code, look at one, check one.');

  datasets
    .command('list')
    .description('the datasets that come with the program, and the published ones it can fetch')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: true }) => {
      await listDatasets(shell, flags.json === true);
    });

  datasets
    .command('pull')
    .description('show size and licence of a dataset, fetch it once; later runs work offline')
    .argument('[id]', 'an id of the list', DEFAULT_DATASET)
    .option('--yes', 'fetch without asking')
    .option('--again', 'fetch what is here once more and compare it with the recorded hash')
    .action(async (id: string, flags: PullFlags) => {
      await pullDataset(shell, id, flags);
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
    .option('--repos <path>', REPOS_OPTION)
    .option('--format <name>', FORMAT_OPTION, oneOf(FORMAT_NAMES))
    .option('--rows <n>', 'look at the first n rows only', wholeNumber(1))
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
    .option('--repos <path>', REPOS_OPTION)
    .option('--format <name>', FORMAT_OPTION, oneOf(FORMAT_NAMES))
    .option('--problems <n>', 'problems to print at most; all are counted', wholeNumber(1), 100)
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

interface SourceFlags {
  readonly repos?: string;
  readonly format?: FormatName;
}

interface ValidateFlags extends SourceFlags {
  readonly problems: number;
  readonly json?: true;
}

interface InspectFlags extends SourceFlags {
  readonly task?: string;
  readonly rows?: number;
  readonly skipInvalid?: true;
  readonly json?: true;
}

interface PullFlags {
  readonly yes?: true;
  readonly again?: true;
}

async function listDatasets(shell: Shell, asJson: boolean): Promise<void> {
  const cacheDir = defaultCacheDir();
  const rows: {
    id: string;
    title: string;
    state: string;
    licence?: string;
    parts?: string[];
    retrieval?: string;
  }[] = [];
  for (const { id, title, fetched } of REGISTERED) {
    const state = !fetched ? 'included' : (await isFetched(id)) ? 'fetched' : 'not fetched yet';
    rows.push({ id, title, state });
  }
  for (const set of PUBLISHED_SETS) {
    const { id, licence, retrieval } = set;
    const state = (await isPulled(cacheDir, set)) ? 'fetched' : 'not fetched yet';
    rows.push({ id, title: describeSet(set), state, licence, parts: Object.keys(set.parts), retrieval });
  }
  if (asJson) writeJson(shell, rows);
  else for (const { id, title, state } of rows) shell.stdout.write(renderListed(id, state, title));
}

async function pullDataset(shell: Shell, id: string, flags: PullFlags): Promise<void> {
  const published = findPublished(id);
  if (published !== null) {
    await pullPublished(shell, published.set, flags);
    return;
  }
  if (!REGISTERED.some((entry) => entry.id === id)) {
    throw new UsageError(`"${id}" is not a dataset that can be fetched`, [`known: ${knownIds().join(', ')}`]);
  }
  const dataset = await openDataset(id, notesTo(shell));
  shell.stdout.write(
    `${id}: ${dataset.tasks.length} tasks of ${dataset.sources.length} repositories are here, every hash agrees\n`,
  );
}

async function pullPublished(shell: Shell, set: PublishedSet, flags: PullFlags): Promise<void> {
  const options = { cacheDir: defaultCacheDir(), signal: shell.interrupt, again: flags.again === true };
  if (!options.again && (await isPulled(options.cacheDir, set))) {
    shell.stdout.write(`${set.id}: is here already, in ${setFolder(options.cacheDir, set)}\n`);
    return;
  }
  shell.stderr.write(renderSet(set));
  const plan = await planPull(set, options);
  shell.stderr.write(renderPlan(plan));
  if (flags.yes !== true && !(await agrees(shell))) return;
  const progress = terminalProgress(shell.stderr);
  let showing: { readonly file: string; shown: number } | null = null;
  try {
    await carryOut(plan, options, {
      onNote: (note) => {
        progress.note(note);
      },
      onProgress: (file, { receivedBytes, totalBytes }) => {
        if (showing?.file !== file) {
          progress.start('fetching', totalBytes ?? 0);
          showing = { file, shown: 0 };
        }
        progress.advance(receivedBytes - showing.shown);
        showing.shown = receivedBytes;
      },
    });
  } finally {
    progress.stop();
  }
  shell.stdout.write(
    `${set.id}: is here; parts: ${Object.keys(set.parts).join(', ')}\n` +
      `look at it: llava-eval datasets inspect ${set.id}\n`,
  );
}

/** Asks at a terminal; elsewhere only --yes says yes. */
async function agrees(shell: Shell): Promise<boolean> {
  if (!process.stdin.isTTY || !shell.stderr.isTTY) {
    throw new UsageError('nothing was fetched: there is no terminal to ask at', [
      'pass --yes to fetch it under the licence shown',
    ]);
  }
  const asking = createInterface({ input: process.stdin, output: rawStream(shell.stderr) });
  try {
    const answer = await asking.question('fetch it? [y/N] ', { signal: shell.interrupt });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
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
  const { buildFromFolder } = await import('../../datasets/holes/own-folder.js');
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

async function inspectDataset(shell: Shell, reference: string, flags: InspectFlags): Promise<void> {
  const dataset = await openDataset(reference, {
    ...notesTo(shell),
    ...sourceOptions(flags),
    ...(flags.rows === undefined ? {} : { mostRows: flags.rows }),
    withShipped: true,
    skipInvalid: flags.skipInvalid === true,
  });
  const sample = flags.task === undefined ? dataset.tasks[0]! : taskById(dataset, flags.task);
  const overview = overviewOf(dataset);
  if (flags.json === true) writeJson(shell, { ...overview, sample });
  else shell.stdout.write(renderOverview(overview, sample));
}

function taskById(dataset: Dataset, id: string): CompletionTask {
  const task = dataset.tasks.find((candidate) => candidate.id === id);
  if (task !== undefined) return task;
  throw new UsageError(`${dataset.id} has no task "${id}"`, [
    `its first is "${dataset.tasks[0]!.id}"; all are in its file, or in the journal of a run`,
  ]);
}

async function validateDataset(shell: Shell, reference: string, flags: ValidateFlags): Promise<void> {
  const shown: string[] = [];
  let count = 0;
  const report = (problem: string): void => {
    if (++count <= flags.problems) shown.push(problem);
  };
  const dataset = await openDataset(reference, {
    ...notesTo(shell),
    ...sourceOptions(flags),
    withShipped: true,
    skipInvalid: true,
    onInvalid: (problem) => {
      report(problem.message);
    },
  });
  for (const deviation of dataset.deviations) report(deviation);
  for await (const stranger of findStrangers(dataset)) report(stranger);
  const missing = dataset.sources.filter(({ isMissing }) => isMissing).map(({ repository }) => repository);
  const valid = count === 0;
  if (flags.json === true) {
    writeJson(shell, {
      id: dataset.id,
      format: dataset.format,
      valid,
      tasks: dataset.tasks.length,
      contentHash: dataset.contentHash,
      problemCount: count,
      problems: shown,
      missingRepositories: missing,
    });
  } else {
    for (const problem of shown) shell.stdout.write(`${problem}\n`);
    if (count > shown.length) {
      shell.stdout.write(`and ${count - shown.length} more problems; --problems N shows more\n`);
    }
    if (missing.length > 0) {
      const names = missing.slice(0, 10).join(', ');
      const more = missing.length > 10 ? ` and ${missing.length - 10} more` : '';
      shell.stdout.write(`no folder, so no retrieval: ${names}${more}\n`);
    }
    shell.stdout.write(
      `${dataset.id}: ${dataset.tasks.length} usable tasks, ${count} ${count === 1 ? 'problem' : 'problems'}\n` +
        `content hash: ${dataset.contentHash}\n`,
    );
  }
  if (!valid) shell.exit(EXIT.unusable);
}

function notesTo(shell: Shell): Pick<DatasetOptions, 'onProgress'> {
  return { onProgress: (note) => shell.stderr.write(`${note}\n`) };
}

function sourceOptions({ repos, format }: SourceFlags): Pick<DatasetOptions, 'reposDir' | 'format'> {
  return { ...(repos === undefined ? {} : { reposDir: repos }), ...(format === undefined ? {} : { format }) };
}

function writeJson(shell: Shell, value: unknown): void {
  shell.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
