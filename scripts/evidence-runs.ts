/**
 * @file The runs behind docs/evidence.md, and what is kept of each in `results/published`: its summary, and the same
 * comparisons over parts of the tasks.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeAtomically } from '../src/files/atomic-file.js';
import { pipelineInRole } from '../src/pipelines/kinds.js';
import { tabulate } from '../src/report/numbers/outcomes.js';
import { summarizeRun } from '../src/report/numbers/summarize-run.js';
import type { Summary } from '../src/report/numbers/summary.js';
import { comparedColumns, compareColumns, type Comparison } from '../src/report/numbers/verdicts.js';
import { configurations } from '../src/run/configurations.js';
import type { FinishedRun } from '../src/run/finished-run.js';
import type { Rows } from '../src/run/record-table.js';

const PUBLISHED = fileURLToPath(new URL('../results/published', import.meta.url));

export interface EvidenceRun {
  readonly name: string;
  readonly title: string;
  readonly flags: readonly string[];
  readonly isTimed: boolean;
  /** Whether it needs a projector for the decoder. */
  readonly needsBundle?: true;
  /** Tasks, where the run has a number of its own. */
  readonly limit?: string;
}

/** The prompt of the trial: up to 352 tokens around the hole, 50 to write, 400 of retrieved text. */
const PROMPT = ['--max-prompt-tokens', '402', '--context-tokens', '400'];
const TEXT = 'no-context,full-rag,full-rag-shuffled,budget-rag,signatures-rag,identifiers-rag';

const SOFT = 'no-context,soft-prompt,compressed,compressed-shuffled,compressed-random,full-rag,budget-rag';

const PLACEMENTS = ['after-suffix', 'before-prefix'] as const;

const placed = (placement: string): readonly string[] => [...PROMPT, '--context-placement', placement];

/** Pipelines on the chunks of Jaccard; text compressors have a quarter of the text. */
const ofJaccard = (placement: string, pipelines: string): readonly string[] => [
  ...placed(placement),
  ...['--retrievers', 'jaccard', '--pipelines', pipelines, '--compression-ratio', '4'],
];

export const EVIDENCE_RUNS: readonly EvidenceRun[] = [
  ...PLACEMENTS.map((placement) => ({
    name: `text-${placement}`,
    title: `Text and text compressors, Jaccard, ${placement}`,
    flags: ofJaccard(placement, TEXT),
    isTimed: false,
  })),
  ...PLACEMENTS.map((placement) => ({
    name: `retrievers-${placement}`,
    title: `UniXcoder-form and BM25, ${placement}`,
    flags: [
      ...placed(placement),
      ...['--retrievers', 'unixcoder,bm25', '--pipelines', 'no-context,full-rag'],
    ],
    isTimed: false,
  })),
  {
    name: 'pruned-after-suffix',
    title: 'Lines that the decoder would miss most, Jaccard, after-suffix',
    flags: ofJaccard('after-suffix', 'no-context,budget-rag,pruned-rag'),
    isTimed: false,
  },
  {
    name: 'compressed-after-suffix',
    title: 'Soft tokens of a trained projector, Jaccard, after-suffix',
    flags: ofJaccard('after-suffix', SOFT),
    isTimed: false,
    needsBundle: true,
  },
  {
    name: 'compressed-timed',
    title: 'Time to first token with soft tokens, after-suffix',
    flags: ofJaccard('after-suffix', SOFT),
    isTimed: true,
    needsBundle: true,
    limit: '40',
  },
  {
    name: 'timed',
    title: 'Time to first token, after-suffix',
    flags: ofJaccard('after-suffix', TEXT),
    isTimed: true,
    limit: '40',
  },
];

/** Comparisons with `no-context` over a part of the tasks. */
export interface PartComparisons {
  readonly part: string;
  readonly tasks: number;
  readonly comparisons: readonly Comparison[];
}

/** A file of `results/published`. */
export interface Published {
  readonly schema: 'llava-eval/evidence@1';
  readonly title: string;
  /** SHA-256 of the decoder's files, by name. */
  readonly decoderFiles: Readonly<Record<string, string>>;
  readonly summary: Summary;
  /** Lines that use an identifier of another file, those that do not, and each repository. */
  readonly parts: readonly PartComparisons[];
}

export function publishedFile(name: string, run: string): string {
  return join(PUBLISHED, name, `${run}.json`);
}

/** Writes what is kept of a run. */
export async function writePublished(path: string, { title }: EvidenceRun, of: FinishedRun): Promise<void> {
  const files = of.run.models.sources.find(({ role }) => role === 'decoder')?.files ?? {};
  const published: Published = {
    schema: 'llava-eval/evidence@1',
    title,
    decoderFiles: files,
    summary: withoutFolders(summarizeRun(of.run, of.records)),
    parts: partsOf(of),
  };
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, `${JSON.stringify(published, null, 1)}\n`);
}

/** The decoder is named by its file, wherever it lay. */
function withoutFolders(summary: Summary): Summary {
  const { decoder } = summary;
  return {
    ...summary,
    decoder: { ...decoder, name: decoder.name.replace(/^.*[\\/](?=[^\\/]+\.gguf$)/, '') },
  };
}

function partsOf({ run, records }: FinishedRun): PartComparisons[] {
  const rows = records.rows();
  const repositories = [...new Set(Array.from(rows, (row) => records.repository(row)))];
  const parts: readonly (readonly [string, Rows])[] = [
    ['cross-file', rows.filter((row) => records.crossFile(row) === true)],
    ['in-file', rows.filter((row) => records.crossFile(row) === false)],
    ...repositories.map((name) => [name, rows.filter((row) => records.repository(row) === name)] as const),
  ];
  const base = pipelineInRole('no-retrieval');
  return parts.map(([part, those]) => {
    const table = tabulate(configurations(run.spec), records, those);
    const pairs = comparedColumns(table.columns).filter(([, of]) => of.configuration.pipeline === base);
    return { part, tasks: those.length, comparisons: compareColumns(pairs, table, null, run.spec.seed) };
  });
}

/** What is published: by decoder, then by run, in the order of {@link EVIDENCE_RUNS}. */
export function readPublished(): ReadonlyMap<string, ReadonlyMap<string, Published>> {
  const folders = readdirSync(PUBLISHED, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return new Map(
    folders
      .map(({ name }) => name)
      .sort()
      .map((name) => {
        const there = new Set(readdirSync(join(PUBLISHED, name)));
        const runs = EVIDENCE_RUNS.filter((run) => there.has(`${run.name}.json`));
        return [
          name,
          new Map(
            runs.map((run) => [
              run.name,
              // Written by `writePublished` and committed: a file of ours.
              JSON.parse(readFileSync(publishedFile(name, run.name), 'utf8')) as Published,
            ]),
          ),
        ];
      }),
  );
}
