/**
 * @file Seeded random numbers: the only source of randomness in this project.
 *
 * The same seed gives the same numbers on every machine and Node version. The numbers are not fit for secrets.
 *
 * Source: xoshiro128++ and SplitMix64 by D. Blackman and S. Vigna (public domain,
 * "Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47, 2021). The four 32-bit words of
 * state are the first two SplitMix64 outputs of the seed, low half first.
 */

const MASK64 = 0xffff_ffff_ffff_ffffn;

/** The next SplitMix64 output and state. */
export function splitMix64(state: bigint): { readonly output: bigint; readonly state: bigint } {
  const next = (state + 0x9e37_79b9_7f4a_7c15n) & MASK64;
  let z = next;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK64;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK64;
  return { output: z ^ (z >> 31n), state: next };
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** A stream of random numbers; each call moves it on. */
export class Rng {
  private readonly state: Int32Array;

  /**
   * @param state Four 32-bit words, not all zero. Callers use `createRng`; tests of the generator
   *              itself start from a published state.
   * @throws {RangeError} If the state is all zero, from which the generator never moves.
   */
  constructor(state: readonly [number, number, number, number]) {
    if (state.every((word) => word === 0)) throw new RangeError('the state of a generator is never all zero');
    this.state = Int32Array.from(state);
  }

  /** The next 32 random bits, as an integer in [0, 2^32). */
  uint32(): number {
    const s = this.state;
    const s1 = s[1]!;
    const result = (rotateLeft((s[0]! + s[3]!) | 0, 7) + s[0]!) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  next(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /**
   * An integer in [0, n), every value equally likely.
   *
   * @throws {RangeError} If n is not an integer from 1 to 2^32.
   */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`expected an integer from 1 to 2^32, got ${n}`);
    }
    // Values above the largest multiple of n would favour small results, so draw again.
    const limit = 2 ** 32 - (2 ** 32 % n);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % n;
  }

  /**
   * A number from the standard normal distribution. Each call takes two numbers of the stream.
   *
   * Source: Box & Muller, Annals of Mathematical Statistics 29 (1958) 610.
   */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A new array with the same items in random order (Fisher-Yates); the argument is not changed. */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const moved = result[i]!;
      result[i] = result[j]!;
      result[j] = moved;
    }
    return result;
  }
}

/**
 * A generator for a seed.
 *
 * @param seed A safe integer, negative ones included.
 * @throws {RangeError} If the seed is not a safe integer.
 *
 * @example
 * const rng = createRng(7);
 * rng.next(); // in [0, 1)
 * rng.shuffle(['a', 'b', 'c']); // a new array
 */
export function createRng(seed: number): Rng {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`a seed is a safe integer, got ${seed}`);
  const first = splitMix64(BigInt.asUintN(64, BigInt(seed)));
  const second = splitMix64(first.state);
  const word = (bits: bigint): number => Number(BigInt.asIntN(32, bits));
  return new Rng([
    word(first.output),
    word(first.output >> 32n),
    word(second.output),
    word(second.output >> 32n),
  ]);
}
