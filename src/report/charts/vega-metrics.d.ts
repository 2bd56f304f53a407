/** Part of Vega's exports that its own types leave out. */
import 'vega';

declare module 'vega' {
  export const textMetrics: {
    /** Whether text is measured by a canvas, if one is installed, rather than by an estimate. */
    canvas(use: boolean): void;
  };
}
