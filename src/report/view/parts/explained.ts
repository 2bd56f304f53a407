/**
 * @file Which part of a gain is shown, in a sentence.
 */

import type { Difference } from '../../../statistics/paired.js';
import { configurationLabel, type Configuration } from '../../../run/record.js';
import { fixed, interval, signed } from '../../format.js';
import type { Attribution } from '../../numbers/attribution.js';
import type { Comparison } from '../../numbers/verdicts.js';

/** The measure that sees most: nats a token, and ES where there are none. */
function measure({ likelihood, editSimilarity }: Comparison): {
  readonly difference: Difference;
  readonly unit: string;
  readonly digits: number;
} {
  return likelihood === null
    ? { difference: editSimilarity, unit: 'points of ES', digits: 2 }
    : { difference: likelihood.perToken, unit: 'nats a token', digits: 3 };
}

const name = (configuration: Configuration): string => configurationLabel(configuration, []);

/** @example '−0.161 nats a token [−0.262, −0.060]' */
function amount(one: Comparison): string {
  const { difference, unit, digits } = measure(one);
  return `${signed(difference.delta, digits)} ${unit} ${interval(difference.ci95, digits)}`.trimEnd();
}

/**
 * What one gain is due to, as far as the run shows it.
 *
 * @example
 * 'full-rag/jaccard: the retrieved code explains a gain (−0.161 nats a token [−0.262, −0.060] against the chunks of
 * another task). What chunks of another task change is not shown (+0.030 nats a token [−0.004, +0.064]).'
 */
export function explanation({ of, own, presence }: Attribution): string {
  const ownVerdict = measure(own).difference.verdict;
  const thereVerdict = measure(presence).difference.verdict;
  const ownPart = {
    better: `the retrieved code explains a gain (${amount(own)} against the chunks of another task)`,
    worse: `its own chunks do worse than those of another task (${amount(own)})`,
    tied: `nothing is shown to be due to the retrieved code (${amount(own)} against the chunks of another task)`,
  }[ownVerdict];
  const presencePart = {
    better: `Chunks being there at all explain a gain, too (${amount(presence)}).`,
    worse: `Chunks of another task make it worse (${amount(presence)}).`,
    tied: `What chunks of another task change is not shown (${amount(presence)}).`,
  }[thereVerdict];
  return `${name(of)}: ${ownPart}. ${presencePart}`;
}

/**
 * The gains that the retrieved code explains, over all retrievers, in one sentence for the top of a report.
 *
 * @param attributions May be empty.
 * @returns Empty without controls.
 * @example 'Gains that the retrieved code explains: full-rag/jaccard (0.161 nats a token); none is shown for compressed.'
 */
export function explainedGains(attributions: readonly Attribution[]): string {
  if (attributions.length === 0) return '';
  const explained = attributions.filter(({ own }) => measure(own).difference.verdict === 'better');
  const list = explained.map(({ of, own }) => {
    const { difference, unit, digits } = measure(own);
    return `${name(of)} (${fixed(Math.abs(difference.delta ?? 0), digits)} ${unit})`;
  });
  const silent = [...new Set(attributions.map(({ of }) => of.pipeline))].filter(
    (pipeline) => !explained.some(({ of }) => of.pipeline === pipeline),
  );
  const none = silent.length === 0 ? '' : `none is shown for ${silent.join(' and ')}`;
  const parts = [list.join(', '), none].filter((part) => part !== '');
  return `Gains that the retrieved code explains: ${parts.join('; ')}.`;
}
