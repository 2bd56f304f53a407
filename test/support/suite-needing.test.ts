import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SUPPORT = pathToFileURL(fileURLToPath(new URL('./suite-needing.ts', import.meta.url))).href;

/** Runs a file of one suite that needs a browser, in a process of its own. */
function outcome(
  problem: string | null,
  demanded: string,
): { readonly status: number | null; readonly tap: string } {
  const script = `
    import { test } from 'node:test';
    import { suiteNeeding } from '${SUPPORT}';
    suiteNeeding('browser', ${JSON.stringify(problem)}, 'the page', () => {
      test('inner', () => undefined);
    });
    test('other', () => undefined);`;
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--test-reporter', 'tap', '--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...cleanEnvironment(), LLAVA_EVAL_REQUIRE: demanded } },
  );
  return { status, tap: stdout };
}

/** Without the variable by which the test runner tells its children that they are its children. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  delete environment['NODE_TEST_CONTEXT'];
  return environment;
}

describe('a suite that needs a browser', () => {
  test('runs where there is one, demanded or not', () => {
    for (const demanded of ['', 'browser,webgpu']) {
      const { status, tap } = outcome(null, demanded);
      assert.equal(status, 0, tap);
      assert.match(tap, /ok 1 - inner/);
      assert.match(tap, /# skipped 0/);
    }
  });

  test('is one counted skip with its reason where there is none', () => {
    const { status, tap } = outcome('no browser at /x', 'webgpu');
    assert.equal(status, 0, tap);
    assert.match(
      tap,
      /ok 1 - the page # SKIP no browser at \/x \(LLAVA_EVAL_REQUIRE=browser makes this a failure\)/,
    );
    assert.match(tap, /# pass 1\n[^]*# skipped 1/);
  });

  test('fails where it is demanded and there is none', () => {
    const { status, tap } = outcome('no browser at /x', 'webgpu,browser');
    assert.equal(status, 1, tap);
    assert.match(tap, /not ok 1 - the page/);
    assert.match(tap, /demands browser, but there is none: no browser at \/x/);
    assert.match(tap, /# pass 1\n# fail 1/);
  });

  test('fails where the demand is misspelt', () => {
    const { status, tap } = outcome('no browser at /x', 'browsers');
    assert.equal(status, 1, tap);
  });
});
