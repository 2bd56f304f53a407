/**
 * @file Fetches the published file of one npm package, with the user's own npm.
 *
 * npm does the talking, so registries, mirrors, proxies, certificates and npm's own cache are those
 * the user has set up. Nothing of the package is run (`--ignore-scripts`) or trusted here: the caller
 * checks the file's hash.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError } from '../../domain/errors.js';

/** Fetches `name@version` into an empty folder and returns the path of the package file. */
export type PackFetcher = (name: string, version: string, folder: string) => Promise<string>;

/** A program and the arguments that come before its own. */
interface NpmCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly shell: boolean;
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
): NpmCommand {
  const running = environment['npm_execpath'];
  if (running !== undefined && /^npm(-cli)?\.c?js$/.test(basename(running)) && existsSync(running)) {
    return { file: process.execPath, args: [running], shell: false };
  }
  if (platform !== 'win32') return { file: 'npm', args: [], shell: false };
  const besideNode = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  if (existsSync(besideNode)) return { file: process.execPath, args: [besideNode], shell: false };
  return { file: 'npm', args: [], shell: true };
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

const TIME_LIMIT_MS = 10 * 60_000;

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
  const npm = npmCommand(environment);
  const spec = `${name}@${version}`;
  const args = ['pack', spec, '--json', '--ignore-scripts', '--pack-destination', folder];
  const outcome = await runNpm(npm, args, environment);
  if (outcome.failure !== null) throw explain(spec, outcome.failure, outcome.output);
  const packed = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  if (packed.length !== 1) {
    throw new DataError(`npm pack ${spec} left ${packed.length} package files, expected one`, [
      'npm said:',
      ...lastLines(outcome.output),
    ]);
  }
  return join(folder, packed[0]!);
}

interface NpmFailure {
  /** npm's error code or the operating system's, such as E404 or ENOENT; null if it gave none. */
  readonly code: string | null;
  readonly couldNotStart: boolean;
  readonly cause: Error;
}

function runNpm(
  npm: NpmCommand,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ output: string; failure: NpmFailure | null }> {
  // Only a shell needs quotes; package names and versions hold nothing that a shell reads.
  const quoted = npm.shell ? args.map((arg) => `"${arg}"`) : args;
  return new Promise((resolve) => {
    execFile(
      npm.file,
      [...npm.args, ...quoted],
      {
        env: environment,
        shell: npm.shell,
        maxBuffer: 64 * 2 ** 20,
        timeout: TIME_LIMIT_MS,
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        const output = `${stdout}\n${stderr}`;
        if (error === null) {
          resolve({ output, failure: null });
          return;
        }
        const couldNotStart = typeof error.code === 'string';
        const said =
          /"code":\s*"([A-Z0-9_]+)"/.exec(stdout)?.[1] ?? /npm (?:error|ERR!) code (\S+)/.exec(stderr)?.[1];
        const code = couldNotStart ? String(error.code) : (said ?? null);
        resolve({
          output: stderr.trim() === '' ? stdout : stderr,
          failure: { code, couldNotStart, cause: error },
        });
      },
    );
  });
}

function explain(spec: string, { code, couldNotStart, cause }: NpmFailure, output: string): DataError {
  if (couldNotStart) {
    return new DataError(
      `${spec} cannot be fetched: npm was not found (${code ?? 'unknown reason'})`,
      [
        'the sources of this dataset come from npm packages, fetched once with your own npm',
        'install npm or put it on the PATH, then run the command again',
      ],
      { cause },
    );
  }
  if (code === 'E404' || code === 'ETARGET') {
    return new DataError(
      `${spec} cannot be fetched: the registry that npm uses does not have it (${code})`,
      [
        'the dataset is pinned to exactly this version',
        'if npm is set to a mirror, make this package available there',
      ],
      { cause },
    );
  }
  if (code !== null && OFFLINE.has(code)) {
    return new DataError(
      `${spec} cannot be fetched: npm cannot reach its registry (${code})`,
      [
        'no cached copy exists yet; once it has been fetched, the dataset works offline',
        'connect once and run `llava-eval datasets pull npm-ts-lines`, or use `--dataset tiny`',
      ],
      { cause },
    );
  }
  return new DataError(
    `${spec} cannot be fetched: npm failed${code === null ? '' : ` (${code})`}`,
    ['npm said:', ...lastLines(output), `the same by hand: npm pack ${spec}`],
    { cause },
  );
}

function lastLines(output: string): string[] {
  return output.trim().split('\n').slice(-5);
}
