/**
 * @file PyPI: wheels are fetched by `pip download`. A wheel is a zip archive that holds the sources; it is never
 * installed, and an archive of sources is never asked for, because pip would run code of it to read its name.
 *
 * Nothing of a package is trusted here: the caller checks the file's hash.
 */

import { devNull } from 'node:os';
import type { PackageRegistry } from './registry.js';
import { fetchError, onlyFileIn, runTool } from './tool.js';
import type { FetchProblem, ToolCommand, ToolOutcome } from './tool.js';

export const pypi: PackageRegistry = {
  title: 'PyPI',
  tool: 'pip',
  fetch: (name, version, folder) => downloadWithPip(name, version, folder),
  spec: specOf,
  // As PyPI shows it, and as pip writes it after `--hash=`.
  hash: { algorithm: 'sha256', prefix: 'sha256:', encoding: 'hex' },
  pathInside: (entry) => entry,
  language: 'python',
  showsSource: 'look at the index or mirror that pip is set to: pip config list',
};

function specOf(name: string, version: string): string {
  return `${name}==${version}`;
}

/**
 * The Python for which wheels are asked for. pip leaves out wheels that do not run on the Python they are asked
 * for, which would otherwise be the user's own; nothing is run here, so a user of an older one gets the same files.
 */
const PYTHON_VERSION = '3.13';

/** The ways to start pip, the most common first. A virtual environment may have `python3 -m pip` only. */
export function pipCommands(platform: NodeJS.Platform = process.platform): ToolCommand[] {
  const launchers = platform === 'win32' ? ['py', 'python'] : ['python3', 'python'];
  return [
    ...['pip', 'pip3'].map((file) => ({ file, args: [], shell: false })),
    ...launchers.map((file) => ({ file, args: ['-m', 'pip'], shell: false })),
  ];
}

/**
 * Runs `pip download`.
 *
 * @param commands Ways to start pip. The first that there is is taken.
 * @throws {DataError} If pip is missing, cannot reach its index, or does not know the package.
 */
export async function downloadWithPip(
  name: string,
  version: string,
  folder: string,
  environment: NodeJS.ProcessEnv = process.env,
  commands: readonly ToolCommand[] = pipCommands(),
): Promise<string> {
  const spec = specOf(name, version);
  const only = ['--no-deps', '--only-binary=:all:', '--python-version', PYTHON_VERSION];
  const quiet = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
  const args = ['download', spec, ...only, ...quiet, '--dest', folder];
  const outcome = await runFirst(commands, args, withoutInstallRules(environment));
  const byHand = `pip download ${only.join(' ')} ${spec}`;
  if (outcome.failure === null) return onlyFileIn(folder, /\.whl$/, `pip download ${spec}`, outcome);
  const words = { ...{ tool: 'pip', packages: 'PyPI', dataset: 'pypi-py-lines' }, ...{ spec, byHand } };
  throw fetchError(words, problemOf(outcome), outcome);
}

/** Settings about what may be installed and where. Nothing is installed here, and versions are pinned. */
function withoutInstallRules(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, PIP_CONSTRAINT: devNull, PIP_REQUIRE_VIRTUALENV: 'false' };
}

/** Runs the first command that there is. */
async function runFirst(
  commands: readonly ToolCommand[],
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<ToolOutcome> {
  const [command, ...others] = commands;
  const outcome = await runTool(command!, args, environment);
  return isMissing(outcome) && others.length > 0 ? runFirst(others, args, environment) : outcome;
}

/** There may be a Python without pip. */
function isMissing({ stderr, failure }: ToolOutcome): boolean {
  return failure !== null && (failure.startCode !== null || /No module named '?pip\b/.test(stderr));
}

/** With these words pip says that a connection failed. It still ends with "no matching distribution". */
const OFFLINE =
  /connection broken by|Max retries exceeded|NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|Could not fetch URL/;
const UNKNOWN = /No matching distribution found|Could not find a version that satisfies/;

function problemOf(outcome: ToolOutcome): FetchProblem {
  if (isMissing(outcome)) return { kind: 'missing', code: outcome.failure?.startCode ?? null };
  if (OFFLINE.test(outcome.stderr)) return { kind: 'offline', code: null };
  return { kind: UNKNOWN.test(outcome.stderr) ? 'unknown' : 'other', code: null };
}
