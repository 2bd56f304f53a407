/**
 * @file `llava-eval datasets`: what there is, fetch it, look at it, check it, make one.
 *
 * Results on stdout, notes on stderr. What is done is done in `src/datasets/open/`; this file turns flags into calls
 * and their answers into text or JSON.
 */

import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { DatasetOptions } from '../../datasets/dataset.js';
import { formatNames, type FormatName } from '../../datasets/formats/all.js';
import { DEFAULT_LINES, DEFAULT_SEED } from '../../datasets/holes/built-lines.js';
import { buildDatasetFile } from '../../datasets/open/build-file.js';
import { inspectDataset } from '../../datasets/open/inspect.js';
import { listDatasets } from '../../datasets/open/list.js';
import { pullDataset } from '../../datasets/open/pull-dataset.js';
import { DEFAULT_DATASET } from '../../datasets/open/registry.js';
import { validateDataset } from '../../datasets/open/validate.js';
import { EXIT, UsageError } from '../../domain/errors.js';
import { LANGUAGES, type Language } from '../../domain/task.js';
import {
  renderBuilt,
  renderList,
  renderOverview,
  renderPlan,
  renderPulled,
  renderSet,
  renderValidation,
} from '../terminal/dataset-text.js';
import { oneMore, oneOf, wholeNumber } from '../flags/options.js';
import { rawStream } from '../terminal/foreign-text.js';
import { downloadBar, progressOn } from '../terminal/progress.js';
import { jsonText } from '../terminal/json-text.js';
import type { Shell } from '../terminal/shell.js';

const DATASET_ARGUMENT = 'id, .jsonl or .parquet file, or folder';
const REPOS_OPTION = 'folder with one folder or archive per repository, or one archive of all';
const PLUGIN_OPTION = 'a file of JavaScript that adds record formats; several: once for each';
const formatOption = (): string =>
  `schema of the records (default: told from them): ${formatNames().join(', ')}`;
const LANGUAGE_OPTION = `only lines of this language, of a folder of code: ${LANGUAGES.join(', ')} (default: all)`;

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
    .action(async ({ json }: { json?: true }) => {
      const listed = await listDatasets();
      shell.stdout.write(json === true ? jsonText(listed) : renderList(listed));
    });

  datasets
    .command('pull')
    .description('show size and licence of a dataset, fetch it once; later runs work offline')
    .argument('[id]', 'an id of the list', DEFAULT_DATASET)
    .option('--yes', 'fetch without asking')
    .option('--again', 'fetch what is here once more and compare it with the recorded hash')
    .action(async (id: string, flags: PullFlags) => {
      await pull(shell, id, flags);
    });

  datasets
    .command('build')
    .description('make a dataset file of the lines of a repository')
    .requiredOption('--repo <dir>', 'folder of the repository')
    .requiredOption('--out <file>', 'file to write, one JSON record a line')
    .option('--lines <n>', 'tasks wanted', wholeNumber(1), DEFAULT_LINES)
    .option('--seed <n>', 'another seed chooses other lines', wholeNumber(0), DEFAULT_SEED)
    .option('--language <name>', LANGUAGE_OPTION, oneOf(LANGUAGES))
    .action(async (flags: BuildFlags) => {
      await build(shell, flags);
    });

  datasets
    .command('inspect')
    .description('counts, sources, licences and one task of a dataset')
    .argument('[dataset]', DATASET_ARGUMENT, DEFAULT_DATASET)
    .option('--repos <path>', REPOS_OPTION)
    .option('--format <name>', formatOption(), oneOf(formatNames()))
    .option('--language <name>', LANGUAGE_OPTION, oneOf(LANGUAGES))
    .option('--plugin <file>', PLUGIN_OPTION, oneMore)
    .option('--rows <n>', 'look at the first n rows only', wholeNumber(1))
    .option('--task <id>', 'the task to show (default: the first)')
    .option('--skip-invalid', 'leave unusable lines out and count them')
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: InspectFlags) => {
      const { overview, sample } = await inspectDataset(reference, flags.task, {
        ...notesTo(shell),
        ...sourceOptions(flags),
        ...(flags.rows === undefined ? {} : { mostRows: flags.rows }),
        skipInvalid: flags.skipInvalid === true,
      });
      shell.stdout.write(
        flags.json === true ? jsonText({ ...overview, sample }) : renderOverview(overview, sample),
      );
    });

  datasets
    .command('validate')
    .description('load a dataset completely and report every line that cannot be used')
    .argument('[dataset]', DATASET_ARGUMENT, DEFAULT_DATASET)
    .option('--repos <path>', REPOS_OPTION)
    .option('--format <name>', formatOption(), oneOf(formatNames()))
    .option('--language <name>', LANGUAGE_OPTION, oneOf(LANGUAGES))
    .option('--plugin <file>', PLUGIN_OPTION, oneMore)
    .option('--problems <n>', 'problems to print at most; all are counted', wholeNumber(1), 100)
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: ValidateFlags) => {
      const options = { ...notesTo(shell), ...sourceOptions(flags) };
      const validation = await validateDataset(reference, flags.problems, options);
      shell.stdout.write(flags.json === true ? jsonText(validation) : renderValidation(validation));
      if (!validation.valid) shell.exit(EXIT.unusable);
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
  readonly language?: Language;
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

/** Shows size and licence, asks, and fetches. */
async function pull(shell: Shell, id: string, { yes, again }: PullFlags): Promise<void> {
  const progress = progressOn(shell.stderr, shell.clock);
  try {
    const outcome = await pullDataset(
      id,
      {
        onNote: progress.note.bind(progress),
        onProgress: downloadBar(progress),
        onSet: (set) => shell.stderr.write(renderSet(set)),
        agrees: async (plan) => {
          shell.stderr.write(renderPlan(plan));
          return yes === true || agrees(shell);
        },
      },
      { signal: shell.interrupt, again: again === true },
    );
    progress.stop();
    shell.stdout.write(renderPulled(outcome));
  } finally {
    progress.stop();
  }
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

async function build(shell: Shell, flags: BuildFlags): Promise<void> {
  const { repo, out, lines } = flags;
  const built = await buildDatasetFile({ ...flags, ...notesTo(shell) });
  if (built.tasks < lines) {
    shell.stderr.write(
      `${repo} has only ${built.tasks} lines that make fair tasks and lie apart; ${lines} were asked for\n`,
    );
  }
  shell.stdout.write(renderBuilt(out, built));
}

function notesTo(shell: Shell): Pick<DatasetOptions, 'onProgress'> {
  return { onProgress: (note) => shell.stderr.write(`${note}\n`) };
}

function sourceOptions({
  repos,
  format,
  language,
}: SourceFlags): Pick<DatasetOptions, 'reposDir' | 'format' | 'language'> {
  return {
    ...(repos === undefined ? {} : { reposDir: repos }),
    ...(format === undefined ? {} : { format }),
    ...(language === undefined ? {} : { language }),
  };
}
