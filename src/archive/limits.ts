/**
 * @file How much an archive may hold. Everything is counted from what the archive says before it is
 * unpacked, and again while it is unpacked, since an archive may lie.
 */

export interface ArchiveLimits {
  readonly mostEntries: number;
  /** Of one unpacked file that is wanted. */
  readonly mostEntryBytes: number;
  /** Of all unpacked files together. */
  readonly mostBytes: number;
  /** Unpacked bytes for each byte of the archive, once more than {@link FREE_BYTES} are unpacked. */
  readonly mostRatio: number;
}

const MIB = 2 ** 20;

/** Up to here no ratio is too large: a small archive of zeros harms nobody. */
export const FREE_BYTES = 64 * MIB;

/**
 * Archives of source code. The largest published one, RepoBench's raw repositories aside, unpacks to some
 * hundred MiB; text compresses five to ten times, and a bomb a thousand times.
 */
export const SOURCE_LIMITS: ArchiveLimits = {
  mostEntries: 500_000,
  mostEntryBytes: 256 * MIB,
  mostBytes: 8192 * MIB,
  mostRatio: 100,
};

/**
 * Archives of records. One member of CrossCodeEval's is hundreds of MiB of JSON that repeats whole chunks,
 * so xz makes it very small.
 */
export const RECORD_LIMITS: ArchiveLimits = {
  mostEntries: 10_000,
  mostEntryBytes: 8192 * MIB,
  mostBytes: 32_768 * MIB,
  mostRatio: 300,
};
