/**
 * @file The proof of where a decoder ran, as `run.json` records it.
 */

import { z } from 'zod';

const count = z.int().nonnegative();

/** How many nodes of the decoder's graph each provider ran, for one prefill and one decode step. */
export const deviceProofSchema = z.strictObject({
  /** The device that the run asked the runtime for. */
  device: z.string(),
  /**
   * `profile`: counted by the runtime itself. `only-provider`: on the CPU there is nothing to fall back from.
   * `none`: the decoder runs, but could not be profiled. `server`: a server runs it, and its word is all that there is.
   */
  source: z.enum(['profile', 'only-provider', 'none', 'server']),
  /**
   * Graphics hardware and driver as far as the system names them; the runtime does not say which adapter it
   * took.
   */
  graphics: z.array(z.string()),
  /** Empty but for `profile`. */
  stages: z.array(
    z.strictObject({
      stage: z.enum(['prefill', 'decode']),
      providers: z.array(
        z.strictObject({
          /** As the runtime calls it, such as `WebGpuExecutionProvider`. */
          provider: z.string(),
          nodes: count,
          /** Time in the kernels as the host saw it; on a GPU that is the time to launch them. */
          kernelMs: z.number().nonnegative(),
        }),
      ),
      /** Nodes that the device's own provider did not run, by operator. */
      elsewhere: z.array(z.strictObject({ operator: z.string(), provider: z.string(), nodes: count })),
    }),
  ),
});

export const DEVICE_STAGES = ['prefill', 'decode'] as const;
export type DeviceProof = z.infer<typeof deviceProofSchema>;

/**
 * What a reader must know: which nodes ran elsewhere, or that nothing is known about them. Null where all is well.
 *
 * @example '3 of 120 graph nodes of a prefill ran elsewhere than on webgpu: 3 Gather on CPUExecutionProvider'
 */
export function fallbackNote({ device, source, stages }: DeviceProof): string | null {
  if (source === 'none')
    return `the decoder could not be profiled, so where it ran is not proven for ${device}`;
  const notes = stages.flatMap(({ stage, providers, elsewhere }) => {
    if (elsewhere.length === 0) return [];
    const all = providers.reduce((sum, { nodes }) => sum + nodes, 0);
    const strays = elsewhere.reduce((sum, { nodes }) => sum + nodes, 0);
    const list = elsewhere.map(({ operator, provider, nodes }) => `${nodes} ${operator} on ${provider}`);
    const of = stage === 'prefill' ? 'a prefill' : 'a decode step';
    return [`${strays} of ${all} graph nodes of ${of} ran elsewhere than on ${device}: ${list.join(', ')}`];
  });
  return notes.length === 0 ? null : notes.join('; ');
}
