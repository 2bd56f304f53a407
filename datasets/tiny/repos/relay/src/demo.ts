import { ManualClock } from './clock.js';
import { MessageFactory } from './message.js';
import { RelayQueue } from './queue.js';
import { Router } from './router.js';
import type { DeliveryReport } from './router.js';

/** Two messages, one of which needs a second attempt. */
export function runDemo(): DeliveryReport[] {
  const clock = new ManualClock();
  const factory = new MessageFactory(clock);
  const queue = new RelayQueue(clock);
  const router = new Router(queue, clock, 60_000);

  let failuresLeft = 1;
  router.subscribe('mail', () => failuresLeft-- <= 0);
  router.subscribe('log', (message) => message.body.length > 0);

  queue.enqueue(factory.create('mail', 'hello', 'urgent'));
  queue.enqueue(factory.create('log', 'started'));
  const first = router.deliverReady();
  clock.advance(100);
  return [first, router.deliverReady()];
}
