/**
 * @file What a gain of retrieval is due to.
 *
 * A pipeline that gains over `no-context` may owe it to what was retrieved, or to something being there at all: a longer
 * prompt, a constant that the soft tokens say, code of the same language. A control that shows the chunks of another
 * task tells them apart:
 *
 *   gain over the base  =  (pipeline − control)  +  (control − base)
 *                          due to its own chunks    due to chunks being there
 *
 * Each part is a comparison of the run with its own interval and verdict, corrected with all others. The parts add up
 * where the same tasks were scored by all three.
 */

import { counterpart } from '../../run/configurations.js';
import { borrowsChunks, pipelineInRole, readingOf } from '../../pipelines/kinds.js';
import { isSameConfiguration, type Configuration } from '../../run/record.js';
import { recoveredShare, type Recovery } from '../../statistics/recovery.js';
import { asGain } from './likelihood.js';
import type { OutcomeColumn, OutcomeTable } from './outcomes.js';
import type { Comparison } from './verdicts.js';

/** One gain in its two parts, as comparisons of the run. */
export interface Attribution {
  readonly of: Configuration;
  readonly control: Configuration;
  readonly base: Configuration;
  /** `of` against `base`. */
  readonly total: Comparison;
  /** `of` against `control`: what the retrieved code explains. */
  readonly own: Comparison;
  /** `control` against `base`: what any code explains. */
  readonly presence: Comparison;
  /**
   * Which share of the own part of full text this own part is; null for full text itself, without its control in the run,
   * or where no own part of it is shown.
   */
  readonly ownShareOfText: {
    readonly likelihood: Recovery | null;
    readonly editSimilarity: Recovery | null;
  } | null;
}

const FULL_TEXT = pipelineInRole('full-text');

/** Every gain of a table that has a control with borrowed chunks, in the order of the columns. */
export function attributions(table: OutcomeTable, comparisons: readonly Comparison[]): Attribution[] {
  const found = (of: Configuration, base: Configuration): Comparison | undefined =>
    comparisons.find((one) => isSameConfiguration(one.of, of) && isSameConfiguration(one.base, base));
  const split = table.columns.flatMap(({ configuration: of }) =>
    comparisons.flatMap((own): Omit<Attribution, 'ownShareOfText'>[] => {
      const control = own.base;
      if (!isSameConfiguration(own.of, of) || !borrowsChunks(control.pipeline)) return [];
      const presences = comparisons.filter(
        (one) =>
          isSameConfiguration(one.of, control) &&
          readingOf(one.of.pipeline, one.base.pipeline) === 'baseline',
      );
      return presences.flatMap((presence) => {
        const total = found(of, presence.base);
        return total === undefined ? [] : [{ of, control, base: presence.base, total, own, presence }];
      });
    }),
  );
  const textOf = ({ of }: Pick<Attribution, 'of'>): Omit<Attribution, 'ownShareOfText'> | undefined =>
    split.find((one) => isSameConfiguration(one.of, counterpart(of, FULL_TEXT)));
  return split.map((one) => {
    const text = textOf(one);
    const isText = one.of.pipeline === FULL_TEXT;
    return { ...one, ownShareOfText: isText || text === undefined ? null : ownShare(one, text, table) };
  });
}

/** The own part of soft tokens as a share of that of text, in each metric in which that of text is shown. */
function ownShare(
  one: Pick<Attribution, 'of' | 'control'>,
  text: Pick<Attribution, 'of' | 'control' | 'own'>,
  table: OutcomeTable,
): Attribution['ownShareOfText'] {
  const columnOf = (wanted: Configuration): OutcomeColumn =>
    table.columns.find(({ configuration }) => isSameConfiguration(configuration, wanted))!;
  const part = (
    { of, control }: Pick<Attribution, 'of' | 'control'>,
    read: (column: OutcomeColumn) => Float64Array,
  ): Float64Array => {
    const [own, other] = [read(columnOf(of)), read(columnOf(control))];
    return own.map((value, i) => value - other[i]!);
  };
  const share = (read: (column: OutcomeColumn) => Float64Array): Recovery | null => {
    const mine = part(one, read);
    return recoveredShare(mine, part(text, read), new Float64Array(mine.length), table, 'graded');
  };
  return {
    likelihood:
      text.own.likelihood?.perToken.verdict === 'better'
        ? share(({ likelihood }) => asGain(likelihood.perToken))
        : null,
    editSimilarity:
      text.own.editSimilarity.verdict === 'better' ? share(({ editSimilarity }) => editSimilarity) : null,
  };
}
