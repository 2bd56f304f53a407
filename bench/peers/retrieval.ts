/**
 * @file BM25 against npm packages and a plain scan: time per query on the same chunks, tokens, k1 and b.
 *
 * Each side's rankings are checked against a scan of its own formula: ours to the bit and in the order of
 * its tie rule, the others to their rounding, since packages leave the order of equal scores open.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { corpusOf, realCode, type SearchedCorpus } from './corpus.js';
import { markdownTable } from '../page.js';
import { versionOf } from './install.js';
import { FORMULAS, naiveBest, naiveScan, type Formula } from './naive-bm25.js';
import { interleaved, median, orderOf, ratio, type Estimate } from '../paired.js';
import type { Bench, Section } from './section.js';
import { Side } from './side.js';
import { retrievalAnswer, TOP_K, type RetrievalAnswer } from './sides/retrieval-job.js';
import { figure, times } from './table.js';

const SIZES = [1000, 5000, Infinity];
const QUERIES = 60;
/** Of the sides that have no index: they would need minutes for all. */
const SCANNED_QUERIES = 6;
/** okapibm25 takes the texts apart anew for every query: left out of larger corpora. */
const MOST_OKAPI_CHUNKS = 6000;

interface RetrievalSide {
  readonly name: string;
  readonly script: string;
  readonly setup: Readonly<Record<string, unknown>>;
  readonly formula: Formula;
  /** Whether equal scores have an order to check. */
  readonly ties: 'ordered' | 'open';
  readonly queries: number;
}

const OWN = { script: 'ours-retrieval', formula: FORMULAS.ours, ties: 'ordered', queries: QUERIES } as const;
const PEER = { script: 'npm-retrieval', ties: 'open', queries: QUERIES } as const;

const SIDES: readonly RetrievalSide[] = [
  { ...OWN, name: 'llava-eval', setup: { search: 'whole' } },
  { ...OWN, name: 'llava-eval, again (A/A)', setup: { search: 'whole' } },
  { ...OWN, name: 'llava-eval, every candidate scored', setup: { search: 'candidates' } },
  { ...OWN, name: 'plain scan', script: 'ours-naive', setup: {}, queries: SCANNED_QUERIES },
  { ...PEER, name: 'minisearch', setup: { engine: 'minisearch' }, formula: FORMULAS.minisearch },
  { ...PEER, name: 'wink-bm25-text-search', setup: { engine: 'wink' }, formula: FORMULAS.wink },
  {
    ...PEER,
    name: 'okapibm25',
    setup: { engine: 'okapibm25' },
    formula: FORMULAS.okapibm25,
    queries: SCANNED_QUERIES,
  },
];

interface RetrievalRow {
  readonly chunks: number;
  readonly side: string;
  readonly queryMs: number;
  /** Its time over ours, query by query; the median of a round is one value. */
  readonly slower: Estimate;
  readonly asScan: number;
  readonly likeOurs: number;
  readonly queries: number;
}

export async function retrievalSection(bench: Bench): Promise<Section> {
  const { files, queries } = await realCode(QUERIES);
  const rows: RetrievalRow[] = [];
  const samples: unknown[] = [];
  for (const size of SIZES) {
    const searched = corpusOf(files, size);
    const path = join(bench.folder, 'searched.json');
    writeFileSync(path, JSON.stringify({ files: searched.files, documents: searched.documents, queries }));
    const sides = SIDES.filter(
      ({ name }) => name !== 'okapibm25' || searched.documents.length <= MOST_OKAPI_CHUNKS,
    );
    const measured = await measure(bench, sides, path);
    rows.push(...sides.map((side, i) => rowOf(side, measured[i]!, measured[0]!, searched, queries)));
    samples.push(measured.map((rounds) => rounds.map((round) => round.map(({ ms }) => ms))));
  }
  const versions = ['minisearch', 'wink-bm25-text-search', 'okapibm25'].map((name) => versionOf(name));
  return { title: 'Retrieval', versions, text: retrievalTable(rows), raw: { rows, samples } };
}

async function measure(
  { rounds }: Pick<Bench, 'rounds'>,
  described: readonly RetrievalSide[],
  searched: string,
): Promise<RetrievalAnswer[][]> {
  const sides: Side[] = [];
  try {
    for (const { name, script, setup } of described) {
      sides.push(await Side.open(name, script, { ...setup, searched }));
    }
    const count = new Map(described.map(({ name, queries }) => [name, queries]));
    return await interleaved(sides, orderOf(2), { rounds, warmUp: 2 }, (side) =>
      side.ask({ queries: count.get(side.name) }, retrievalAnswer),
    );
  } finally {
    for (const side of sides) side.kill();
  }
}

function rowOf(
  side: RetrievalSide,
  own: readonly RetrievalAnswer[],
  ours: readonly RetrievalAnswer[],
  { documents }: SearchedCorpus,
  queries: readonly string[],
): RetrievalRow {
  const scan = naiveScan(documents, side.formula);
  const answers = own[0]!;
  const overlaps = answers.map(({ top }, q) => {
    const chosen = new Set(ours[0]![q]!.top.map(([chunk]) => chunk));
    return top.filter(([chunk]) => chosen.has(chunk)).length / TOP_K;
  });
  return {
    chunks: documents.length,
    side: side.name,
    queryMs: median(own.flatMap((round) => round.map(({ ms }) => ms))),
    slower: ratio(
      own.map((round, r) => median(round.map(({ ms }, q) => ms / ours[r]![q]!.ms))),
      own.map(() => 1),
    ),
    asScan: answers.filter(({ top }, q) => isAsScan(top, scan, queries[q]!, side.ties)).length,
    likeOurs: overlaps.reduce((sum, share) => sum + share, 0) / overlaps.length,
    queries: answers.length,
  };
}

/** Rounding that packages do on the way. */
const TOLERANCE = 1e-6;

function isAsScan(
  top: readonly (readonly [number, number])[],
  scan: (query: string) => number[],
  query: string,
  ties: RetrievalSide['ties'],
): boolean {
  const scores = scan(query);
  const expected = naiveBest(() => scores, query);
  if (top.length !== expected.length) return false;
  switch (ties) {
    case 'ordered':
      return top.every(([chunk, score], i) => chunk === expected[i]![0] && score === expected[i]![1]);
    case 'open': {
      const close = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.abs(b);
      return top.every(
        ([chunk, score], i) => close(score, scores[chunk]!) && close(scores[chunk]!, expected[i]![1]),
      );
    }
  }
}

function retrievalTable(rows: readonly RetrievalRow[]): string {
  return markdownTable([
    [
      'Chunks',
      'Side',
      'ms a query',
      'its time / ours',
      'Top 10 as a scan of its formula',
      'Chunks shared with ours',
    ],
    ...rows.map((row) => [
      String(row.chunks),
      row.side,
      figure(row.queryMs),
      times(row.slower),
      `${row.asScan}/${row.queries}`,
      `${(100 * row.likeOurs).toFixed(0)} %`,
    ]),
  ]);
}
