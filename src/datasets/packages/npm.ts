/**
 * @file npm: packages are fetched by `npm pack`, with scripts off.
 *
 * Nothing of a package is trusted here: the caller checks the file's hash.
 */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { PackageRegistry } from './registry.js';
import { fetchError, onlyFileIn, runTool } from './tool.js';
import type { FetchProblem, ToolCommand, ToolOutcome } from './tool.js';

export const npm: PackageRegistry = {
  title: 'npm',
  tool: 'npm',
  fetch: (name, version, folder) => packWithNpm(name, version, folder),
  spec: specOf,
  // The subresource integrity of the package's `dist` on npm.
  hash: { algorithm: 'sha512', prefix: 'sha512-', encoding: 'base64' },
  // Everything lies in one folder, which is mostly called "package".
  pathInside: (entry) => entry.slice(entry.indexOf('/') + 1),
  language: 'typescript',
  showsSource: 'look at the registry or mirror that npm is set to: npm config get registry',
};

function specOf(name: string, version: string): string {
  return `${name}@${version}`;
}

/**
 * How to start npm: the one that started this process if it was npm, else `npm` on the path.
 *
 * `npm_execpath` may name another package manager, whose `pack` is a different command. On Windows
 * `npm` is a batch file that only a shell can start, so the script beside Node is preferred.
 */
export function npmCommand(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): ToolCommand {
  const running = environment['npm_execpath'];
  if (running !== undefined && /^npm(-cli)?\.c?js$/.test(basename(running)) && existsSync(running)) {
    return { file: process.execPath, args: [running], shell: false };
  }
  if (platform !== 'win32') return { file: 'npm', args: [], shell: false };
  const besideNode = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (existsSync(besideNode)) return { file: process.execPath, args: [besideNode], shell: false };
  return { file: 'npm', args: [], shell: true };
}

/**
 * Runs `npm pack`.
 *
 * @throws {DataError} If npm is missing, cannot reach its registry, or does not know the package.
 */
export async function packWithNpm(
  name: string,
  version: string,
  folder: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const spec = specOf(name, version);
  const args = ['pack', spec, '--json', '--ignore-scripts', '--pack-destination', folder];
  const outcome = await runTool(npmCommand(environment), args, environment);
  if (outcome.failure === null) return onlyFileIn(folder, /\.tgz$/, `npm pack ${spec}`, outcome);
  const words = {
    ...{ tool: 'npm', packages: 'npm', dataset: 'npm-ts-lines' },
    ...{ spec, byHand: `npm pack ${spec}` },
  };
  throw fetchError(words, problemOf(outcome), outcome);
}

/** Codes with which npm says that it could not reach a registry. */
const OFFLINE = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCACHED',
  'ENOTFOUND',
  'ERR_SOCKET_TIMEOUT',
  'ETIMEDOUT',
]);

function problemOf({ stdout, stderr, failure }: ToolOutcome): FetchProblem {
  const startCode = failure?.startCode ?? null;
  if (startCode !== null) return { kind: 'missing', code: startCode };
  const code =
    /"code":\s*"([A-Z0-9_]+)"/.exec(stdout)?.[1] ?? /npm (?:error|ERR!) code (\S+)/.exec(stderr)?.[1] ?? null;
  if (code === 'E404' || code === 'ETARGET') return { kind: 'unknown', code };
  return { kind: code !== null && OFFLINE.has(code) ? 'offline' : 'other', code };
}
