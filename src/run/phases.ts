/**
 * @file Where the time of a whole run goes, from its start to its end.
 *
 * One phase runs at a time, and entering a phase ends the one before. Times are seconds of wall time, so that the parts
 * of a run add up to the whole. No result depends on them.
 */

import { z } from 'zod';
import type { Clock } from '../domain/clock.js';
import { formatBytes } from '../domain/units.js';
import { servedTimesSchema } from '../serving/facts.js';

/**
 * The phases in the order in which a run comes to them. Those from `retrieval` to `recording` alternate, task by task.
 * Where tasks overlap, so do these phases, and `answering` stands for all of them.
 */
export const PHASES = [
  'dataset',
  'models',
  'index',
  'encoding',
  'retrieval',
  'prompts',
  'prefill',
  'likelihood',
  'decoding',
  'recording',
  'answering',
  'report',
] as const;
export type Phase = (typeof PHASES)[number];

export const resourcesSchema = z.strictObject({
  wallSeconds: z.number().nonnegative(),
  /** Largest resident set of the process. */
  peakMemoryBytes: z.int().positive(),
  /** Seconds; a phase that the run did not come to is absent. */
  phases: z.partialRecord(z.enum(PHASES), z.number().nonnegative()),
  /** Texts whose vectors the index needed, and how many of those an earlier run had kept. */
  vectors: z.strictObject({ needed: z.int().nonnegative(), kept: z.int().nonnegative() }),
  /** What the servers of the decoder counted meanwhile; absent where none counts, and without a server. */
  server: z.exactOptional(servedTimesSchema),
});

/** What a run took. For a resumed run, it is what the last part took. */
export type Resources = z.infer<typeof resourcesSchema>;

export class PhaseTimer {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #spent = new Map<Phase, number>();
  #phase: Phase;
  #enteredAt: number;

  constructor(clock: Clock, first: Phase) {
    this.#clock = clock;
    this.#phase = first;
    this.#startedAt = this.#enteredAt = clock();
  }

  enter(phase: Phase): void {
    const now = this.#clock();
    this.#spent.set(this.#phase, (this.#spent.get(this.#phase) ?? 0) + now - this.#enteredAt);
    this.#phase = phase;
    this.#enteredAt = now;
  }

  /** Seconds up to now. */
  finish(): Pick<Resources, 'wallSeconds' | 'phases'> {
    this.enter(this.#phase);
    const phases: Partial<Record<Phase, number>> = {};
    for (const phase of PHASES) {
      const spent = this.#spent.get(phase);
      if (spent !== undefined) phases[phase] = seconds(spent);
    }
    return { wallSeconds: seconds(this.#enteredAt - this.#startedAt), phases };
  }
}

/**
 * One line for people: time, memory, and the phases that took a second or more.
 *
 * @example // "1 min 50 s and 412 MB: encoding 42 s, prefill 31 s, decoding 19 s"
 * @example // "1 min 8 s and 398 MB: prefill 31 s, decoding 19 s; 22755 of 22755 vectors from the cache"
 */
export function describeResources({ wallSeconds, peakMemoryBytes, phases, vectors }: Resources): string {
  const long = PHASES.flatMap((phase) => {
    const spent = phases[phase] ?? 0;
    if (spent < 1) return [];
    return [`${phase} ${Math.round(spent)} s`];
  });
  const parts = long.length === 0 ? '' : `: ${long.join(', ')}`;
  const kept = vectors.kept === 0 ? '' : `; ${vectors.kept} of ${vectors.needed} vectors from the cache`;
  return `${duration(wallSeconds)} and ${formatBytes(peakMemoryBytes)}${parts}${kept}`;
}

function duration(total: number): string {
  const rounded = Math.round(total);
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

/** To milliseconds, as seconds. */
function seconds(spentMs: number): number {
  return Math.round(spentMs) / 1000;
}
