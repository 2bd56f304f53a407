/**
 * @file The learning rate of each step: a linear warm-up, then a cosine or a line down to zero, or a constant.
 *
 * Source: `get_cosine_schedule_with_warmup` and `get_linear_schedule_with_warmup` of Hugging Face transformers. Steps
 * count from 1 here: the first step of a warm-up has a rate above zero, and the last step of all comes just before zero.
 */

export const SCHEDULES = ['cosine', 'linear', 'constant'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface Schedule {
  readonly name: ScheduleName;
  /** Of the highest point. */
  readonly rate: number;
  /** Share of all steps in which the rate rises. */
  readonly warmup: number;
  /** All steps of the stage. */
  readonly steps: number;
}

/**
 * The rate of a step.
 *
 * @param step From 1.
 * @example rateAt({ name: 'cosine', rate: 1e-3, warmup: 0.1, steps: 20 }, 1) // => 0.0005: the warm-up has two steps
 */
export function rateAt({ name, rate, warmup, steps }: Schedule, step: number): number {
  const rising = Math.ceil(warmup * steps);
  if (step <= rising) return (rate * step) / rising;
  // The step after the last one has progress 1.
  const progress = (step - rising - 1) / Math.max(1, steps - rising);
  switch (name) {
    case 'cosine':
      return (rate * (1 + Math.cos(Math.PI * progress))) / 2;
    case 'linear':
      return rate * (1 - progress);
    case 'constant':
      return rate;
  }
}
