/**
 * @file What was passed over while a repository was read, and why.
 */

/** Why a file or a folder is no part of a repository, for one and for several. */
const REASONS = {
  ignored: ['file that git ignores', 'files that git ignores'],
  nested: ['folder that is a repository of its own', 'folders that are repositories of their own'],
  test: ['test file', 'test files'],
  generated: ['file that a program wrote', 'files that a program wrote'],
  declaration: ['file of declarations', 'files of declarations'],
  link: ['link', 'links'],
  large: ['file that is too large', 'files that are too large'],
  binary: ['file that is not UTF-8 text', 'files that are not UTF-8 text'],
  unnamed: ['name that is not UTF-8', 'names that are not UTF-8'],
  unreadable: ['file or folder that cannot be read', 'files or folders that cannot be read'],
} as const;
export type LeftOutReason = keyof typeof REASONS;

/** Files or folders that were left out for one reason. */
export interface LeftOut {
  readonly reason: LeftOutReason;
  readonly count: number;
  /** The first of them. */
  readonly example: string;
}

/** Counts what is left out. */
export class LeftOutTally {
  readonly #counts = new Map<LeftOutReason, { count: number; readonly example: string }>();

  add(reason: LeftOutReason, path: string): void {
    const known = this.#counts.get(reason);
    if (known === undefined) this.#counts.set(reason, { count: 1, example: path });
    else known.count++;
  }

  /** In the order in which the reasons are listed above. */
  list(): LeftOut[] {
    return (Object.keys(REASONS) as LeftOutReason[]).flatMap((reason) => {
      const found = this.#counts.get(reason);
      return found === undefined ? [] : [{ reason, ...found }];
    });
  }
}

/**
 * What was left out, for people; null if nothing was.
 *
 * @example describeLeftOut([{ reason: 'test', count: 3, example: 'a.test.ts' }])
 * // => 'left out: 3 test files (a.test.ts, …)'
 */
export function describeLeftOut(leftOut: readonly LeftOut[]): string | null {
  if (leftOut.length === 0) return null;
  const parts = leftOut.map(({ reason, count, example }) => {
    const [one, many] = REASONS[reason];
    // A name may hold what a terminal would obey.
    const shown = example.replace(/\p{Cc}/gu, '?');
    return count === 1 ? `1 ${one} (${shown})` : `${count} ${many} (${shown}, …)`;
  });
  return `left out: ${parts.join('; ')}`;
}
