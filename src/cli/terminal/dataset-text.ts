/**
 * @file Datasets as text for the terminal.
 */

import type { BuiltFile } from '../../datasets/open/build-file.js';
import type { ListedDataset } from '../../datasets/open/list.js';
import type { Overview } from '../../datasets/open/overview.js';
import type { PullOutcome } from '../../datasets/open/pull-dataset.js';
import type { Validation } from '../../datasets/open/validate.js';
import type { PublishedSet } from '../../datasets/published/catalog.js';
import type { PullPlan } from '../../datasets/published/pull.js';
import { describeLeftOut } from '../../datasets/repository/left-out.js';
import type { CompletionTask } from '../../domain/task.js';
import { formatBytes } from '../../domain/units.js';

/** Repositories shown; sets with one repository a record have hundreds. */
const MOST_REPOSITORIES = 20;

/** The overview of a dataset and one of its tasks. */
export function renderOverview(overview: Overview, sample: CompletionTask): string {
  const { crossFile, newlines, lengths, shipped, repositories } = overview;
  const counts = (record: Readonly<Record<string, number>>): string =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const length = ({ median, longest }: Overview['lengths']['prefix']): string => `${median} (${longest})`;
  const facts: [string, string | null][] = [
    ['schema', overview.format],
    ['languages', counts(overview.languages)],
    ['categories', counts(overview.categories)],
    ['levels', counts(overview.levels)],
    [
      'cross-file',
      `${crossFile.yes} yes, ${crossFile.no} no${crossFile.unstated === 0 ? '' : `, ${crossFile.unstated} not stated`}`,
    ],
    [
      'characters',
      `prefix ${length(lengths.prefix)}, reference ${length(lengths.reference)}, suffix ${length(lengths.suffix)}: median (longest)`,
    ],
    [
      'newlines',
      `hole starts at line start ${newlines.indentationInReference}, after indentation ${newlines.indentationInPrefix}, after code ${newlines.codeInPrefix}`,
    ],
    [
      '',
      `reference ends with newline ${newlines.referenceEndsWithNewline}, CR in text ${newlines.carriageReturns}, no suffix ${newlines.emptySuffix}`,
    ],
    [
      'shipped',
      shipped === null
        ? null
        : `${shipped.tasks} tasks bring chunks: ${length(shipped.chunks)} each, ${shipped.withoutChunks} bring none`,
    ],
    ['left out', overview.skipped === 0 ? null : `${overview.skipped} unusable rows`],
    ...overview.deviations.map((text): [string, string] => ['note', text]),
    ['content', overview.contentHash],
  ];
  const rest = repositories.length - MOST_REPOSITORIES;
  const lines = [
    `${overview.id}: ${overview.tasks} tasks`,
    ...facts.flatMap(([name, text]) => (text === null || text === '' ? [] : [`  ${name.padEnd(11)}${text}`])),
    '',
    `${'repository'.padEnd(20)} ${'tasks'.padStart(6)} ${'cross'.padStart(6)} ${'files'.padStart(6)} ${'KiB'.padStart(6)}  licence, source`,
    ...repositories
      .slice(0, MOST_REPOSITORIES)
      .flatMap(({ repository, tasks, crossFile: cross, size, leftOut, ...source }) => {
        const files = size === null ? '-' : String(size.files);
        const kib = size === null ? '-' : String(Math.round(size.characters / 1024));
        const rest = describeLeftOut(leftOut);
        return [
          `${repository.padEnd(20)} ${pad(tasks)} ${pad(cross.yes)} ${pad(files)} ${pad(kib)}  ${source.licence ?? 'no licence stated'}, ${source.origin}`,
          ...(rest === null ? [] : [`  ${rest}`]),
        ];
      }),
    ...(rest > 0 ? [`and ${rest} more; --json has all`] : []),
    '',
    `task ${sample.id}${sample.category === undefined ? '' : ` (${sample.category})`}`,
    ...renderHole(sample),
    ...renderShipped(sample),
  ];
  return `${lines.join('\n')}\n`;
}

function pad(value: number | string): string {
  return String(value).padStart(6);
}

/** A few lines before and after a task's hole, the hole's own marked. */
function renderHole(task: CompletionTask): string[] {
  const around = 5;
  const before = task.prefix.split('\n');
  const indentation = before.pop()!;
  const after = task.suffix.split('\n').slice(task.suffix.startsWith('\n') ? 1 : 0);
  const hole = `${indentation}${task.reference}`.split('\n');
  if (hole.length > 1 && hole.at(-1) === '') hole.pop();
  return [
    ...before.slice(-around).map((line) => `    ${line}`),
    ...hole.map((line) => `  > ${line}`),
    ...after.slice(0, around).map((line) => `    ${line}`),
  ];
}

function renderShipped({ shipped = [] }: CompletionTask): string[] {
  const [first] = shipped;
  if (first === undefined) return [];
  const score = first.score === null ? 'no score stated' : `score ${first.score}`;
  return [
    '',
    `the first of its ${shipped.length} shipped chunks: ${first.path}, ${score}`,
    ...first.text
      .split('\n')
      .slice(0, 5)
      .map((line) => `    ${line}`),
  ];
}

/** What is known of a published set before its source is asked. */
export function renderSet(set: PublishedSet): string {
  return renderFacts(`${set.id}: ${set.title}`, [
    ['holds', set.tasks],
    ['licence', set.licence],
    ['size', set.statedSize],
    ['page', set.page],
    ['retrievers', set.retrieval],
  ]);
}

/** What a pull would do, for a person to agree to. */
export function renderPlan({ folder, files, bytesToFetch, present }: PullPlan): string {
  return renderFacts('to be fetched', [
    ...files.map((file): [string, string] => [
      'file',
      `${file.url} (${file.bytes === null ? 'size not stated' : formatBytes(file.bytes)}${file.sha256 === null ? ', no hash stated' : ''})`,
    ]),
    ['to fetch', bytesToFetch === null ? 'the source does not state the size' : formatBytes(bytesToFetch)],
    ...(present === 0 ? [] : [['here', `${present} of ${files.length} files`] as [string, string]]),
    ['into', folder],
  ]);
}

function renderFacts(title: string, facts: readonly (readonly [string, string])[]): string {
  return `${title}\n${facts.map(([name, text]) => `  ${name.padEnd(11)}${text}\n`).join('')}`;
}

/** The list of datasets, a line each. */
export function renderList(listed: readonly ListedDataset[]): string {
  return listed.map(({ id, title, state }) => `${id.padEnd(18)} ${state.padEnd(16)} ${title}\n`).join('');
}

/** What came of a pull; nothing where it was declined. */
export function renderPulled(outcome: PullOutcome): string {
  switch (outcome.kind) {
    case 'opened':
      return `${outcome.id}: ${outcome.tasks} tasks of ${outcome.repositories} repositories are here, every hash agrees\n`;
    case 'present':
      return `${outcome.set.id}: is here already, in ${outcome.folder}\n`;
    case 'declined':
      return '';
    case 'fetched': {
      const { id, parts } = outcome.set;
      return (
        `${id}: is here; parts: ${Object.keys(parts).join(', ')}\n` +
        `look at it: llava-eval datasets inspect ${id}\n`
      );
    }
  }
}

/** What a build wrote. */
export function renderBuilt(out: string, built: BuiltFile): string {
  const { tasks, crossFile, files, repositoryFiles } = built;
  const shares = Object.entries(built.languages).map(([language, count]) => `${language} ${count}`);
  const byLanguage = shares.length < 2 ? '' : `: ${shares.join(', ')}`;
  return `${out}: ${tasks} tasks (${crossFile} cross-file) from ${files} of ${repositoryFiles} files${byLanguage}\n`;
}

/** Names shown of a longer list. */
const MOST_NAMES = 10;

/** The problems of a dataset, and what is left of it. */
export function renderValidation(validation: Validation): string {
  const { id, tasks, contentHash, problemCount, problems, missingRepositories: missing } = validation;
  const more = missing.length - MOST_NAMES;
  const names = missing.slice(0, MOST_NAMES).join(', ');
  const lines = [
    ...problems,
    ...(problemCount > problems.length
      ? [`and ${problemCount - problems.length} more problems; --problems N shows more`]
      : []),
    ...(missing.length > 0
      ? [`no folder, so no retrieval: ${names}${more > 0 ? ` and ${more} more` : ''}`]
      : []),
    ...(validation.schemas === undefined
      ? []
      : ['no line can be used; these schemas are known:', ...validation.schemas.map((line) => `  ${line}`)]),
    `${id}: ${tasks} usable tasks, ${problemCount} ${problemCount === 1 ? 'problem' : 'problems'}`,
    ...(contentHash === null ? [] : [`content hash: ${contentHash}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
