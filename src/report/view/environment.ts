/**
 * @file What a run was made with, for those who want to make it again.
 */

import { PROMPT_FAMILIES, promptOrder } from '../../prompt/fim.js';
import type { RunJson } from '../../run/run-json.js';
import type { Summary } from '../numbers/summary.js';

export interface Fact {
  readonly name: string;
  readonly value: string;
}

export function environment(summary: Summary, run: RunJson): Fact[] {
  const { hardware, spec, git, models } = run;
  const commit = git === null ? '' : `, commit ${git.commit.slice(0, 12)}${git.isDirty ? ' (modified)' : ''}`;
  const short = (identity: string): string => identity.slice(0, 12);
  const licences = [...new Set(run.data.map(({ licence }) => licence ?? 'licence not stated'))];
  return [
    {
      name: 'Program',
      value: `llava-eval ${spec.program.version}${commit}, ONNX Runtime ${spec.program.onnxruntime}`,
    },
    { name: 'Machine', value: `${hardware.cpu}, ${hardware.cores} logical cores, ${hardware.memoryGiB} GiB` },
    { name: 'System', value: `${hardware.platform}, Node ${hardware.node}` },
    { name: 'Device', value: device(run) },
    { name: 'Decoder', value: `${summary.decoder.name} (${short(summary.decoder.identity)})` },
    ...(summary.encoder === null
      ? []
      : [{ name: 'Encoder', value: `${summary.encoder.name} (${short(summary.encoder.identity)})` }]),
    ...(summary.retrieverEncoder === null
      ? []
      : [
          {
            name: 'Retriever encoder',
            value: `${summary.retrieverEncoder.name} (${short(summary.retrieverEncoder.identity)})`,
          },
        ]),
    {
      name: 'Models',
      value: models.sources
        .map(({ role, reference, origin }) =>
          origin === null ? `${role} ${reference}` : `${role} ${origin.id} at ${origin.commit.slice(0, 12)}`,
        )
        .join(', '),
    },
    {
      name: 'Data',
      value: `${summary.dataset.id} (${short(summary.dataset.contentHash)}), ${spec.dataset.taskCount} tasks; ${licences.join(', ')}`,
    },
    {
      name: 'Prompt',
      value:
        `${spec.maxPromptTokens} tokens with ${spec.maxNewTokens} new ones, ${spec.contextTokens} more for text of ` +
        `other files, context ${spec.contextPlacement}; ${promptForm(spec.models.promptFamily)}`,
    },
    {
      name: 'Profiles',
      value: `metrics ${summary.spec.metricProfile}, retrieval ${summary.spec.retrievalProfile}`,
    },
    {
      name: 'Timing',
      value: `${timesOf(spec)}, seed ${summary.spec.seed}`,
    },
    { name: 'Started', value: run.startedAt },
    { name: 'Finished', value: run.finishedAt ?? 'not finished' },
    { name: 'Fingerprint', value: summary.fingerprint },
  ];
}

/** Where the decoder ran; with a server, what it said of itself. */
function device({ spec: { device: place, dtype, threads, server } }: RunJson): string {
  if (server === undefined) return `${place}, ${dtype}, ${threads} threads`;
  const { version, maxModelLength, prefixCaching, promptEmbeddings, settings, encoders } = server;
  const told = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return [
    `a server with vLLM ${version}, dtype ${server.dtype ?? 'not told'}, sequences of up to ${maxModelLength} tokens`,
    `prompts as embeddings ${promptEmbeddings ? 'taken' : 'not taken'}`,
    `prefix caching ${prefixCaching === null ? 'not told' : prefixCaching ? 'on' : 'off'}`,
    ...told,
    `all else on this machine: ${encoders.device}, ${encoders.dtype}, ${threads} threads`,
  ].join('; ');
}

function timesOf({ ttftRepeats }: RunJson['spec']): string {
  if (ttftRepeats === undefined) return 'not timed';
  return `${ttftRepeats} timed prefill${ttftRepeats === 1 ? '' : 's'} a task and configuration`;
}

/** How the decoder was prompted: a family with the order of its parts, or the template that the user gave. */
function promptForm(name: string): string {
  const family = PROMPT_FAMILIES.find((known) => known === name);
  return family === undefined ? `template ${name}` : `prompt family ${family} (${promptOrder(family)})`;
}
