/**
 * @file `llava-eval train`: flags to a request, events to progress, an outcome to text and exit code.
 */

import { InvalidArgumentError, type Command } from 'commander';
import {
  BUNDLE_DTYPES,
  DEFAULT_ENCODER,
  DEFAULT_PREFIX_BYTES,
  DEFAULT_PROMPT_TOKENS,
  DEFAULT_TRAINING_LINES,
  DEFAULT_TRAINING_RETRIEVER,
  DEFAULT_VALIDATION_SHARE,
  DEFAULT_VALIDATION_TASKS,
  type TrainRequest,
} from '../../comparison/train/request.js';
import { natsText } from '../../comparison/train/report-lines.js';
import { trainProjector, type TrainOutcome } from '../../comparison/train/train.js';
import { EXIT, type ExitCode } from '../../domain/errors.js';
import { LANGUAGES } from '../../domain/languages.js';
import { PREFIX_DTYPES } from '../../inference/differentiable.js';
import { quoted } from '../../run/command-line.js';
import { CONTEXT_PLACEMENTS } from '../../prompt/assemble.js';
import { ENCODER_INPUTS } from '../../prompt/encoder-input.js';
import { PROMPT_FAMILIES } from '../../prompt/fim.js';
import { DEFAULT_RETRIEVAL_PROFILE, RETRIEVAL_PROFILES } from '../../retrieval/profile.js';
import { filterSummaries, HOLE_FILTERS } from '../../training/data/filters.js';
import { DEFAULT_RECIPE, RECIPE_SUMMARIES } from '../../training/recipes/all.js';
import { anyWholeNumber, limit, oneMore, oneOf, retriever, wholeNumber, words } from '../flags/options.js';
import { commandToContinue } from '../terminal/invocation.js';
import type { Progress } from '../terminal/progress.js';
import type { Shell } from '../terminal/shell.js';
import { progressOf, surroundingsOf } from '../terminal/surroundings.js';

interface TrainFlags extends Omit<TrainRequest, 'datasets' | 'prefixBytes'> {
  readonly dataset: string[];
  readonly prefixGigabytes?: number;
  readonly json?: true;
  readonly quiet?: true;
}

const recipes = [...RECIPE_SUMMARIES].map(([name, summary]) => `${name} (${summary})`).join('; ');

/** Registers the command. */
export function registerTrain(program: Command, shell: Shell): void {
  program
    .command('train')
    .summary('train a projector for a decoder and an encoder')
    .description(
      'Trains the projector of compressed prompts on holes of any dataset or folder of code, with decoder and encoder ' +
        'frozen, and writes a bundle that run takes. It can be stopped at any time and goes on with --resume.',
    )
    .requiredOption('--decoder <id|dir|file>', 'decoder as weights: hub id, folder or .gguf file')
    .option(
      '--encoder <id|dir|decoder-layers:N>',
      'encoder, or the first N layers of the decoder itself',
      DEFAULT_ENCODER,
    )
    .option(
      '--encoder-input <name>',
      `what the encoder reads: ${ENCODER_INPUTS.join(', ')}`,
      oneOf(ENCODER_INPUTS),
    )
    .option(
      '--prompt-family <name>',
      `${PROMPT_FAMILIES.join(', ')} (default: recognized)`,
      oneOf(PROMPT_FAMILIES),
    )
    .requiredOption(
      '--dataset <id|file|dir>',
      'benchmark, JSONL file, or a folder with code; several: once for each',
      oneMore,
    )
    .option('--repos <dir>', 'where the repositories of JSONL files lie')
    .option(
      '--language <name>',
      `only lines of this language, of folders: ${LANGUAGES.join(', ')}`,
      oneOf(LANGUAGES),
    )
    .option(
      '--lines <n>',
      'lines to cut out of each folder, as far as it has them',
      wholeNumber(1),
      DEFAULT_TRAINING_LINES,
    )
    .option('--skip-invalid', 'leave damaged records out and count them')
    .option(
      '--exclude <id|file|dir>',
      'code that will be evaluated and must not be trained on; several: once for each',
      oneMore,
    )
    .option(
      '--validation-share <x>',
      'share of the holes that validate, whole repositories',
      fraction,
      DEFAULT_VALIDATION_SHARE,
    )
    .option('--validation-repos <a,b>', 'repositories that validate (default: drawn by the seed)', words)
    .option(
      '--validation-tasks <n>',
      'holes to validate on, at most',
      wholeNumber(2),
      DEFAULT_VALIDATION_TASKS,
    )
    .option('--limit <n>', 'holes to train on, at most, before the filter (default: all)', limit)
    .option('--filter <name>', filterSummaries(), oneOf(HOLE_FILTERS), 'all')
    .option(
      '--target-lines <n>',
      'lines that are missing and taught in a training hole; validation holes miss one',
      wholeNumber(1),
      1,
    )
    .option(
      '--retriever <name>',
      'jaccard, bm25, or the chunks that records ship',
      retriever,
      DEFAULT_TRAINING_RETRIEVER,
    )
    .option(
      '--retrieval-profile <name>',
      RETRIEVAL_PROFILES.join(', '),
      oneOf(RETRIEVAL_PROFILES),
      DEFAULT_RETRIEVAL_PROFILE,
    )
    .option('--top-k <k>', 'chunks a hole (default: the profile’s)', wholeNumber(1))
    .option(
      '--soft-tokens-per-chunk <k>',
      'soft tokens that a chunk becomes, such as 1, 2, 4 or 8',
      wholeNumber(1),
      1,
    )
    .option('--projector-layers <n>', 'Linear layers of the projector: 2, 3 or 4', projectorLayers, 3)
    .option('--recipe <name|file.json>', recipes, DEFAULT_RECIPE)
    .option(
      '--from <dir>',
      'bundle of an earlier training: take over the constant vectors and the projector that it trained',
    )
    .option(
      '--context-placement <name>',
      `where soft tokens stand: ${CONTEXT_PLACEMENTS.join(', ')}`,
      oneOf(CONTEXT_PLACEMENTS),
      'after-suffix',
    )
    .option(
      '--max-prompt-tokens <n>',
      'code around the hole, in tokens',
      wholeNumber(64),
      DEFAULT_PROMPT_TOKENS,
    )
    .option(
      '--prefix-gigabytes <n>',
      'disk for kept keys and values; 0 keeps none',
      wholeNumber(0),
      DEFAULT_PREFIX_BYTES / 1e9,
    )
    .option(
      '--prefix-dir <dir>',
      'where kept keys and values lie: trainings on the same holes share them (default: in --out)',
    )
    .option(
      '--prefix-dtype <name>',
      `how they are computed: ${PREFIX_DTYPES.join(', ')}`,
      oneOf(PREFIX_DTYPES),
      'fp32',
    )
    .option('--threads <n>', 'threads of the runtime (default: physical cores)', wholeNumber(1))
    .option('--seed <n>', 'of everything that is drawn', anyWholeNumber, 0)
    .option('--name <name>', 'of the bundle (default: after the recipe)')
    .option(
      '--bundle-decoder <hub id>',
      'how the bundle names the decoder, where --decoder is a file of it (default: --decoder)',
    )
    .option('--bundle-encoder <hub id>', 'the same for the encoder (default: --encoder)')
    .option(
      '--bundle-dtype <name>',
      `weights of the projector in the bundle, of ${BUNDLE_DTYPES.join(' or ')}; the latter is half as large`,
      oneOf(BUNDLE_DTYPES),
      'fp32',
    )
    .requiredOption('--out <dir>', 'folder of the training; the bundle lies in it')
    .option('--resume', 'go on with the training in --out')
    .option(
      '--bundle-only',
      'with --resume: write the bundle of the best checkpoint so far, and train no further',
    )
    .option('--json', 'print the result as one JSON object')
    .option('--quiet', 'no progress and no notes on stderr')
    .action(async (flags: TrainFlags) => {
      const progress = progressOf(flags, shell);
      const outcome = await trainProjector(requestOf(flags), surroundingsOf(shell, progress));
      shell.exit(show(outcome, flags, progress, shell));
    });
}

function requestOf({ dataset, prefixGigabytes, ...flags }: TrainFlags): TrainRequest {
  return {
    ...flags,
    datasets: dataset,
    prefixBytes: prefixGigabytes === undefined ? undefined : prefixGigabytes * 1e9,
  };
}

function show(outcome: TrainOutcome, { json }: TrainFlags, progress: Progress, shell: Shell): ExitCode {
  if (outcome.kind === 'interrupted') {
    progress.note(
      outcome.hasCheckpoint
        ? `interrupted: the checkpoint is in ${outcome.folder}\n  go on with: ${commandToContinue(shell.invocation, outcome.folder, null)}`
        : `interrupted before the first step\n  go on with: ${commandToContinue(shell.invocation, outcome.folder, null)}`,
    );
    return EXIT.interrupted;
  }
  const { bundle, folder, stages } = outcome;
  if (json === true) shell.stdout.write(`${JSON.stringify(outcome)}\n`);
  else {
    const { differences } = stages.at(-1)!.best.validation;
    const lines = Object.entries(differences).map(([key, value]) => `  ${key.padEnd(18)} ${natsText(value)}`);
    shell.stdout.write(`validation, nats a token (fewer are better):\n${lines.join('\n')}\n`);
  }
  progress.note(
    `\nthe bundle is in ${bundle}; curves.svg in ${folder} shows the validations\n` +
      `  evaluate it with: ${quoted([...shell.invocation.program, 'run', '--model', bundle])}`,
  );
  return EXIT.done;
}

/** A number above 0 and below 1. */
function fraction(text: string): number {
  const value = Number(text);
  if (!/^0?\.\d+$/.test(text) || !(value > 0 && value < 1)) {
    throw new InvalidArgumentError(`expected a number above 0 and below 1, such as 0.1, got "${text}".`);
  }
  return value;
}

function projectorLayers(text: string): 2 | 3 | 4 {
  const layers = ([2, 3, 4] as const).find((one) => String(one) === text);
  if (layers === undefined) throw new InvalidArgumentError(`expected 2, 3 or 4, got "${text}".`);
  return layers;
}
