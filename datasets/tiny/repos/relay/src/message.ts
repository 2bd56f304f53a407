import type { Clock } from './clock.js';

export type Priority = 'low' | 'normal' | 'urgent';

export interface Message {
  readonly id: number;
  readonly topic: string;
  readonly body: string;
  readonly priority: Priority;
  readonly createdMs: number;
}

export class MessageFactory {
  private nextId = 1;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  create(topic: string, body: string, priority: Priority = 'normal'): Message {
    const id = this.nextId++;
    return { id, topic, body, priority, createdMs: this.clock.nowMs() };
  }
}

export function ageMs(message: Message, clock: Clock): number {
  return clock.nowMs() - message.createdMs;
}
