/**
 * @file Guards a loop of assertions: over no items it would pass without having looked at anything.
 */

import assert from 'node:assert/strict';

/** The items as a list, of which there must be at least one. */
export function some<T>(items: Iterable<T>): T[] {
  const list = [...items];
  assert.ok(list.length > 0, 'a loop over nothing proves nothing');
  return list;
}
