/**
 * @file What a training leaves: a bundle that `run` takes, its card, and curves.
 */

import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeAtomically, writePartsAtomically } from '../../files/atomic-file.js';
import { portablePath } from '../../files/portable-path.js';
import {
  parseBundle,
  TRAINED_PARTS,
  type BundleDescription,
  type TrainedPart,
} from '../../model/folder/bundle.js';
import { safetensorsParts, type WrittenType } from '../../model/weights/safetensors-writer.js';
import { drawCharts, type ChartInput } from '../../report/charts/charts.js';
import type { LineSeries } from '../../report/charts/lines.js';
import type { Position } from '../../training/loop/checkpoint.js';
import type { MetricsLine } from '../../training/loop/metrics-file.js';
import { CONSTANTS, constantsOf, projectorOf } from '../../training/loop/world.js';
import { VARIANTS } from '../../training/loop/validation.js';
import { natsText } from './report-lines.js';
import type { TrainFolder } from './folder.js';
import type { Training } from './open.js';
import { CHUNK_TOKENS } from './request.js';

/** File names in a bundle. */
const PROJECTOR_FILE = 'projector.safetensors';
const CONSTANTS_FILE = 'soft_prompt.safetensors';
const STATISTICS_FILE = 'encoder.safetensors';

/** Of the projector in the file. */
const ELEMENT_TYPES = { fp32: 'F32', fp16: 'F16' } as const satisfies Record<string, WrittenType>;

/** Writes the bundle; `bundle.json` comes last, so that a folder with one is whole. */
export async function writeBundle(
  training: Training,
  folder: TrainFolder,
  parameters: ReadonlyMap<string, Float32Array>,
  position: Position,
): Promise<void> {
  const { model, encoder, world, settings } = training;
  const projector = [...projectorOf(parameters)].map(([name, data]) => ({
    ...{ name, data, shape: world.projector.shapes.get(name)! },
  }));
  const projectorParts = safetensorsParts(projector, {}, ELEMENT_TYPES[settings.bundleDtype]);
  await writePartsAtomically(join(folder.bundle, PROJECTOR_FILE), projectorParts);
  const constants = constantsOf(parameters, world.decoder.width);
  if (constants !== null) {
    const { rows, cols, data } = constants;
    const tensor = { name: CONSTANTS, shape: [rows, cols], data };
    await writePartsAtomically(join(folder.bundle, CONSTANTS_FILE), safetensorsParts([tensor]));
  }
  if (encoder.named === null) await copyFile(folder.statistics, join(folder.bundle, STATISTICS_FILE));
  await writeAtomically(join(folder.bundle, 'README.md'), cardOf(training, position));
  const description: BundleDescription = {
    schema: 'llava-eval/bundle@1',
    name: training.name,
    version: '1.0.0',
    // The weights are made of the user's models and data, whose licences bind them.
    license: 'unstated',
    decoder: { reference: settings.bundleDecoder ?? model.reference, promptFamily: model.family },
    encoder: {
      ...(settings.encoder.kind === 'decoder-layers'
        ? { decoderLayers: { layers: settings.encoder.layers, statistics: STATISTICS_FILE } }
        : { reference: settings.bundleEncoder ?? encoder.named!.reference }),
      ...{ input: encoder.input, maxTokens: encoder.maxTokens, normalize: encoder.normalize },
      pooling: encoder.pooling,
    },
    projector: { path: PROJECTOR_FILE, layers: settings.projectorLayers },
    ...(constants === null ? {} : { softPrompt: { path: CONSTANTS_FILE } }),
    trainedFor: {
      ...{ decoder: model.decoder.identity, encoder: encoder.encoder.identity },
      parts: partsOf(training),
    },
    defaults: {
      maxPromptTokens: settings.maxPromptTokens,
      contextTokens: CHUNK_TOKENS,
      contextPlacement: settings.contextPlacement,
    },
  };
  const text = `${JSON.stringify(description, null, 2)}\n`;
  const path = join(folder.bundle, 'bundle.json');
  parseBundle(text, path);
  await writeAtomically(path, text);
}

/** What the recipe trains, and what was taken over. */
function partsOf({ recipe, earlier }: Training): TrainedPart[] {
  const trained = new Set([
    ...recipe.stages.flatMap(({ trains }) => trains),
    ...(earlier === null ? [] : earlier.parts),
  ]);
  return TRAINED_PARTS.filter((part) => trained.has(part));
}

/** Draws the validations of all stages. */
export async function writeCurves(path: string, name: string, lines: readonly MetricsLine[]): Promise<void> {
  const [chart] = await drawCharts([curvesOf(name, lines)]);
  await writeAtomically(path, chart!.file);
}

/** Nats of each variant, and the differences, over the samples seen by all stages so far. */
function curvesOf(name: string, lines: readonly MetricsLine[]): ChartInput {
  const validations = lines.flatMap((line) => (line.kind === 'validation' ? [line] : []));
  const before = new Map<number, number>();
  let seen = 0;
  for (const index of new Set(lines.map(({ stageIndex }) => stageIndex))) {
    before.set(index, seen);
    seen += Math.max(...lines.filter(({ stageIndex }) => stageIndex === index).map(({ samples }) => samples));
  }
  const at = ({ stageIndex, samples }: MetricsLine): number => before.get(stageIndex)! + samples;
  /** No line where no validation has the number. */
  const curves = (
    names: readonly string[],
    firstLook: number,
    meanOf: (name: string, line: (typeof validations)[number]) => Mean | undefined,
  ): LineSeries[] =>
    names.flatMap((one, i) => {
      const points = validations.flatMap((line) => {
        const found = meanOf(one, line);
        if (found === undefined) return [];
        const { mean: y, ci95 } = found;
        return [{ x: at(line), y, low: ci95?.[0] ?? y, high: ci95?.[1] ?? y }];
      });
      return points.length === 0 ? [] : [{ name: one, position: firstLook + i, points }];
    });
  const differences = [
    ...new Set(validations.flatMap(({ validation }) => Object.keys(validation.differences))),
  ];
  const axis = 'training samples seen';
  const panels = [
    {
      ...{ title: 'Differences, nats a token, paired by hole', axis, format: '~r', hasZero: true },
      series: curves(differences, VARIANTS.length, (key, { validation }) => validation.differences[key]),
    },
    {
      ...{ title: 'Cross entropy of the missing line, nats a token', axis, format: '~r', hasZero: false },
      // Its intervals are over holes that differ much more than the prompts do, so they would hide the lines.
      series: curves(VARIANTS, 0, (variant, { validation }) => {
        const found = validation.means[variant as (typeof VARIANTS)[number]];
        return found === undefined ? undefined : { mean: found.mean, ci95: null };
      }),
    },
  ];
  return {
    ...{ kind: 'lines', id: 'curves' },
    title: `Training of ${name}`,
    note: 'Validation holes behind prompts that differ in one thing; 95 % intervals. own - shuffled is what the chunks give.',
    panels: panels.filter(({ series }) => series.length > 0),
  };
}

interface Mean {
  readonly mean: number;
  readonly ci95: readonly [number, number] | null;
}

/** The card: what was trained on what, what it came to, and how to use it. */
export function cardOf(training: Training, position: Position): string {
  const { name, model, encoder, settings, recipe, data, world, prefixNote } = training;
  const last = position.finished.at(-1)!;
  const { means, differences, holes } = last.best.validation;
  const listed = (files: Readonly<Record<string, string>>): string[] =>
    Object.entries(files).map(([path, hash]) => `- \`${path}\`: \`${hash}\``);
  return [
    `# ${name}`,
    '',
    `A projector of \`llava-eval train\` (recipe \`${recipe.name}\`): it turns retrieved chunks into soft tokens for one decoder.`,
    '',
    '```sh',
    `llava-eval run --model ${portablePath(resolve(settings.out, 'bundle'))}`,
    '```',
    '',
    '## What it was measured at',
    '',
    `${holes} holes that it was not trained on, nats a token (fewer are better), 95 % intervals; at the best checkpoint of the last stage (step ${last.best.step}).`,
    '',
    '| prompt | cross entropy |',
    '|---|---|',
    ...Object.entries(means).map(([variant, mean]) => `| ${variant} | ${natsText(mean)} |`),
    '',
    '| difference | nats a token |',
    '|---|---|',
    ...Object.entries(differences).map(([key, mean]) => `| ${key} | ${natsText(mean)} |`),
    '',
    data.split.by === 'repository'
      ? `The validation repositories are apart from the training ones: ${data.split.held.join(', ')}.`
      : `There was one repository, so that training and validation are apart by file only (${data.split.held.length} files are held back). The numbers say little about other code.`,
    '',
    '## Stages',
    '',
    '| stage | steps | samples | best step | by | value |',
    '|---|---|---|---|---|---|',
    ...position.finished.map(
      ({ name: stage, steps, samples, best, endedEarly }) =>
        `| ${stage} | ${steps}${endedEarly ? ' (ended early)' : ''} | ${samples} | ${best.step} | ${best.criterion.name} | ${best.criterion.value.toFixed(4)} |`,
    ),
    '',
    '## Data',
    '',
    ...data.datasets.map(({ id, contentHash, tasks }) => `- ${id}: ${tasks} holes, \`${contentHash}\``),
    ...data.excluded.map(({ id, contentHash }) => `- kept out: ${id}, \`${contentHash}\``),
    `- left out as they stand in code that was kept out: ${data.duplicates.exact} exact, ${data.duplicates.near} near`,
    `- used: ${world.data.training.length} samples to train, ${world.data.validation.length} to validate; filter \`${settings.filter}\`, retriever \`${settings.retriever}\`, top-k ${data.topK}`,
    '',
    '## Models',
    '',
    `Decoder \`${settings.bundleDecoder ?? model.reference}\`, identity \`${model.decoder.identity}\`:`,
    '',
    ...listed(model.files),
    '',
    encoder.named === null
      ? `Encoder: the first ${settings.encoder.kind === 'decoder-layers' ? settings.encoder.layers : 0} layers of the decoder, identity \`${encoder.encoder.identity}\`.`
      : `Encoder \`${settings.bundleEncoder ?? encoder.named.reference}\`, identity \`${encoder.encoder.identity}\`:`,
    '',
    ...listed(encoder.named?.files ?? {}),
    '',
    `Soft tokens a chunk: ${settings.softTokensPerChunk}; constant vectors: ${recipe.constants}; seed ${settings.seed}. ${prefixNote}`,
    ...(settings.bundleDtype === 'fp32'
      ? []
      : [
          '',
          `The projector is stored in ${settings.bundleDtype}. The numbers above were measured before rounding.`,
        ]),
    '',
    '## Licence',
    '',
    'Not stated. The licences of the decoder, the encoder and the code it was trained on may bind it.',
    '',
  ].join('\n');
}
