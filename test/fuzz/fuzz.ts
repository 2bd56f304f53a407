/**
 * @file Fuzzing: bent inputs are read in child processes, and what no reader may do is kept with its input.
 */

import { inputOf } from './input.js';
import { keepInput } from './kept-input.js';
import { minimize } from './minimize.js';
import type { Finding, Order } from './outcome.js';
import { Lane } from './pool.js';
import type { FuzzTarget } from './target.js';

export interface FuzzPlan {
  readonly targets: readonly FuzzTarget[];
  /** Inputs over all targets together; targets take turns. */
  readonly runs: number;
  /** The first input, so that a run may be made in pieces; 0 if absent. */
  readonly from?: number;
  readonly seed: number;
  /** Child processes at a time. */
  readonly lanes: number;
  /** No input is begun after this many minutes. */
  readonly minutes: number;
  /** Where inputs with findings are kept; null keeps none. */
  readonly folder: string | null;
  readonly onProgress?: (done: number) => void;
  /** Told of a finding at once; its input is then made smaller, which may take minutes. */
  readonly onFinding?: (finding: KeptFinding) => void;
}

export interface KeptFinding extends Finding {
  readonly index: number;
  /** The file that holds the input; null if none is kept. */
  readonly path: string | null;
}

/** How the inputs of one target ended. */
export interface TargetCount {
  read: number;
  refused: number;
  /** Findings, those that are the same as another included. */
  found: number;
}

export interface FuzzResult {
  /** Inputs before this one were looked at: a run that was stopped goes on from here. */
  readonly next: number;
  /** By the name of the target, in the order of the targets. */
  readonly counts: ReadonlyMap<string, Readonly<TargetCount>>;
  /** One for each target, kind and first line. */
  readonly findings: readonly KeptFinding[];
}

/** Findings with the same place in the code are one. */
function keyOf({ target, kind, what }: Finding): string {
  const place = /\n\s+at .*/.exec(what)?.[0] ?? what.slice(0, 60);
  return `${target}\n${kind}\n${place.replace(/\d+/g, 'n')}`;
}

/** Runs a plan to its end. */
export async function fuzz(plan: FuzzPlan): Promise<FuzzResult> {
  const { targets, runs, seed, folder, from = 0 } = plan;
  const ends = Date.now() + plan.minutes * 60_000;
  const findings = new Map<string, KeptFinding>();
  const counts = new Map(targets.map(({ name }) => [name, { read: 0, refused: 0, found: 0 }]));
  let next = from;
  let done = 0;
  const work = async (lane: Lane): Promise<void> => {
    while (next < runs && Date.now() < ends) {
      const number = next++;
      const target = targets[number % targets.length]!;
      const index = Math.floor(number / targets.length);
      const verdict = await lane.judge({ target: target.name, seed, index });
      const count = counts.get(target.name)!;
      done++;
      plan.onProgress?.(done);
      if (verdict.kind === 'read') count.read++;
      else if (verdict.kind === 'refused') count.refused++;
      else {
        count.found++;
        const { finding } = verdict;
        const key = keyOf(finding);
        if (findings.has(key)) continue;
        const kept: KeptFinding = { ...finding, index, path: null };
        findings.set(key, kept);
        plan.onFinding?.(kept);
        if (folder === null) continue;
        findings.set(key, { ...kept, path: await keep(folder, target, seed, index, finding, lane) });
      }
    }
  };
  const lanes = Array.from({ length: plan.lanes }, () => new Lane());
  try {
    await Promise.all(lanes.map(work));
  } finally {
    for (const lane of lanes) lane.stop();
  }
  return { next, counts, findings: [...findings.values()] };
}

async function keep(
  folder: string,
  target: FuzzTarget,
  seed: number,
  index: number,
  finding: Finding,
  lane: Lane,
): Promise<string> {
  const key = keyOf(finding);
  const input = await inputOf(target, seed, index);
  const smallest = await minimize(
    input,
    async (smaller) => {
      const verdict = await lane.judgeOnce(orderOf(target.name, smaller));
      return verdict.kind === 'finding' && keyOf(verdict.finding) === key;
    },
    // A reading that ends by the clock takes long each time.
    finding.kind === 'defect' ? 120 : 6,
  );
  return keepInput(folder, {
    target: target.name,
    what: `${finding.kind}: ${finding.what}`,
    bytes: smallest,
  });
}

/** The order to read an input that is at hand. */
export function orderOf(target: string, bytes: Buffer): Order {
  return { target, base64: bytes.toString('base64') };
}
