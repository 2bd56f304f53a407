/**
 * @file The machine and the versions that a run was made with.
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

/** A machine, as run folders record it. */
export const hardwareSchema = z.strictObject({
  cpu: z.string(),
  cores: z.int(),
  memoryGiB: z.number(),
  platform: z.string(),
  node: z.string(),
});
export type Hardware = Readonly<z.infer<typeof hardwareSchema>>;

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

/** Whether times of two machines may be compared: processor, cores and memory must be alike. */
export function isSameHardware(a: Readonly<Record<string, unknown>>, b: Hardware): boolean {
  return a.cpu === b.cpu && a.cores === b.cores && a.memoryGiB === b.memoryGiB;
}

/** A commit, and whether tracked files differ from it. */
export const gitSchema = z.strictObject({ commit: z.string(), isDirty: z.boolean() });
export type GitState = Readonly<z.infer<typeof gitSchema>>;

/** The commit of a folder. Null outside a repository or without git. */
export function gitState(folder: string): GitState | null {
  const git = (...args: readonly string[]): string | null => {
    const result = spawnSync('git', args, { cwd: folder, encoding: 'utf8' });
    return result.status === 0 ? result.stdout.trim() : null;
  };
  const commit = git('rev-parse', 'HEAD');
  if (commit === null) return null;
  return { commit, isDirty: git('status', '--porcelain', '--untracked-files=no') !== '' };
}
