/**
 * @file A probe as a reader meets it. The documents of runs show it, too.
 */

import { fixed, signed } from '../format.js';
import type { ReportView } from '../view/view.js';
import { collapseSection } from './collapse-section.js';
import { identifiersSection } from './identifiers-section.js';
import type { Probe } from './probe-json.js';
import { smoothnessSection } from './smoothness-section.js';

export function probeView(probe: Probe): ReportView {
  const { spec, models } = probe;
  const sections = [collapseSection(probe), smoothnessSection(probe), identifiersSection(probe)];
  return {
    title: `Probe of ${models.bundle} on ${spec.dataset.id}`,
    facts: [
      `${spec.dataset.taskCount} tasks`,
      `retriever ${spec.retrievers.join(', ')}`,
      `top-k ${spec.topK.join(', ')}`,
      `context ${spec.contextPlacement}`,
      `${spec.device} ${spec.dtype}`,
      `seed ${spec.seed}`,
    ],
    headline: collapseSentence(probe),
    statements: [
      ...optional('smoothness', smoothnessSentence(probe)),
      ...optional('identifiers', identifiersSentence(probe)),
    ],
    sections: sections.flatMap((section) => section ?? []),
    caveats: caveats(probe),
    environment: [
      {
        name: 'Program',
        value: `llava-eval ${spec.program.version}, ONNX Runtime ${spec.program.onnxruntime}`,
      },
      { name: 'Device', value: `${spec.device}, ${spec.dtype}, ${spec.threads} threads` },
      { name: 'Decoder', value: `${models.decoder} (${short(spec.models.decoder)})` },
      { name: 'Encoder', value: `${models.encoder} (${short(spec.models.compression?.encoder ?? '')})` },
      { name: 'Projector', value: short(spec.models.compression?.projector ?? '') },
      {
        name: 'Data',
        value: `${spec.dataset.id} (${short(spec.dataset.contentHash)}), ${spec.dataset.taskCount} tasks`,
      },
      { name: 'Profiles', value: `metrics ${spec.metricProfile}, retrieval ${spec.retrievalProfile}` },
    ],
  };
}

function short(identity: string): string {
  return identity.slice(0, 12);
}

function optional(subject: string, text: string | null): ReportView['statements'] {
  return text === null ? [] : [{ subject, text }];
}

/** A mean cosine from which vectors count as collapsed: chunks are then less than 8 degrees apart. */
const COLLAPSED = 0.99;

/** The sentence about collapse. */
export function collapseSentence({ collapse: { encoder, softTokens, agreement } }: Probe): string {
  const numbers =
    `Their mean cosine is ${fixed(softTokens.meanCosine, 3)} (encoder ${fixed(encoder.meanCosine, 3)}), their effective rank ` +
    `${fixed(softTokens.effectiveRank, 1)} of ${softTokens.width} (encoder ${fixed(encoder.effectiveRank, 1)} of ${encoder.width})`;
  const agrees =
    agreement.correlation === null
      ? ''
      : `, and the cosines of pairs correlate by ${fixed(agreement.correlation, 3)} before and after the projector`;
  const verdict =
    softTokens.meanCosine >= COLLAPSED
      ? 'The soft tokens have collapsed: all chunks look alike.'
      : 'The soft tokens have not collapsed to one point.';
  return `${verdict} ${numbers}${agrees}.`;
}

/** The sentence about smoothness; null where no task was read or scored. */
export function smoothnessSentence({ smoothness: { rows } }: Probe): string | null {
  const of = (kind: 'interpolated' | 'random') =>
    rows.findLast(({ perturbation }) => perturbation.kind === kind)?.nats ?? null;
  const [other, random] = [of('interpolated'), of('random')];
  if (other === null || random === null) return null;
  const say = ({ delta, verdict }: NonNullable<typeof other>): string =>
    `${signed(delta, 3)} nats a token (${verdict === 'tied' ? 'not shown' : 'shown'})`;
  return (
    `Soft tokens of other chunks in place of the own ones change the true completion by ${say(other)}, and random vectors of the ` +
    `same norm by ${say(random)}.`
  );
}

/** The sentence about names; null where no chunk was read. */
export function identifiersSentence({ identifiers: { rows, differences, chunks } }: Probe): string | null {
  const other = differences.find(({ base }) => base === 'other');
  if (chunks.length === 0 || other === undefined) return null;
  const recall = (behind: (typeof rows)[number]['behind']): string =>
    `${fixed(rows.find((row) => row.behind === behind)?.recall.mean ?? null, 1)} %`;
  const likelier =
    other.nats === null
      ? ''
      : `Names of a chunk take ${signed(other.nats.delta, 3)} nats a token behind its own soft tokens compared with another chunk’s ` +
        `(${other.nats.verdict === 'tied' ? 'not shown' : 'shown'}). `;
  return `${likelier}The decoder writes ${recall('own')} of them behind the own soft tokens and ${recall('other')} behind another chunk’s.`;
}

function caveats({ collapse, spec, smoothness }: Probe): string[] {
  return [
    ...(spec.referenceEnd === undefined
      ? [
          'The decoder hands out no probabilities. Completions and recall were measured, likelihoods were not.',
        ]
      : []),
    ...(collapse.measured < collapse.found
      ? [
          `Collapse was measured on ${collapse.measured} of ${collapse.found} chunks, chosen by hash (--chunks).`,
        ]
      : []),
    ...(smoothness.tasks.length > 0 && smoothness.tasks.length < 20
      ? [`${smoothness.tasks.length} tasks are few: intervals are wide, and small effects are not shown.`]
      : []),
    'A probe says what soft tokens are. Whether they help is for `llava-eval run` with the controls to say.',
  ];
}
