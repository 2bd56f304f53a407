/** Milliseconds since some fixed moment; never goes back. */
export interface Clock {
  nowMs(): number;
}

export class ManualClock implements Clock {
  private currentMs = 0;

  nowMs(): number {
    return this.currentMs;
  }

  advance(byMs: number): void {
    if (byMs < 0) throw new RangeError(`a clock never goes back, got ${byMs} ms`);
    this.currentMs += byMs;
  }
}
