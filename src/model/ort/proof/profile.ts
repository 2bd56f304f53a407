/**
 * @file Reads a profile of ONNX Runtime: which provider ran which node.
 *
 * This is the proof of device. The CPU silently runs every kernel that a provider lacks, so that a session "on the GPU"
 * may do half of its work elsewhere.
 */

import { z } from 'zod';

export interface NodeRun {
  /** Name of the node in the graph. */
  readonly node: string;
  readonly operator: string;
  /** For example `CPUExecutionProvider` or `WebGpuExecutionProvider`. */
  readonly provider: string;
}

/** What one provider did in one run of the graph. */
export interface ProviderShare {
  readonly provider: string;
  readonly nodes: number;
  /** Time in the kernels as the host saw it, in milliseconds. */
  readonly kernelMs: number;
}

/** One run of the graph. */
export interface ProfiledRun {
  readonly nodes: readonly NodeRun[];
  /** Most nodes first. */
  readonly providers: readonly ProviderShare[];
}

const eventSchema = z.object({
  cat: z.literal('Node'),
  name: z.string().endsWith('_kernel_time'),
  ts: z.number(),
  dur: z.number(),
  args: z.object({ op_name: z.string(), provider: z.string() }),
});
const runSchema = z.object({
  cat: z.literal('Session'),
  name: z.literal('model_run'),
  ts: z.number(),
  dur: z.number(),
});

/** Those events that have a given form. */
function eventsOf<S extends z.ZodType>(text: string, schema: S): z.infer<S>[] {
  const events = z.array(z.unknown()).parse(JSON.parse(text));
  return events.flatMap((event) => {
    const parsed = schema.safeParse(event);
    return parsed.success ? [parsed.data] : [];
  });
}

/**
 * The runs of a session in the order in which they were started.
 *
 * @param text Content of the profile, a JSON array of events with times in microseconds.
 */
export function profiledRuns(text: string): ProfiledRun[] {
  const nodes = eventsOf(text, eventSchema);
  return eventsOf(text, runSchema)
    .toSorted((a, b) => a.ts - b.ts)
    .map(({ ts, dur }) => {
      const own = nodes.filter((node) => node.ts >= ts && node.ts <= ts + dur);
      const shares = new Map<string, ProviderShare>();
      for (const { args, dur: kernel } of own) {
        const { nodes: count, kernelMs } = shares.get(args.provider) ?? { nodes: 0, kernelMs: 0 };
        const { provider } = args;
        shares.set(provider, { provider, nodes: count + 1, kernelMs: kernelMs + kernel / 1000 });
      }
      return {
        nodes: own.map(nodeRun),
        providers: [...shares.values()].toSorted((a, b) => b.nodes - a.nodes),
      };
    });
}

/** An operator's share of the time in kernels, between 0 and 1. */
export interface OperatorShare {
  readonly operator: string;
  readonly share: number;
}

/**
 * The operators that the kernels of all runs in a profile spent their time on, the most expensive first.
 *
 * @param text Content of the profile, a JSON array of events.
 */
export function operatorShares(text: string): OperatorShare[] {
  const time = new Map<string, number>();
  let total = 0;
  for (const { args, dur } of eventsOf(text, eventSchema)) {
    time.set(args.op_name, (time.get(args.op_name) ?? 0) + dur);
    total += dur;
  }
  return [...time]
    .map(([operator, duration]) => ({ operator, share: duration / total }))
    .toSorted((a, b) => b.share - a.share);
}

function nodeRun({ name, args }: z.infer<typeof eventSchema>): NodeRun {
  const node = name.slice(0, -'_kernel_time'.length);
  return { node, operator: args.op_name, provider: args.provider };
}

/**
 * The distinct nodes that ran, each with its provider.
 *
 * @param text Content of the profile, a JSON array of events.
 */
export function profiledNodes(text: string): NodeRun[] {
  const runs = eventsOf(text, eventSchema).map(nodeRun);
  return [...new Map(runs.map((run) => [run.node, run])).values()];
}
