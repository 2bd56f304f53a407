/**
 * @file Which files of a folder belong to a repository, as git sees it: those it tracks, and those that are new
 * and not ignored. Build output that git ignores holds the answers to the holes in its sources.
 */

import { execFile } from 'node:child_process';
import { messageOf } from '../../domain/errors.js';

/** What git says about a folder. */
export type GitListing =
  | {
      readonly kind: 'listed';
      /** Paths of files relative to the folder. A path that ends here as a folder is a repository of its own. */
      readonly paths: ReadonlySet<string>;
      /** Those of them that git tracks. */
      readonly tracked: ReadonlySet<string>;
    }
  /** The folder is in no repository, git ignores the folder itself, or there is no git on this machine. */
  | { readonly kind: 'none' }
  /** There is a repository that git cannot read. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Above this the output is not read. It is the list of some ten million files. */
const MOST_BYTES = 1 << 30;

/** The form in which paths are compared: a disk may spell the accents of a name in another way than git. */
export function gitPath(path: string): string {
  return path.normalize('NFC');
}

/** Asks git. */
export async function listGitFiles(folder: string): Promise<GitListing> {
  const answers = await Promise.all([
    runGit(folder, ['ls-files', '-z', '--cached']),
    runGit(folder, ['ls-files', '-z', '--others', '--exclude-standard']),
  ]);
  const outputs: Buffer[] = [];
  for (const { kind, error, output } of answers) {
    if (kind === 'missing' || /not a git repository/.test(error ?? '')) return { kind: 'none' };
    if (error !== null) return { kind: 'failed', reason: firstLine(error) };
    outputs.push(output);
  }
  const [tracked, others] = [pathsOf(outputs[0]!), pathsOf(outputs[1]!)];
  // Git lists nothing in a folder that it ignores, and the user named this folder.
  if (tracked.size + others.size === 0) return { kind: 'none' };
  return { kind: 'listed', paths: new Set([...tracked, ...others]), tracked };
}

/** `missing` where there is no git to run. */
interface GitAnswer {
  readonly kind: 'answered' | 'missing';
  readonly output: Buffer;
  readonly error: string | null;
}

/**
 * Runs git on a folder that may be a stranger's. `ls-files` starts no program of the repository's choice once
 * the file system monitor is off, so the check of the folder's owner is not needed, and it would refuse every
 * folder that a container mounts.
 */
function runGit(folder: string, args: readonly string[]): Promise<GitAnswer> {
  const guarded = ['-c', 'safe.directory=*', '-c', 'core.fsmonitor=false', '-C', folder, ...args];
  const options = { encoding: 'buffer', maxBuffer: MOST_BYTES, env: surroundings() } as const;
  return new Promise((resolve) => {
    execFile('git', guarded, options, (error, output, complaint) => {
      if (error === null) resolve({ kind: 'answered', output, error: null });
      else if (error.code === 'ENOENT' || error.code === 'EACCES')
        resolve({ kind: 'missing', output, error: null });
      else resolve({ kind: 'answered', output, error: complaint.toString().trim() || messageOf(error) });
    });
  });
}

/** Without the variables by which a git that started this program would point to its own repository. */
function surroundings(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|NAMESPACE|OBJECT_DIRECTORY)$/.test(name),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
}

/** The paths of NUL-ended output. Names that are not UTF-8 are left to whoever walks the folder. */
function pathsOf(output: Buffer): Set<string> {
  return new Set(
    output
      .toString('utf8')
      .split('\0')
      .filter((path) => path !== '' && !path.includes('\ufffd'))
      .map((path) => gitPath(path.replace(/\/$/, ''))),
  );
}

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}
