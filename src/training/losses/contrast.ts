/**
 * @file Contrast: the right chunks must make the missing line likelier than another task's chunks do.
 *
 * With a line's mean nats a token behind its own chunks (`own`) and behind those of another task (`other`):
 *
 *   loss = ln(1 + exp((own - other + margin) / temperature))
 *
 * It falls while the own chunks are the likelier ones, and the slope flattens once they lead by the margin. Cross
 * entropy alone is lowered as well by vectors that say nothing about the chunks; this loss is not.
 */

export interface ContrastSetting {
  /** Nats a token by which the own chunks should lead. */
  readonly margin: number;
  /** How sharply the slope flattens, in nats a token. */
  readonly temperature: number;
}

/**
 * The loss, and its slope: the gradient at `own`. The gradient at `other` is the same with the other sign.
 *
 * @example // own 2, other 2, margin 0, temperature 1: ln 2, slope 0.5
 */
export function contrast(
  own: number,
  other: number,
  { margin, temperature }: ContrastSetting,
): { readonly loss: number; readonly slope: number } {
  const x = (own - other + margin) / temperature;
  // Written so that neither sign of x overflows.
  const loss = Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x)));
  const share = x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  return { loss, slope: share / temperature };
}
