/**
 * @file `llava-eval models`: what is here, fetch a model, look at one before fetching it, check one.
 *
 * What is done is done in `src/inspection/`; this file turns flags into calls and their answers into text or JSON.
 */

import type { Command } from 'commander';
import { fetchingWith } from '../../comparison/events.js';
import { EXIT } from '../../domain/errors.js';
import type { ResolveOptions } from '../../hub/resolve.js';
import { MODEL_ROLES, type ModelRole } from '../../hub/wanted-files.js';
import { DTYPES, type Dtype } from '../../inference/device.js';
import { DEFAULT_POSITIONS, inspectModel } from '../../inspection/inspect.js';
import { listModels } from '../../inspection/list.js';
import { pullModel } from '../../inspection/pull.js';
import { verifyModel } from '../../inspection/verify.js';
import { oneOf, wholeNumber } from '../flags/options.js';
import { renderDescription, renderList, renderPulled, renderVerification } from '../terminal/model-text.js';
import { progressOn } from '../terminal/progress.js';
import { jsonText } from '../terminal/json-text.js';
import type { Shell } from '../terminal/shell.js';
import { surroundingsOf } from '../terminal/surroundings.js';

interface JsonFlag {
  readonly json?: true;
}

interface PullFlags extends JsonFlag {
  readonly as?: ModelRole;
  readonly dtype?: Dtype;
}

interface InspectFlags extends JsonFlag {
  readonly promptTokens?: number;
}

const REFERENCE = 'nano, a path, or owner/name[@revision][/path] on the hub';
const INSPECTABLE = `${REFERENCE}; or synthetic:<shape>`;

/** Registers the command and its subcommands. */
export function registerModels(program: Command, shell: Shell): void {
  const models = program
    .command('models')
    .summary('list | pull | inspect | verify')
    .description('Models: what is on this machine, fetch one, look at one before fetching it, check one.');
  const roleFlag = ['--as <role>', `${MODEL_ROLES.join(', ')} (default: what its files say)`] as const;

  models
    .command('list')
    .description('the embedded model, those in the cache of the Hugging Face hub, and the synthetic ones')
    .option('--json', 'print JSON')
    .action(async ({ json }: JsonFlag) => {
      const listed = await listModels();
      shell.stdout.write(json === true ? jsonText(listed) : renderList(listed));
    });

  models
    .command('pull')
    .description('fetch what a run needs of a model, once; later runs work offline')
    .argument('<model>', REFERENCE)
    .option(...roleFlag, oneOf(MODEL_ROLES))
    .option('--dtype <name>', 'number format, where a model has one ONNX export for each', oneOf(DTYPES))
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: PullFlags) => {
      const pulled = await pullModel(reference, flags.as, fetching(shell, flags));
      shell.stdout.write(flags.json === true ? jsonText(pulled) : renderPulled(pulled));
    });

  models
    .command('inspect')
    .description('what a model is and whether it fits this machine, before its weights are fetched')
    .argument('<model>', INSPECTABLE)
    .option(
      '--prompt-tokens <n>',
      `prompt and completion to reserve the KV cache for (default: ${DEFAULT_POSITIONS})`,
      wholeNumber(1),
    )
    .option('--json', 'print JSON')
    .action(async (reference: string, { json, promptTokens }: InspectFlags) => {
      const description = await inspectModel(reference, {
        ...fetching(shell),
        ...(promptTokens === undefined ? {} : { positions: promptTokens }),
      });
      shell.stdout.write(json === true ? jsonText(description) : renderDescription(description));
    });

  models
    .command('verify')
    .description('check every hash, open the model and run one token')
    .argument('<model>', REFERENCE)
    .option(...roleFlag, oneOf(MODEL_ROLES))
    .option('--dtype <name>', `${DTYPES.join(', ')} (default: fp32)`, oneOf(DTYPES))
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: PullFlags) => {
      const verification = await verifyModel(reference, flags.as, fetching(shell, flags));
      shell.stdout.write(flags.json === true ? jsonText(verification) : renderVerification(verification));
      if (!verification.passed) shell.exit(EXIT.unusable);
    });
}

/** How files arrive. */
function fetching(shell: Shell, { dtype }: { readonly dtype?: Dtype } = {}): ResolveOptions {
  const options = fetchingWith(surroundingsOf(shell, progressOn(shell.stderr, shell.clock)));
  return dtype === undefined ? options : { ...options, dtype };
}
