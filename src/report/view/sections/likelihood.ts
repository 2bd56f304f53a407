/**
 * @file How likely the decoder finds the true completions, and what the pipelines differ by.
 */

import { nats, natsDifference, number, testResult, word } from '../parts/cells.js';
import { atTopK, comparisonName, type Context } from '../parts/context.js';
import type { Section } from '../parts/section.js';
import type { Comparison } from '../../numbers/verdicts.js';
import { configurationLabel } from '../../../run/record.js';

type WithLikelihood = Comparison & { readonly likelihood: NonNullable<Comparison['likelihood']> };

export function likelihood({ summary, comparisons, topK, positions }: Context): Section | null {
  const rows = summary.rows.filter((row) => row.likelihood !== null);
  if (rows.length === 0) return null;
  const compared = comparisons.filter((one): one is WithLikelihood => one.likelihood !== null);
  const shown = compared.filter((one) => one.likelihood.perToken.verdict !== 'tied').length;
  const retrievers = [...new Set(compared.map(({ of }) => of.retriever))];
  return {
    id: 'likelihood',
    title: 'Likelihood of the true completion',
    short: 'Likelihood',
    intro: [
      'The cross entropy of the true completion behind the prompt that was timed, in nats: fewer are better. It sees what the ' +
        'decoder thinks of every token, where EM and ES see the one completion that it picks, and so it shows effects with ' +
        'far fewer tasks.',
    ],
    charts:
      compared.length === 0
        ? []
        : [
            {
              kind: 'differences',
              id: 'likelihood',
              title:
                shown === 0
                  ? `No difference in likelihood is shown in any of ${compared.length} comparisons`
                  : `A difference in likelihood is shown in ${shown} of ${compared.length} comparisons`,
              note: `${atTopK(summary, topK)}Paired by task, 95 % intervals. Filled: shown, after correction. Hollow: tied.`,
              panels: [{ title: 'nats a token', better: 'lower' }],
              groups: retrievers.map((retriever) => ({
                title: retriever ?? 'no retriever',
                rows: compared
                  .filter(({ of }) => of.retriever === retriever)
                  .map(({ of, base, likelihood: { perToken } }) => ({
                    position: positions.get(of.pipeline)!,
                    name: `${of.pipeline} − ${base.pipeline}`,
                    points: [
                      perToken.delta === null
                        ? null
                        : {
                            value: perToken.delta,
                            low: perToken.ci95?.[0] ?? perToken.delta,
                            high: perToken.ci95?.[1] ?? perToken.delta,
                            isShown: perToken.verdict !== 'tied',
                          },
                    ],
                  })),
              })),
            },
          ],
    tables: [
      {
        caption: 'Cross entropy of the true completion in nats, with 95 % intervals',
        columns: [
          { title: 'configuration', kind: 'text' },
          { title: 'n', kind: 'number' },
          { title: 'a token', kind: 'number', better: 'lower' },
          { title: 'a character', kind: 'number', better: 'lower' },
          { title: 'a token, to write it', kind: 'number', better: 'lower' },
          { title: 'to end it', kind: 'number', better: 'lower' },
        ],
        rows: rows.map((row) => {
          const { tasks, perToken, perCharacter, writing, ending } = row.likelihood!;
          return [
            word(configurationLabel(row, summary.spec.topK)),
            number(tasks, 0),
            nats(perToken),
            nats(perCharacter),
            nats(writing),
            nats(ending),
          ];
        }),
      },
      {
        caption: 'Paired differences in nats a token with 95 % intervals',
        columns: [
          { title: 'comparison', kind: 'text' },
          { title: 'nats a token', kind: 'number' },
          { title: 'corrected p', kind: 'number' },
          { title: 'detectable difference', kind: 'number' },
          { title: 'likelier on tasks', kind: 'number' },
          { title: 'less likely', kind: 'number' },
          { title: 'to write it', kind: 'number' },
        ],
        rows: compared.map((one) => {
          const { perToken, writing } = one.likelihood;
          return [
            word(comparisonName(one)),
            natsDifference(perToken),
            testResult(perToken.pAdjusted),
            number(perToken.detectable, 3),
            number(perToken.won, 0),
            number(perToken.lost, 0),
            natsDifference(writing),
          ];
        }),
      },
    ],
    notes: [
      'A token: of all tokens, the end included. A character: of the text without its end, which compares decoders with ' +
        'different vocabularies. To write it: of the tokens but the last, which holds the end. A prompt can make a decoder ' +
        'better at ending a line and no better at writing it.',
      `The decoder ends a line by a ${summary.spec.referenceEnd === 'line-end' ? 'line end' : 'stop token'}, and is held to that.`,
    ],
  };
}
