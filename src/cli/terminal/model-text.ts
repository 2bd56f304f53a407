/**
 * @file Models as text for the terminal.
 */

import { formatBytes } from '../../domain/units.js';
import type { ModelDescription } from '../../inspection/inspect.js';
import type { ListedModels } from '../../inspection/list.js';
import type { PulledModel } from '../../inspection/pull.js';
import type { Verification } from '../../inspection/verify.js';

/** The models that are here. */
export function renderList({ embedded, cacheDir, cached, synthetic }: ListedModels): string {
  const width = Math.max(...cached.map(({ id }) => id.length), embedded.reference.length);
  const lines = [
    `${embedded.reference.padEnd(width)}  ${'included'.padStart(9)}  decoder, encoder and projector`,
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
  return lines.map((line) => `${line}\n`).join('');
}

/** A model that is here now. */
export function renderPulled({ name, role, origin, files, path }: PulledModel): string {
  const commit = origin === null ? '' : ` at ${origin.commit.slice(0, 12)}`;
  return `${name}: ${role}${commit}, ${plural(files.length)} here, every hash agrees\n${path}\n`;
}

/** A line a check, and what is wrong below it. */
export function renderVerification({ checks }: Verification): string {
  return checks
    .flatMap(({ check, passed, detail }) => {
      const [first, ...more] = detail.split('\n');
      return [
        `${passed ? 'ok    ' : 'failed'}  ${check.padEnd(15)} ${first ?? ''}\n`,
        ...more.map((line) => `        ${line.trim()}\n`),
      ];
    })
    .join('');
}

/** The description of a model in 80 columns. */
export function renderDescription(model: ModelDescription): string {
  return descriptionLines(model, 0)
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function descriptionLines(model: ModelDescription, depth: number): string[] {
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
    ...parts.flatMap((part) => descriptionLines(part, depth + 1)),
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
