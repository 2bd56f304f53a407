/**
 * @file What does a soft token carry? The names of chunks behind their own soft tokens, others and none.
 */

import type { DifferencePoint } from '../charts/differences.js';
import { fixed, interval, signed } from '../format.js';
import { estimate, nats, testResult, word } from '../view/parts/cells.js';
import type { Section } from '../view/parts/section.js';
import type { Probe, ProbeDifference } from './probe-json.js';
import { natsCell } from './smoothness-section.js';
import { carriedName } from './words.js';

/** Null where no chunk was read. */
export function identifiersSection({ identifiers, limits }: Probe): Section | null {
  const { rows, differences, chunks, unread } = identifiers;
  if (chunks.length === 0) return null;
  const names = chunks.reduce((sum, chunk) => sum + chunk.names, 0);
  return {
    id: 'identifiers',
    title: 'What a soft token carries',
    short: 'Identifiers',
    intro: [
      'The soft tokens of one chunk stand in a prompt that holds nothing but the mark of a comment. Are the names of the chunk ' +
        'likelier there than behind the soft tokens of another chunk, and does the decoder write them down?',
    ],
    charts: [
      {
        kind: 'differences',
        id: 'identifiers',
        title: 'Names of a chunk behind its own soft tokens',
        note: 'Paired by chunk, 95 % intervals. Filled: shown, after correction. Hollow: tied.',
        panels: [
          { title: 'nats a token', better: 'lower' },
          { title: 'recall, points', better: 'higher' },
        ],
        groups: [
          {
            title: carriedName('own'),
            rows: differences.map(({ base, nats: inNats, recall }, position) => ({
              position,
              name: `− ${carriedName(base)}`,
              points: [inNats === null ? null : pointOf(inNats), pointOf(recall)],
            })),
          },
        ],
      },
    ],
    tables: [
      {
        caption: 'Names of chunks, by what stands before the comment, with 95 % intervals',
        columns: [
          { title: 'soft tokens', kind: 'text' },
          { title: 'nats a token', kind: 'number', better: 'lower' },
          { title: 'recall, %', kind: 'number', better: 'higher' },
        ],
        rows: rows.map((row) => [word(carriedName(row.behind)), nats(row.nats), estimate(row.recall)]),
      },
      {
        caption: 'Own soft tokens against the others, paired by chunk, with 95 % intervals',
        columns: [
          { title: 'against', kind: 'text' },
          { title: 'nats a token', kind: 'number' },
          { title: 'corrected p', kind: 'number' },
          { title: 'recall, points', kind: 'number' },
          { title: 'corrected p of recall', kind: 'number' },
        ],
        rows: differences.map(({ base, nats: inNats, recall }) => [
          word(carriedName(base)),
          natsCell(inNats),
          testResult(inNats?.pAdjusted ?? null),
          {
            text: `${signed(recall.delta, 2)} ${interval(recall.ci95, 2)}`.trimEnd(),
            sort: recall.delta,
            verdict: recall.verdict,
          },
          testResult(recall.pAdjusted),
        ]),
      },
    ],
    notes: [
      `${chunks.length} chunks with ${fixed(names / chunks.length, 1)} names each on average. A name is a word of three letters or ` +
        'more outside quotes that is no keyword and that the other chunk does not hold.',
      `The recall is the share of a chunk’s names in a greedy continuation of at most ${limits.recallTokens} tokens.`,
      ...(unread === 0
        ? []
        : [`${unread} chunks were left out: they have no such name, or there is no other chunk.`]),
    ],
  };
}

function pointOf({ delta, ci95, verdict }: ProbeDifference): DifferencePoint | null {
  if (delta === null) return null;
  return { value: delta, low: ci95?.[0] ?? delta, high: ci95?.[1] ?? delta, isShown: verdict !== 'tied' };
}
