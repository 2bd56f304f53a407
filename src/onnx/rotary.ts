/**
 * @file Rotary position embedding: frequencies under the scalings that checkpoints ask for, and tables.
 *
 * Shape letters: P positions, D head width.
 *
 * Source: RoFormer (arXiv 2104.09864) in the half-rotation form; linear interpolation (arXiv
 * 2306.15595); YaRN (arXiv 2309.00071, equations 16 to 23); the frequency bands of Llama 3.1 as
 * its configuration names them.
 */

/** How a checkpoint was stretched to more positions than it was trained for at first. */
export type RopeScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  /** A number for each pair of dimensions, [D / 2]. */
  | { readonly kind: 'divided'; readonly divisors: readonly number[] }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalPositions: number;
    }
  | {
      readonly kind: 'yarn';
      readonly factor: number;
      readonly originalPositions: number;
      /** Turns within `originalPositions` above which a frequency stays, below which it is stretched. */
      readonly fastTurns: number;
      readonly slowTurns: number;
      /** Factor of cosines and sines. */
      readonly magnitude: number;
      /** Whether the borders between the bands are whole dimensions. */
      readonly wholeBorders: boolean;
    };

export interface Rope {
  /** Base of the frequencies. */
  readonly theta: number;
  readonly scaling: RopeScaling;
}

/**
 * Angle per position of each pair of dimensions, [D / 2].
 *
 * Rounded to Float32 where the reference implementation rounds: at position 30,000 the rounding of
 * an angle is visible in the third digit of its cosine.
 *
 * @example
 * ropeFrequencies({ theta: 100, scaling: { kind: 'none' } }, 4); // => Float32Array [1, 0.1]
 */
export function ropeFrequencies({ theta, scaling }: Rope, headWidth: number): Float32Array {
  const plain = Float32Array.from(
    { length: headWidth / 2 },
    (_, i) => 1 / Math.fround(theta ** ((2 * i) / headWidth)),
  );
  switch (scaling.kind) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor);
    case 'divided':
      return plain.map((frequency, i) => frequency / scaling.divisors[i]!);
    case 'llama3': {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
      return plain.map((frequency) => {
        // Turns that this pair makes within the original positions. A pair with many turns stays, a pair with few is
        // stretched.
        const turns = (originalPositions * frequency) / (2 * Math.PI);
        const stay = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return stay * frequency + (1 - stay) * (frequency / factor);
      });
    }
    case 'yarn': {
      const { factor, originalPositions, fastTurns, slowTurns, wholeBorders } = scaling;
      // The dimension whose frequency makes this many turns within the original positions.
      const dimension = (turns: number): number =>
        (headWidth * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const [first, last] = [dimension(fastTurns), dimension(slowTurns)];
      const low = Math.max(0, wholeBorders ? Math.floor(first) : first);
      const high = Math.min(headWidth - 1, wholeBorders ? Math.ceil(last) : last);
      const span = high === low ? 0.001 : high - low;
      return plain.map((frequency, i) => {
        const stretched = Math.min(1, Math.max(0, (i - low) / span));
        return (1 - stretched) * frequency + stretched * (frequency / factor);
      });
    }
  }
}

/** cos or sin of position times frequency, [P, D / 2]. */
export function rotaryTable(
  positions: number,
  headWidth: number,
  rope: Rope,
  of: (angle: number) => number,
): Float32Array {
  return ropeAt(
    Array.from({ length: positions }, (_, position) => position),
    headWidth,
    rope,
    of,
  );
}

/** The same for given positions: a row each, [N, D / 2]. */
export function ropeAt(
  positions: ArrayLike<number>,
  headWidth: number,
  rope: Rope,
  of: (angle: number) => number,
): Float32Array {
  const frequencies = ropeFrequencies(rope, headWidth);
  const magnitude = rope.scaling.kind === 'yarn' ? rope.scaling.magnitude : 1;
  const half = headWidth / 2;
  const table = new Float32Array(positions.length * half);
  for (let row = 0; row < positions.length; row++) {
    for (let i = 0; i < half; i++) {
      table[row * half + i] = magnitude * of(Math.fround(positions[row]! * frequencies[i]!));
    }
  }
  return table;
}
