/**
 * @file `llava-eval retrieve`: ranked chunks per task, in the published forms, and a report on how good
 * they are; no decoder needed.
 */

import { Option, type Command } from 'commander';
import { tasksWithRecords, type RawRecord } from '../../datasets/records/raw-records.js';
import type { Dataset } from '../../datasets/dataset.js';
import { openDataset } from '../../datasets/open/open-dataset.js';
import { evenSample } from '../../datasets/even-sample.js';
import { EXIT, UsageError, type ExitCode } from '../../domain/errors.js';
import { LANGUAGES, type Language } from '../../domain/languages.js';
import type { CompletionTask } from '../../domain/task.js';
import { DEVICE_REQUESTS, DTYPES, type DeviceRequest, type Dtype } from '../../inference/device.js';
import { defaultThreads } from '../../model/ort/threads.js';
import { CONTEXT_FORMATS, contextLine, type ContextFormat } from '../../report/documents/crossfile-fields.js';
import {
  renderRetrievalReport,
  retrievalRow,
  type RetrievalReport,
  type TaskQuality,
} from '../../report/terminal/retrieval-report.js';
import {
  QUERY_KINDS,
  RETRIEVAL_PROFILES,
  type QueryKind,
  type RetrievalProfileName,
} from '../../retrieval/profile.js';
import { contextQuality } from '../../retrieval/quality.js';
import {
  DEFAULT_RETRIEVERS,
  SINGLE_RETRIEVERS,
  usesEmbedder,
  type RetrieverName,
} from '../../retrieval/kinds.js';
import { AtomicLines } from '../../files/atomic-file.js';
import { retrieveAll, type NoChunks, type Retrieved } from '../../run/retrieve.js';
import { loadEmbedder, type LoadedEmbedder } from '../../comparison/compose.js';
import { limit, oneOf, retrieverList, wholeNumber } from '../flags/options.js';
import { fetchProgress, SILENT, terminalProgress, type Progress } from '../terminal/progress.js';
import { requireShipped, retrievalSetting } from '../../comparison/retrieval-setting.js';
import type { Shell } from '../terminal/shell.js';

interface RetrieveFlags {
  readonly dataset: string;
  readonly repos?: string;
  readonly language?: Language;
  readonly retriever?: RetrieverName[];
  readonly retrievalProfile: RetrievalProfileName;
  readonly topK?: number;
  readonly query: QueryKind;
  readonly strictReference?: true;
  readonly out?: string;
  readonly format: ContextFormat;
  readonly report?: true;
  readonly limit?: number | 'all';
  readonly skipInvalid?: true;
  readonly model: string;
  readonly retrieverEncoder?: string;
  readonly device: DeviceRequest;
  readonly dtype: Dtype;
  readonly threads?: number;
  readonly json?: true;
  readonly vectorCache: boolean;
  readonly quiet?: true;
}

const REASONS: Readonly<Record<NoChunks, string>> = {
  'repository-missing': 'their repository was not found; pass --repos, see `llava-eval datasets inspect`',
  'file-missing': 'their file is not among those the profile reads, so it cannot be left out of the search',
  'nothing-to-retrieve': 'no other file of their repository has anything to retrieve',
};

/** Registers the command. */
export function registerRetrieve(program: Command, shell: Shell): void {
  program
    .command('retrieve')
    .summary('ranked chunks per task; writes crossfile_context in the published forms')
    .description(
      'Ranks the chunks of each task’s repository as a published harness does, and writes them one JSON line ' +
        'a task, best first. With --report, says instead or as well how much of each hole the chunks hold.',
    )
    .requiredOption('--dataset <id|file|dir>', 'benchmark, JSONL file, or a folder with code')
    .option('--repos <dir>', 'where the repositories of a JSONL file lie')
    .option(
      '--language <name>',
      `only lines of this language, of a folder: ${LANGUAGES.join(', ')}`,
      oneOf(LANGUAGES),
    )
    .option(
      '--retriever <name>',
      `${SINGLE_RETRIEVERS.join(', ')}, hybrid, two joined as in jaccard+bm25, or as-shipped; with --report several, separated by commas`,
      retrieverList,
    )
    .option(
      '--retrieval-profile <name>',
      RETRIEVAL_PROFILES.join(', '),
      oneOf(RETRIEVAL_PROFILES),
      'repoformer',
    )
    .option('--top-k <k>', 'chunks per task (default: the profile’s)', wholeNumber(1))
    .option(
      '--query <kind>',
      `${QUERY_KINDS.join(', ')}; oracle knows the answer`,
      oneOf(QUERY_KINDS),
      'last-n',
    )
    .option('--strict-reference', 'with the reference’s defects, see docs/retrieval.md')
    .option('--out <file>', 'write one JSON line a task there')
    .option('--format <name>', CONTEXT_FORMATS.join(', '), oneOf(CONTEXT_FORMATS), 'chunks')
    .option('--report', 'say how good the chunks are: identifiers and lines of the holes in them')
    .option('--limit <n>', 'how many tasks, spread evenly (default: all)', limit)
    .option('--skip-invalid', 'leave damaged records out and count them')
    .option('--model <bundle>', 'where the encoder of unixcoder comes from', 'nano')
    .option('--retriever-encoder <id|dir>', 'another encoder for unixcoder')
    .addOption(
      new Option('--device <name>', DEVICE_REQUESTS.join(', '))
        .argParser(oneOf(DEVICE_REQUESTS))
        .default('auto'),
    )
    .addOption(new Option('--dtype <name>', DTYPES.join(', ')).argParser(oneOf(DTYPES)).default('fp32'))
    .option('--threads <n>', 'threads of the runtime (default: physical cores)', wholeNumber(1))
    .option('--no-vector-cache', 'encode every chunk again, and keep no vector for the next run')
    .option('--json', 'print the report as one JSON object')
    .option('--quiet', 'no progress and no notes on stderr')
    .action(async (flags: RetrieveFlags) => {
      shell.exit(await retrieve(flags, shell));
    });
}

async function retrieve(flags: RetrieveFlags, shell: Shell): Promise<ExitCode> {
  const retrievers = checkedRetrievers(flags);
  const isStrict = flags.strictReference === true;
  const setting = await retrievalSetting(flags.retrievalProfile, flags.query, isStrict);
  const { profile, asking } = setting;
  const topK = flags.topK ?? profile.topK.usual;
  if (topK > profile.topK.most) {
    throw new UsageError(`the retrieval profile ${profile.name} keeps at most ${profile.topK.most} chunks`, [
      `--top-k ${topK} cannot be filled; give a smaller one`,
    ]);
  }
  const progress = flags.quiet === true ? SILENT : terminalProgress(shell.stderr);
  const dataset = await openDataset(flags.dataset, {
    ...(flags.repos === undefined ? {} : { reposDir: flags.repos }),
    ...(flags.language === undefined ? {} : { language: flags.language }),
    ...(flags.skipInvalid === undefined ? {} : { skipInvalid: flags.skipInvalid }),
    withShipped: retrievers.includes('as-shipped'),
    onProgress: (line) => {
      progress.note(line);
    },
  });
  const tasks =
    flags.limit === undefined || flags.limit === 'all'
      ? dataset.tasks
      : evenSample(dataset.tasks, flags.limit);
  requireShipped(dataset.id, tasks, retrievers);
  const embedder = retrievers.some(usesEmbedder)
    ? await loadEmbedder(
        {
          bundle: flags.model,
          retrieverEncoder: flags.retrieverEncoder,
          device: flags.device,
          dtype: flags.dtype,
          threads: flags.threads ?? defaultThreads(),
          fetching: { progress: fetchProgress(progress), signal: shell.interrupt },
        },
        { isUsed: flags.vectorCache, onNote: progress.note.bind(progress) },
      )
    : null;
  const output = flags.out === undefined ? null : await ContextFile.open(flags.out, flags, tasks);
  const qualities = new Map<RetrieverName, TaskQuality[]>(retrievers.map((name) => [name, []]));
  const unanswered = new Map<NoChunks, number>();
  try {
    const outcome = await retrieveAll(
      tasks,
      (name) => dataset.repository(name),
      setting,
      retrievers,
      { embedder: () => embedderOf(embedder) },
      topK,
      progressOf(progress, tasks.length, shell.interrupt),
      async (retrieved) => {
        const { task, chunks, reason } = retrieved;
        if (reason !== null) unanswered.set(reason, (unanswered.get(reason) ?? 0) + 1);
        await output?.add(retrieved, retrievers[0]!);
        if (flags.report !== true) return;
        for (const [name, list] of chunks) {
          qualities.get(name)!.push({ ...contextQuality(task, list), repository: task.repository });
        }
      },
    );
    progress.stop();
    if (outcome === 'cancelled') {
      await output?.discard();
      progress.note('interrupted; nothing was written');
      return EXIT.interrupted;
    }
    await output?.commit();
  } catch (error) {
    await output?.discard();
    throw error;
  } finally {
    progress.stop();
    await embedder?.dispose();
  }

  if (asking.leaks)
    progress.note('the query contains the answer: these rankings are an upper bound, not a result');
  for (const [reason, count] of unanswered) {
    progress.note(`${count} of ${tasks.length} tasks got no chunks: ${REASONS[reason]}`);
  }
  if (flags.report === true) {
    const report: RetrievalReport = {
      schema: 'llava-eval/retrieval-report@1',
      dataset: dataset.id,
      tasks: tasks.length,
      retrievalProfile: profile.version,
      query: flags.query,
      strictReference: isStrict,
      leaks: asking.leaks,
      topK,
      retrieverEncoder: embedder?.name ?? null,
      unanswered: Object.fromEntries(unanswered),
      rows: [...qualities].map(([name, list]) => retrievalRow(name, list)),
    };
    shell.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : renderRetrievalReport(report));
  }
  if (flags.out !== undefined) progress.note(`${describe(dataset, tasks)}: chunks are in ${flags.out}`);
  return EXIT.done;
}

/** @throws {UsageError} If there is nothing to do, or more than one ranking for one file. */
function checkedRetrievers(flags: RetrieveFlags): readonly RetrieverName[] {
  if (flags.out === undefined && flags.report !== true) {
    throw new UsageError('neither --out nor --report was given', [
      '--out FILE writes the chunks, --report prints how good they are; both is fine',
    ]);
  }
  if (flags.json === true && flags.report !== true) {
    throw new UsageError('--json is the form of the report', ['add --report, or leave --json out']);
  }
  const retrievers = flags.retriever ?? (flags.out === undefined ? DEFAULT_RETRIEVERS : []);
  if (flags.out !== undefined && retrievers.length !== 1) {
    throw new UsageError(
      retrievers.length === 0
        ? '--out needs --retriever'
        : `--out holds one ranking, not ${retrievers.length}`,
      [`one of ${SINGLE_RETRIEVERS.join(', ')}, hybrid, two joined as in jaccard+bm25, or as-shipped`],
    );
  }
  return retrievers;
}

/**
 * The output file. Lines come in the order of the dataset, answers in that of its repositories: an answer
 * waits here until it is its turn.
 */
class ContextFile {
  readonly #lines: AtomicLines;
  readonly #format: ContextFormat;
  readonly #records: Map<string, RawRecord>;
  readonly #order: readonly string[];
  readonly #waiting = new Map<string, string>();
  #next = 0;

  private constructor(lines: AtomicLines, format: ContextFormat, records: Map<string, RawRecord>) {
    this.#lines = lines;
    this.#format = format;
    this.#records = records;
    this.#order = [...records.keys()];
  }

  static async open(
    path: string,
    { dataset, format }: Pick<RetrieveFlags, 'dataset' | 'format'>,
    tasks: readonly CompletionTask[],
  ): Promise<ContextFile> {
    const records = new Map<string, RawRecord>();
    for await (const { task, record } of tasksWithRecords(dataset, tasks)) records.set(task.id, record);
    return new ContextFile(await AtomicLines.open(path), format, records);
  }

  async add({ task, chunks, reason }: Retrieved, retriever: RetrieverName): Promise<void> {
    const record = this.#records.get(task.id)!;
    this.#records.delete(task.id);
    const line = contextLine(this.#format, { task, record }, chunks.get(retriever)!, reason);
    this.#waiting.set(task.id, JSON.stringify(line));
    for (let id = this.#order[this.#next]; id !== undefined; id = this.#order[this.#next]) {
      const ready = this.#waiting.get(id);
      if (ready === undefined) return;
      this.#waiting.delete(id);
      this.#next++;
      await this.#lines.write(ready);
    }
  }

  commit(): Promise<void> {
    return this.#lines.commit();
  }

  discard(): Promise<void> {
    return this.#lines.discard();
  }
}

/** One bar over the tasks; a bar of its own while a repository's chunks are encoded. */
function progressOf(
  progress: Progress,
  total: number,
  interrupt: AbortSignal,
): Parameters<typeof retrieveAll>[6] {
  let answered = 0;
  let isEncoding = false;
  progress.start('retrieving', total);
  return {
    encoding(chunks) {
      isEncoding = true;
      progress.start('encoding', chunks);
    },
    encoded: (chunks) => {
      progress.advance(chunks);
    },
    answered() {
      if (isEncoding) {
        isEncoding = false;
        progress.start('retrieving', total);
        progress.advance(answered);
      }
      answered++;
      progress.advance(1);
    },
    isCancelled: () => interrupt.aborted,
  };
}

function embedderOf(loaded: LoadedEmbedder | null): LoadedEmbedder['embedder'] {
  if (loaded === null) throw new RangeError('no encoder was opened');
  return loaded.embedder;
}

function describe(dataset: Dataset, tasks: readonly CompletionTask[]): string {
  const part = `${tasks.length} tasks of ${dataset.id}`;
  return dataset.skipped === 0 ? part : `${part} (${dataset.skipped} damaged lines left out)`;
}
