/**
 * @file How many threads a model gets by default.
 */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Physical cores this process may use, at least 1.
 *
 * Two hardware threads of one core share its arithmetic units, so matrix products get slower with
 * more threads than cores. Where the operating system does not say how many cores there are, every
 * hardware thread counts as one.
 */
export function defaultThreads(): number {
  const usable = availableParallelism();
  if (process.platform !== 'linux') return usable;
  try {
    return Math.min(physicalCores(readFileSync('/proc/cpuinfo', 'utf8')) ?? usable, usable);
  } catch {
    return usable;
  }
}

/** Distinct pairs of package and core in Linux's cpuinfo; undefined if it does not list them. */
export function physicalCores(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const socket = /^physical id\s*:\s*(\d+)/m.exec(processor)?.[1];
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1];
    if (socket !== undefined && core !== undefined) cores.add(`${socket}/${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}
