/**
 * @file Reads a profile of ONNX Runtime: which provider ran which node.
 *
 * The proof of device. A kernel that a provider lacks is run by the CPU without a word, so that a
 * session "on the GPU" may do half of its work elsewhere.
 */

import { z } from 'zod';

export interface NodeRun {
  /** Name of the node in the graph. */
  readonly node: string;
  readonly operator: string;
  /** For example `CPUExecutionProvider` or `WebGpuExecutionProvider`. */
  readonly provider: string;
}

const eventSchema = z.object({
  cat: z.literal('Node'),
  name: z.string().endsWith('_kernel_time'),
  args: z.object({ op_name: z.string(), provider: z.string() }),
});

/**
 * The distinct nodes that ran, each with its provider.
 *
 * @param text Content of the profile, a JSON array of events.
 */
export function profiledNodes(text: string): NodeRun[] {
  const events = z.array(z.unknown()).parse(JSON.parse(text));
  const runs = new Map<string, NodeRun>();
  for (const event of events) {
    const parsed = eventSchema.safeParse(event);
    if (!parsed.success) continue;
    const { name, args } = parsed.data;
    const node = name.slice(0, -'_kernel_time'.length);
    runs.set(node, { node, operator: args.op_name, provider: args.provider });
  }
  return [...runs.values()];
}
