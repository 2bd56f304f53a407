/**
 * @file Runs the program with which a user fetches packages, and words what it says when it fails.
 *
 * The program does the talking, so registries, mirrors, proxies, certificates and its own cache are those
 * that the user has set up.
 */

import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../domain/errors.js';

/** A program and the arguments that come before its own. */
export interface ToolCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly shell: boolean;
}

/** What came of a run. */
export interface ToolOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly failure: ToolFailure | null;
}

export interface ToolFailure {
  /** The operating system's code where the program could not be started, such as ENOENT; null otherwise. */
  readonly startCode: string | null;
  readonly cause: Error;
}

const TIME_LIMIT_MS = 10 * 60_000;

/**
 * Runs a program to its end. It never throws: a failure is part of the outcome.
 *
 * @param folder Where it runs; here if none is stated.
 */
export function runTool(
  tool: ToolCommand,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  folder?: string,
): Promise<ToolOutcome> {
  // Only a shell needs quotes; package names and versions hold nothing that a shell reads.
  const quoted = tool.shell ? args.map((arg) => `"${arg}"`) : args;
  return new Promise((resolve) => {
    execFile(
      tool.file,
      [...tool.args, ...quoted],
      {
        env: environment,
        cwd: folder,
        shell: tool.shell,
        maxBuffer: 64 * 2 ** 20,
        timeout: TIME_LIMIT_MS,
        windowsHide: true,
      },
      (error, stdout, stderr) => {
        const startCode = error !== null && typeof error.code === 'string' ? error.code : null;
        resolve({ stdout, stderr, failure: error === null ? null : { startCode, cause: error } });
      },
    );
  });
}

/** What a program said last: its errors if it has any, else its output. */
export function saidBy({ stdout, stderr }: ToolOutcome): string[] {
  return (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-5);
}

/**
 * The one package file that a program left in a folder.
 *
 * @param isPackage What its name looks like.
 * @param call      What was run, for people.
 * @throws {DataError} If there is none, or more than one.
 */
export async function onlyFileIn(
  folder: string,
  isPackage: RegExp,
  call: string,
  outcome: ToolOutcome,
): Promise<string> {
  const files = (await readdir(folder)).filter((file) => isPackage.test(file));
  if (files.length === 1) return join(folder, files[0]!);
  throw new DataError(`${call} left ${files.length} package files, expected one`, [
    `${call.split(' ')[0]!} said:`,
    ...saidBy(outcome),
  ]);
}

/** Why a program failed, as far as it can be told. */
export type FetchProblem =
  /** There is no such program. */
  | { readonly kind: 'missing'; readonly code: string | null }
  /** The registry does not have this version. */
  | { readonly kind: 'unknown'; readonly code: string | null }
  /** The registry cannot be reached. */
  | { readonly kind: 'offline'; readonly code: string | null }
  | { readonly kind: 'other'; readonly code: string | null };

/** What a message about a failed fetch needs to know of the tool. */
export interface FetchWords {
  readonly tool: string;
  /** Whose packages the tool fetches, as in "npm packages". */
  readonly packages: string;
  /** The dataset that comes with the program and is cut from such packages. */
  readonly dataset: string;
  /** The package with its version, as the tool spells it. */
  readonly spec: string;
  /** The command by which a user can try the same. */
  readonly byHand: string;
}

/** The error of a package that could not be fetched. */
export function fetchError(words: FetchWords, problem: FetchProblem, outcome: ToolOutcome): DataError {
  const { tool, packages, dataset, spec, byHand } = words;
  const failed = `${spec} cannot be fetched`;
  const options = { cause: outcome.failure?.cause };
  const code = problem.code === null ? '' : ` (${problem.code})`;
  switch (problem.kind) {
    case 'missing':
      return new DataError(
        `${failed}: ${tool} was not found${code}`,
        [
          `the sources of this dataset come from ${packages} packages, fetched once with your own ${tool}`,
          `install ${tool} or put it on the PATH, then run the command again`,
        ],
        options,
      );
    case 'unknown':
      return new DataError(
        `${failed}: the registry that ${tool} uses does not have it${code}`,
        [
          'the dataset is pinned to exactly this version',
          `if ${tool} is set to a mirror, make this package available there`,
        ],
        options,
      );
    case 'offline':
      return new DataError(
        `${failed}: ${tool} cannot reach its registry${code}`,
        [
          'no cached copy exists yet; once it has been fetched, the dataset works offline',
          `connect once and run \`llava-eval datasets pull ${dataset}\`, or use \`--dataset tiny\``,
        ],
        options,
      );
    case 'other':
      return new DataError(
        `${failed}: ${tool} failed${code}`,
        [`${tool} said:`, ...saidBy(outcome), `the same by hand: ${byHand}`],
        options,
      );
  }
}
