import { ageMs } from './message.js';
import type { Message } from './message.js';
import type { Clock } from './clock.js';
import type { RelayQueue } from './queue.js';

export type Handler = (message: Message) => boolean;

export interface DeliveryReport {
  readonly delivered: number;
  readonly retried: number;
  readonly dropped: number;
}

export class Router {
  private readonly handlers = new Map<string, Handler>();

  constructor(
    private readonly queue: RelayQueue,
    private readonly clock: Clock,
    private readonly maxAgeMs: number,
  ) {}

  subscribe(topic: string, handler: Handler): void {
    this.handlers.set(topic, handler);
  }

  deliverReady(): DeliveryReport {
    let delivered = 0;
    let retried = 0;
    let dropped = 0;
    for (let entry = this.queue.takeReady(); entry !== null; entry = this.queue.takeReady()) {
      const { message, attempt } = entry;
      const handler = this.handlers.get(message.topic);
      if (handler === undefined || ageMs(message, this.clock) > this.maxAgeMs) {
        dropped++;
      } else if (handler(message)) {
        delivered++;
      } else {
        this.queue.enqueue(message, attempt + 1);
        retried++;
      }
    }
    return { delivered, retried, dropped };
  }
}
