/**
 * @file `llava-eval retrieve`: flags to a request, events to progress, an outcome to text and exit code.
 */

import { Option, type Command } from 'commander';
import { retrieveChunks, type RetrieveOutcome, type RetrieveRequest } from '../../comparison/retrieve.js';
import { EXIT, UsageError, type ExitCode } from '../../domain/errors.js';
import { LANGUAGES, type Language } from '../../domain/languages.js';
import { DEVICE_REQUESTS, DTYPES, type DeviceRequest, type Dtype } from '../../inference/device.js';
import { CONTEXT_FORMATS, type ContextFormat } from '../../report/documents/crossfile-fields.js';
import { renderRetrievalReport, retrievalNotes } from '../../report/terminal/retrieval-report.js';
import {
  DEFAULT_RETRIEVAL_PROFILE,
  QUERY_KINDS,
  RETRIEVAL_PROFILES,
  type QueryKind,
  type RetrievalProfileName,
} from '../../retrieval/profile.js';
import { retrieversInWords, type RetrieverName } from '../../retrieval/kinds.js';
import { limit, oneMore, oneOf, retrieverList, wholeNumber } from '../flags/options.js';
import type { Progress } from '../terminal/progress.js';
import type { Shell } from '../terminal/shell.js';
import { progressOf, surroundingsOf } from '../terminal/surroundings.js';

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
  readonly plugin?: string[];
}

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
      `${retrieversInWords()}; with --report several, separated by commas`,
      retrieverList,
    )
    .option(
      '--retrieval-profile <name>',
      RETRIEVAL_PROFILES.join(', '),
      oneOf(RETRIEVAL_PROFILES),
      DEFAULT_RETRIEVAL_PROFILE,
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
    .option('--model <bundle>', 'where the encoder of the retriever that compares vectors comes from', 'nano')
    .option('--retriever-encoder <id|dir>', 'another encoder for that retriever')
    .addOption(
      new Option('--device <name>', DEVICE_REQUESTS.join(', '))
        .argParser(oneOf(DEVICE_REQUESTS))
        .default('auto'),
    )
    .addOption(new Option('--dtype <name>', DTYPES.join(', ')).argParser(oneOf(DTYPES)).default('fp32'))
    .option('--threads <n>', 'threads of the runtime (default: physical cores)', wholeNumber(1))
    .option('--no-vector-cache', 'encode every chunk again, and keep no vector for the next run')
    .option('--plugin <file>', 'a file of JavaScript that adds retrievers; several: once for each', oneMore)
    .option('--json', 'print the report as one JSON object')
    .option('--quiet', 'no progress and no notes on stderr')
    .action(async (flags: RetrieveFlags) => {
      shell.exit(await retrieve(flags, shell));
    });
}

async function retrieve(flags: RetrieveFlags, shell: Shell): Promise<ExitCode> {
  requireSomethingToDo(flags);
  const progress = progressOf(flags, shell);
  const outcome = await retrieveChunks(requestOf(flags), surroundingsOf(shell, progress));
  if (outcome.kind === 'interrupted') {
    progress.note('interrupted; nothing was written');
    return EXIT.interrupted;
  }
  show(outcome, flags, progress, shell);
  return EXIT.done;
}

/** @throws {UsageError} If nothing would be written or printed. */
function requireSomethingToDo({ out, report, json }: RetrieveFlags): void {
  if (out === undefined && report !== true) {
    throw new UsageError('neither --out nor --report was given', [
      '--out FILE writes the chunks, --report prints how good they are; both is fine',
    ]);
  }
  if (json === true && report !== true) {
    throw new UsageError('--json is the form of the report', ['add --report, or leave --json out']);
  }
}

function requestOf({ retriever, out, format, plugin, ...flags }: RetrieveFlags): RetrieveRequest {
  return {
    ...flags,
    plugins: plugin,
    retrievers: retriever,
    file: out === undefined ? undefined : { path: out, format },
  };
}

function show(
  outcome: Extract<RetrieveOutcome, { kind: 'finished' }>,
  { json, out }: RetrieveFlags,
  progress: Progress,
  shell: Shell,
): void {
  const { report, tasks, dataset, skipped } = outcome;
  for (const note of retrievalNotes(outcome)) progress.note(note);
  if (report !== null) {
    shell.stdout.write(json === true ? `${JSON.stringify(report)}\n` : renderRetrievalReport(report));
  }
  if (out === undefined) return;
  const leftOut = skipped === 0 ? '' : ` (${skipped} damaged lines left out)`;
  progress.note(`${tasks} tasks of ${dataset}${leftOut}: chunks are in ${out}`);
}
