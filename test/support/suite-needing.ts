/**
 * @file Suites that need something which not every machine has: a browser, a device for WebGPU.
 *
 * Where it is missing, such a suite is one skipped test that says why. `LLAVA_EVAL_REQUIRE` names the things that
 * must be there (`browser`, `webgpu`, separated by commas): the suite then fails instead. `npm run test:all`
 * demands all of them.
 *
 * Both come with one package on Debian and Ubuntu: `apt-get install chromium`. It brings the browser and a software
 * renderer on which WebGPU runs without a graphics card.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

const THINGS = ['browser', 'webgpu'] as const;
type Thing = (typeof THINGS)[number];

/**
 * Defines a suite, or what stands in its place.
 *
 * @param problem Why the thing cannot be used here; null if it can.
 */
export function suiteNeeding(thing: Thing, problem: string | null, name: string, body: () => void): void {
  if (problem === null) {
    describe(name, body);
  } else if (required(process.env['LLAVA_EVAL_REQUIRE']).has(thing)) {
    test(name, () => {
      assert.fail(`LLAVA_EVAL_REQUIRE demands ${thing}, but there is none: ${problem}`);
    });
  } else {
    test(name, { skip: `${problem} (LLAVA_EVAL_REQUIRE=${thing} makes this a failure)` });
  }
}

/** What `LLAVA_EVAL_REQUIRE` names. A misspelt name would demand nothing, so it is an error. */
function required(list = ''): ReadonlySet<string> {
  const names = list.split(',').filter((name) => name !== '');
  for (const name of names) {
    const isKnown = THINGS.some((thing) => thing === name);
    assert.ok(isKnown, `LLAVA_EVAL_REQUIRE names "${name}", which is none of ${THINGS.join(', ')}`);
  }
  return new Set(names);
}
