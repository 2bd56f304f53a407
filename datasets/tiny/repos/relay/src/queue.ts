import { delayBeforeAttempt } from './backoff.js';
import type { Clock } from './clock.js';
import type { Message, Priority } from './message.js';

export interface QueuedMessage {
  readonly message: Message;
  readonly attempt: number;
  readonly notBeforeMs: number;
}

const RANK: Readonly<Record<Priority, number>> = { urgent: 0, normal: 1, low: 2 };

export class RelayQueue {
  private waiting: QueuedMessage[] = [];
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.waiting.length;
  }

  enqueue(message: Message, attempt = 1): void {
    const notBeforeMs = this.clock.nowMs() + delayBeforeAttempt(attempt);
    this.waiting.push({ message, attempt, notBeforeMs });
    this.waiting.sort((a, b) => RANK[a.message.priority] - RANK[b.message.priority]);
  }

  takeReady(): QueuedMessage | null {
    const index = this.waiting.findIndex((entry) => entry.notBeforeMs <= this.clock.nowMs());
    if (index < 0) return null;
    const [entry] = this.waiting.splice(index, 1);
    return entry ?? null;
  }
}
