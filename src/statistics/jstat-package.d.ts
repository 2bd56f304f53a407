/**
 * @file Types of the part of `jstat` 1.9.6 that this project uses; the package has none of its own.
 */
declare module 'jstat' {
  interface Distributions {
    readonly normal: {
      cdf(x: number, mean: number, sd: number): number;
      inv(p: number, mean: number, sd: number): number;
    };
    readonly studentt: {
      cdf(x: number, degreesOfFreedom: number): number;
      inv(p: number, degreesOfFreedom: number): number;
    };
  }
  const jstat: Distributions;
  export default jstat;
}
