/**
 * @file `llava-eval models`: what is here, fetch a model, look at one before fetching it, check one.
 */

import type { Command } from 'commander';
import { z } from 'zod';
import { EXIT, UserError } from '../../domain/errors.js';
import { readJsonIfThere } from '../../files/json-file.js';
import { formatBytes } from '../../domain/units.js';
import { cachedModels } from '../../hub/cache.js';
import { contentHashes } from '../../hub/content-hashes.js';
import { inspectModel, type ModelDescription } from '../../inspection/inspect.js';
import { peek, roleOf } from '../../inspection/peek.js';
import { EMBEDDED_NAME } from '../../hub/reference.js';
import { resolveModel, type LocalModel, type ResolveOptions } from '../../hub/resolve.js';
import { hubSettings } from '../../hub/settings.js';
import { MODEL_ROLES, type ModelRole } from '../../hub/wanted-files.js';
import { describeDecoder } from '../../inspection/describe.js';
import { DTYPES, type Dtype } from '../../inference/device.js';
import {
  SYNTHETIC_NAMES,
  syntheticArchitecture,
  syntheticReference,
} from '../../model/architecture/synthetic.js';
import { oneOf, wholeNumber } from '../flags/options.js';
import { fetchProgress, terminalProgress } from '../terminal/progress.js';
import type { Shell } from '../terminal/shell.js';

/** LlavaCode's window, its cross-file block and the longest completion. */
const DEFAULT_POSITIONS = 2048 + 512;

interface JsonFlag {
  readonly json?: true;
}

interface PullFlags extends JsonFlag {
  readonly as?: ModelRole;
  readonly dtype?: Dtype;
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
    .action(async (flags: JsonFlag) => {
      await listModels(shell, flags.json === true);
    });

  models
    .command('pull')
    .description('fetch what a run needs of a model, once; later runs work offline')
    .argument('<model>', REFERENCE)
    .option(...roleFlag, oneOf(MODEL_ROLES))
    .option('--dtype <name>', 'number format, where a model has one ONNX export for each', oneOf(DTYPES))
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: PullFlags) => {
      await pullModel(shell, reference, flags);
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
    .action(async (reference: string, flags: JsonFlag & { readonly promptTokens?: number }) => {
      const description = await inspectModel(reference, {
        ...fetching(shell),
        positions: flags.promptTokens ?? DEFAULT_POSITIONS,
      });
      shell.stdout.write(
        flags.json === true
          ? `${JSON.stringify(description, null, 2)}\n`
          : renderDescription(description)
              .map((line) => `${line.trimEnd()}\n`)
              .join(''),
      );
    });

  models
    .command('verify')
    .description('check every hash, open the model and run one token')
    .argument('<model>', REFERENCE)
    .option(...roleFlag, oneOf(MODEL_ROLES))
    .option('--dtype <name>', `${DTYPES.join(', ')} (default: fp32)`, oneOf(DTYPES))
    .option('--json', 'print JSON')
    .action(async (reference: string, flags: PullFlags) => {
      await verifyModel(shell, reference, flags);
    });
}

function fetching(shell: Shell): ResolveOptions {
  return { progress: fetchProgress(terminalProgress(shell.stderr)), signal: shell.interrupt };
}

async function listModels(shell: Shell, asJson: boolean): Promise<void> {
  const { cacheDir } = hubSettings();
  const cached = await cachedModels(cacheDir);
  const synthetic = SYNTHETIC_NAMES.map((shape) => ({
    reference: syntheticReference(shape),
    parameters: describeDecoder(syntheticArchitecture(shape), 'fp32').parameters,
  }));
  if (asJson) {
    const embedded = { reference: EMBEDDED_NAME };
    shell.stdout.write(`${JSON.stringify({ embedded, cacheDir, cached, synthetic }, null, 2)}\n`);
    return;
  }
  const width = Math.max(...cached.map(({ id }) => id.length), EMBEDDED_NAME.length);
  const lines = [
    `${EMBEDDED_NAME.padEnd(width)}  ${'included'.padStart(9)}  decoder, encoder and projector`,
    ...cached.map(({ id, bytes, snapshots }) => {
      const revisions = snapshots.map(({ commit, refs }) => refs.join(', ') || commit.slice(0, 12));
      return `${id.padEnd(width)}  ${formatBytes(bytes).padStart(9)}  ${revisions.join(', ')}`;
    }),
    '',
    `cache: ${cacheDir}`,
    '',
    'random weights of real shapes, for run --latency-only --decoder:',
    ...synthetic.map(({ reference, parameters }) => `${reference.padEnd(30)} ${millions(parameters)}`),
  ];
  shell.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Brings a model here, as what its files say it is unless told. */
async function bring(
  shell: Shell,
  reference: string,
  { as, dtype }: PullFlags,
): Promise<{ model: LocalModel; role: ModelRole }> {
  const options = { ...fetching(shell), ...(dtype === undefined ? {} : { dtype }) };
  const role = as ?? (await guessRole(reference, options));
  return { model: await resolveModel(reference, role, options), role };
}

async function guessRole(reference: string, options: ResolveOptions): Promise<ModelRole> {
  const model = await peek(reference, options);
  const config = model.at === '' ? 'config.json' : `${model.at}/config.json`;
  if (!model.sizes.has(config)) return roleOf(model, null);
  const parsed = readJsonIfThere(await model.file(config), z.unknown());
  const type: unknown =
    typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'model_type') : null;
  return roleOf(model, typeof type === 'string' ? type : '');
}

async function pullModel(shell: Shell, reference: string, flags: PullFlags): Promise<void> {
  const { model, role } = await bring(shell, reference, flags);
  const hashes = await contentHashes(model);
  if (flags.json === true) {
    shell.stdout.write(`${JSON.stringify({ ...model, role, hashes }, null, 2)}\n`);
    return;
  }
  const commit = model.origin === null ? '' : ` at ${model.origin.commit.slice(0, 12)}`;
  shell.stdout.write(
    `${model.name}: ${role}${commit}, ${plural(model.files.length)} here, every hash agrees\n${model.path}\n`,
  );
}

async function verifyModel(shell: Shell, reference: string, flags: PullFlags): Promise<void> {
  const { model, role } = await bring(shell, reference, flags);
  const checks: { check: string; passed: boolean; detail: string }[] = [];
  const check = async (name: string, work: () => Promise<string>): Promise<void> => {
    if (checks.some(({ passed }) => !passed)) return;
    try {
      checks.push({ check: name, passed: true, detail: await work() });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      checks.push({ check: name, passed: false, detail: error.render() });
    }
  };
  await check('hashes', async () => plural(Object.keys(await contentHashes(model)).length));
  await check('opens and runs', () => openAs(model, role, flags.dtype ?? 'fp32'));
  const passed = checks.every((one) => one.passed);
  if (flags.json === true) {
    shell.stdout.write(`${JSON.stringify({ reference: model.name, role, passed, checks }, null, 2)}\n`);
  } else {
    for (const { check: name, passed: ok, detail } of checks) {
      const [first, ...more] = detail.split('\n');
      shell.stdout.write(`${ok ? 'ok    ' : 'failed'}  ${name.padEnd(15)} ${first ?? ''}\n`);
      for (const line of more) shell.stdout.write(`        ${line.trim()}\n`);
    }
  }
  if (!passed) shell.exit(EXIT.unusable);
}

/** Opens a model and runs it once, on the CPU. */
async function openAs(model: LocalModel, role: ModelRole, dtype: Dtype): Promise<string> {
  const { checkProjectorFits, openDecoder, openEncoder, openProjector } =
    await import('../../model/ort/open.js');
  const { defaultThreads } = await import('../../model/ort/threads.js');
  const { readBundle } = await import('../../model/folder/bundle.js');
  const { loadTokenizer } = await import('../../tokenizer/hf.js');
  const { modelFolder } = await import('../../model/folder/export-files.js');
  const options = { device: 'cpu', dtype, threads: defaultThreads() } as const;
  switch (role) {
    case 'decoder': {
      const tokenizer = await loadTokenizer(modelFolder(model.path));
      const decoder = await openDecoder(model.path, options);
      const [first] = tokenizer.encode('const');
      const step = await decoder.prefill(decoder.embed(first === undefined ? [] : [first]));
      step.cache.dispose();
      await decoder.dispose();
      return `decoder, ${decoder.width} wide; after "const" comes ${JSON.stringify(tokenizer.decode([step.token]))}`;
    }
    case 'encoder': {
      const tokenizer = await loadTokenizer(model.path);
      const encoder = await openEncoder(model.path, options);
      await encoder.encode([tokenizer.encode('const')]);
      await encoder.dispose();
      return `encoder, ${encoder.width} wide`;
    }
    case 'projector': {
      const projector = await openProjector(model.path, options);
      await projector.dispose();
      return `projector ${projector.layers}L, ${projector.inputWidth} -> ${projector.outputWidth}`;
    }
    case 'bundle': {
      const bundle = readBundle(model.path);
      const decoder = await openDecoder(bundle.decoder.path, options);
      const encoder = await openEncoder(bundle.encoder.path, options, bundle.encoder.maxTokens);
      const projector = await openProjector(bundle.projector.path, options, bundle.projector.layers);
      try {
        checkProjectorFits(projector, encoder, decoder);
        return `decoder ${decoder.width}, encoder ${encoder.width}, projector ${projector.layers}L: they fit`;
      } finally {
        for (const part of [decoder, encoder, projector]) await part.dispose();
      }
    }
  }
}

/** The description in 80 columns. */
function renderDescription(model: ModelDescription, depth = 0): string[] {
  const { reference, origin, role, facts, numbers, files, memory, parts, problem } = model;
  const rows = Object.entries(facts).map(([name, value]): [string, string] => [
    name,
    name === 'parameters' && typeof value === 'number' ? millions(value) : grouped(value),
  ]);
  const types = Object.entries(numbers).map(([dtype, count]) => `${dtype} ${millions(count)}`);
  if (types.length > 0) rows.push(['stored as', types.join(', ')]);
  if (files !== null) {
    const missing = files.missingBytes === 0 ? 'all here' : `${formatBytes(files.missingBytes)} to fetch`;
    rows.push(['needs', `${plural(files.count)}, ${formatBytes(files.bytes)}, ${missing}`]);
  }
  if (parts.length === 0) rows.push(['supported', problem === null ? 'yes' : 'no']);
  return [
    ...(depth === 0 ? [] : ['']),
    depth > 0 ? role : `${reference}: ${role}${origin === null ? '' : ` at ${origin.commit.slice(0, 12)}`}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(19)} ${value}`),
    ...(problem === null ? [] : problem.split('\n').map((line) => `    ${line.trim()}`)),
    ...memoryTable(memory),
    ...parts.flatMap((part) => renderDescription(part, depth + 1)),
  ];
}

function memoryTable(memory: ModelDescription['memory']): string[] {
  if (memory.length === 0) return [];
  const cells = memory.map(({ dtype, weights, cache, total, fits }) => [
    dtype,
    formatBytes(weights),
    cache === 0 ? '-' : formatBytes(cache),
    formatBytes(total),
    fits ? 'yes' : 'no',
  ]);
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(8) : cell.padStart(10))).join(' ')}`;
  return [
    '',
    line(['memory', 'weights', 'KV cache', 'together', 'fits here']),
    ...cells.map(line),
    '  without the buffers of the runtime',
  ];
}

function plural(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}

/** @example millions(494_032_768) // => '494.0 M' */
function millions(count: number): string {
  return count < 1e6
    ? grouped(count)
    : count < 1e9
      ? `${(count / 1e6).toFixed(1)} M`
      : `${(count / 1e9).toFixed(2)} B`;
}

function grouped(value: string | number | boolean): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : String(value);
}
