import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { downloadWithPip, pipCommands } from '../../../src/datasets/packages/pypi.js';
import type { ToolCommand } from '../../../src/datasets/packages/tool.js';
import { DataError } from '../../../src/domain/errors.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-pip-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

let fakes = 0;

/** A pip that is the given script, with `args` and `destination` at hand. */
async function fakePip(script: string): Promise<{ pip: ToolCommand; into: string }> {
  const at = join(folder, String(fakes++));
  const into = join(at, 'into');
  await mkdir(into, { recursive: true });
  const file = join(at, 'pip.cjs');
  await writeFile(
    file,
    `const fs = require('node:fs');
const args = process.argv.slice(2);
const destination = args[args.indexOf('--dest') + 1];
${script}`,
  );
  return { pip: { file: process.execPath, args: [file], shell: false }, into };
}

const GONE: ToolCommand = { file: 'llava-eval-no-such-program', args: [], shell: false };
const SAVES = "fs.writeFileSync(destination + '/demo.whl', JSON.stringify({ args, env: process.env }));";

async function refusal(script: string): Promise<DataError> {
  const { pip, into } = await fakePip(script);
  return refused(downloadWithPip('demo', '1.2.3', into, process.env, [pip]));
}

async function refused(promise: Promise<unknown>): Promise<DataError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

function failsWith(...lines: readonly string[]): string {
  return `console.error(${JSON.stringify(lines.join('\n'))}); process.exit(1);`;
}

describe('pip download', () => {
  test('asks for exactly the pinned wheel, so that no code of a package is run', async () => {
    const { pip, into } = await fakePip(SAVES);
    const file = await downloadWithPip('demo', '1.2.3', into, process.env, [pip]);
    assert.equal(basename(file), 'demo.whl');
    const { args } = JSON.parse(await readFile(file, 'utf8')) as { args: string[] };
    assert.deepEqual(args.slice(0, 4), ['download', 'demo==1.2.3', '--no-deps', '--only-binary=:all:']);
  });

  test('does not ask the user, nor for a wheel of his own version of Python', async () => {
    const { pip, into } = await fakePip(SAVES);
    const file = await downloadWithPip('demo', '1.2.3', into, process.env, [pip]);
    const { args } = JSON.parse(await readFile(file, 'utf8')) as { args: string[] };
    assert.ok(args.includes('--no-input'));
    assert.match(args[args.indexOf('--python-version') + 1]!, /^3\.\d+$/);
  });

  test("keeps the user's index and lifts his rules for what is installed", async () => {
    const { pip, into } = await fakePip(SAVES);
    const environment = { PIP_INDEX_URL: 'https://mirror.example/simple', PIP_CONSTRAINT: 'rules.txt' };
    const file = await downloadWithPip('demo', '1.2.3', into, environment, [pip]);
    const { env } = JSON.parse(await readFile(file, 'utf8')) as { env: NodeJS.ProcessEnv };
    assert.equal(env['PIP_INDEX_URL'], 'https://mirror.example/simple');
    assert.equal(env['PIP_CONSTRAINT'], devNull);
    assert.equal(env['PIP_REQUIRE_VIRTUALENV'], 'false');
  });

  test('that cannot reach its index says what is missing and how to go on', async () => {
    // What pip 23.2 says without a network, shortened.
    const error = await refusal(
      failsWith(
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/demo/",
        'ERROR: Could not find a version that satisfies the requirement demo==1.2.3 (from versions: none)',
        'ERROR: No matching distribution found for demo==1.2.3',
      ),
    );
    assert.equal(error.message, 'demo==1.2.3 cannot be fetched: pip cannot reach its registry');
    assert.match(error.render(), /datasets pull pypi-py-lines.*--dataset tiny/);
  });

  test('that does not know the package or the version says so', async () => {
    const error = await refusal(
      failsWith(
        'ERROR: Could not find a version that satisfies the requirement demo==1.2.3 (from versions: 1.0)',
        'ERROR: No matching distribution found for demo==1.2.3',
      ),
    );
    assert.equal(error.message, 'demo==1.2.3 cannot be fetched: the registry that pip uses does not have it');
  });

  test('that fails otherwise is quoted, with the command to try by hand', async () => {
    const error = await refusal(failsWith('ERROR: something odd'));
    assert.equal(error.message, 'demo==1.2.3 cannot be fetched: pip failed');
    assert.match(error.render(), /something odd/);
    assert.match(error.render(), /pip download --no-deps --only-binary=:all: .*demo==1\.2\.3/);
  });

  test('that leaves no file is reported', async () => {
    assert.match((await refusal('')).message, /left 0 package files, expected one/);
  });
});

describe('the pip that is run', () => {
  test('is the first that there is', async () => {
    const { pip, into } = await fakePip(SAVES);
    assert.ok(await downloadWithPip('demo', '1.2.3', into, process.env, [GONE, pip]));
  });

  test('is not a Python without pip', async () => {
    const without = await fakePip(failsWith('/usr/bin/python3: No module named pip'));
    const { pip, into } = await fakePip(SAVES);
    assert.ok(await downloadWithPip('demo', '1.2.3', into, process.env, [without.pip, pip]));
    const error = await refused(downloadWithPip('demo', '1.2.3', into, process.env, [without.pip]));
    assert.match(error.message, /pip was not found$/);
  });

  test('is reported as missing where there is none', async () => {
    const error = await refused(downloadWithPip('demo', '1.2.3', folder, process.env, [GONE, GONE]));
    assert.equal(error.message, 'demo==1.2.3 cannot be fetched: pip was not found (ENOENT)');
    assert.match(error.render(), /PyPI packages, fetched once with your own pip/);
    assert.match(error.render(), /install pip or put it on the PATH/);
  });

  test('is started by its name before it is started through Python', () => {
    const named = pipCommands('linux').map(({ file, args }) => [file, ...args].join(' '));
    assert.deepEqual(named, ['pip', 'pip3', 'python3 -m pip', 'python -m pip']);
    assert.equal(pipCommands('win32')[2]!.file, 'py');
  });
});
