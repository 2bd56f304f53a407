/**
 * @file The machine and the versions a run was made with.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { z } from 'zod';

const packageSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  dependencies: z.record(z.string(), z.string()),
});

/** This package's own manifest. */
export const PACKAGE = packageSchema.parse(
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
);

/** Version of the inference runtime: pinned exactly in the manifest. */
export const ONNXRUNTIME_VERSION = PACKAGE.dependencies['onnxruntime-node'] ?? 'unknown';

export interface Hardware {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
}

export function describeHardware(): Hardware {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown processor',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
  };
}

/** Whether times of two machines may be held against each other: processor, cores and memory alike. */
export function isSameHardware(a: Readonly<Record<string, unknown>>, b: Hardware): boolean {
  return a.cpu === b.cpu && a.cores === b.cores && a.memoryGiB === b.memoryGiB;
}

export interface GitState {
  readonly commit: string;
  /** Whether tracked files differ from the commit. */
  readonly isDirty: boolean;
}

/** The commit a folder is at; null outside a repository or without git. */
export function gitState(folder: string): GitState | null {
  const git = (...args: readonly string[]): string | null => {
    const result = spawnSync('git', args, { cwd: folder, encoding: 'utf8' });
    return result.status === 0 ? result.stdout.trim() : null;
  };
  const commit = git('rev-parse', 'HEAD');
  if (commit === null) return null;
  return { commit, isDirty: git('status', '--porcelain', '--untracked-files=no') !== '' };
}
