/**
 * @file Errors of the file system: how they are told from defects, and what a user can do about each.
 */

import { DataError, messageOf } from '../domain/errors.js';

/** An error that the operating system reported, with its code such as `ENOSPC`. */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  /** What it was about, where there is such a path. */
  readonly path?: unknown;
}

/** Whether a thrown value comes from the operating system and not from a defect of this program. */
export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'syscall' in error &&
    typeof error.syscall === 'string'
  );
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user has no right to it: change its permissions, or choose another place',
  EPERM: 'this user has no right to it: change its permissions, or choose another place',
  EROFS: 'that file system can only be read: choose another place',
  ENOSPC: 'the disk is full: make room, or choose another place',
  EDQUOT: 'the quota is used up: make room, or choose another place',
  ENOENT: 'its folder does not exist: make it first, or check the path',
  ENOTDIR: 'a part of that path is a file and not a folder: choose another place',
  EISDIR: 'a folder has that name: remove it, or choose another name',
  EMFILE: 'this process has too many files open: raise the limit (ulimit -n)',
  ENFILE: 'this machine has too many files open: close some programs',
};

/** What to do about an error of the file system; nothing where its message says all there is to say. */
export function adviceFor(error: unknown): readonly string[] {
  const advice = isSystemError(error) ? ADVICE[error.code] : undefined;
  return advice === undefined ? [] : [advice];
}

/** The refusal of an output that cannot be written. */
export function notWritable(path: string, error: unknown): DataError {
  return new DataError(`${path}: cannot be written: ${messageOf(error)}`, adviceFor(error), {
    cause: error,
  });
}
