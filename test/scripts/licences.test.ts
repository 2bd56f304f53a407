/**
 * @file Which licences pass, and that the committed page belongs to the lock file.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { licenceProblem } from '../../scripts/licences-page.js';

const of = (licence: string | null) => licenceProblem({ name: 'a', version: '1.0.0', licence });

describe('a licence', () => {
  test('passes if it asks for no more than its text, alone or as one of several to choose from', () => {
    for (const licence of ['MIT', 'Apache-2.0', '(MIT OR CC0-1.0)', 'GPL-3.0-only OR MIT', 'MIT AND ISC']) {
      assert.equal(of(licence), null, licence);
    }
  });

  test('fails if it is copyleft, unknown, or holds together with one that is', () => {
    const refused = [
      'GPL-3.0-only',
      'AGPL-3.0',
      'LGPL-2.1',
      'MPL-2.0',
      'SEE LICENSE IN x',
      'MIT AND GPL-2.0',
      '',
    ];
    for (const licence of refused) assert.match(of(licence) ?? 'none', /a 1\.0\.0 is under /, licence);
    assert.equal(of(null), 'a 1.0.0 states no licence');
  });
});

test('all packages of the lock file pass, and docs/licences.md lists them', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/licences.ts'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});
