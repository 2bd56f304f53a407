/** How long to wait before another attempt. */
export interface BackoffPolicy {
  readonly firstDelayMs: number;
  readonly factor: number;
  readonly longestDelayMs: number;
}

export const DEFAULT_BACKOFF: BackoffPolicy = {
  firstDelayMs: 100,
  factor: 2,
  longestDelayMs: 5_000,
};

export function delayBeforeAttempt(attempt: number, policy: BackoffPolicy = DEFAULT_BACKOFF): number {
  if (attempt <= 1) return 0;
  const delay = policy.firstDelayMs * policy.factor ** (attempt - 2);
  return Math.min(delay, policy.longestDelayMs);
}
