import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { npmCommand, packWithNpm } from '../../../src/datasets/packages/npm.js';
import { DataError } from '../../../src/domain/errors.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-pack-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

let fakes = 0;

/** An environment whose npm is the given script, with `args` and `destination` at hand. */
async function withNpm(script: string): Promise<{ environment: NodeJS.ProcessEnv; into: string }> {
  const at = join(folder, String(fakes++));
  const into = join(at, 'into');
  await mkdir(into, { recursive: true });
  const file = join(at, 'npm-cli.cjs');
  await writeFile(
    file,
    `const fs = require('node:fs');
const args = process.argv.slice(2);
const destination = args[args.indexOf('--pack-destination') + 1];
${script}`,
  );
  return { environment: { ...process.env, npm_execpath: file }, into };
}

async function refusal(script: string): Promise<DataError> {
  const { environment, into } = await withNpm(script);
  try {
    await packWithNpm('demo', '1.2.3', into, environment);
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error;
  }
  return assert.fail('nothing was refused');
}

/** What npm prints with --json when it fails. */
function failsWith(code: string): string {
  return `console.log(JSON.stringify({ error: { code: '${code}', summary: 'x', detail: '' } }, null, 2));
console.error('npm error code ${code}');
process.exit(1);`;
}

describe('npm pack', () => {
  test('is run with scripts off, for exactly the pinned version, and its file is found whatever its name', async () => {
    const { environment, into } = await withNpm(
      "fs.writeFileSync(destination + '/some-name.tgz', JSON.stringify(args)); console.log('[]');",
    );
    const file = await packWithNpm('@scope/demo', '1.2.3', into, environment);
    assert.equal(basename(file), 'some-name.tgz');
    const args = JSON.parse(await readFile(file, 'utf8')) as string[];
    assert.deepEqual(args.slice(0, 4), ['pack', '@scope/demo@1.2.3', '--json', '--ignore-scripts']);
  });

  test('that cannot reach its registry says what is missing and how to go on', async () => {
    for (const code of ['ENOTFOUND', 'ECONNREFUSED', 'ETIMEDOUT', 'ENOTCACHED']) {
      const error = await refusal(failsWith(code));
      assert.equal(error.message, `demo@1.2.3 cannot be fetched: npm cannot reach its registry (${code})`);
      assert.match(error.render(), /no cached copy exists yet.*works offline/);
      assert.match(error.render(), /--dataset tiny/);
    }
  });

  test('that does not know the package or the version says so', async () => {
    for (const code of ['E404', 'ETARGET']) {
      assert.match((await refusal(failsWith(code))).message, /the registry that npm uses does not have it/);
    }
  });

  test('that fails otherwise is quoted', async () => {
    const error = await refusal("console.error('npm ERR! code EINTEGRITY\\nnpm ERR! odd'); process.exit(1);");
    assert.equal(error.message, 'demo@1.2.3 cannot be fetched: npm failed (EINTEGRITY)');
    assert.match(error.render(), /npm ERR! odd/);
  });

  test('that says nothing at all is still reported', async () => {
    assert.equal((await refusal('process.exit(7);')).message, 'demo@1.2.3 cannot be fetched: npm failed');
  });

  test('that leaves no file is reported', async () => {
    assert.match((await refusal('')).message, /left 0 package files, expected one/);
  });

  test('is reported as missing where there is no npm', async () => {
    const environment = { PATH: join(folder, 'nowhere') };
    await assert.rejects(packWithNpm('demo', '1.2.3', folder, environment), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /npm was not found \(ENOENT\)/);
      return true;
    });
  });
});

describe('the npm that is run', () => {
  test('is the one that started this process, with the same Node', async () => {
    const { environment } = await withNpm('');
    assert.deepEqual(npmCommand(environment, 'linux'), {
      file: process.execPath,
      args: [environment['npm_execpath']],
      shell: false,
    });
  });

  test('is not another package manager that started this process, nor a script that is gone', async () => {
    const other = join(folder, 'pnpm.cjs');
    await writeFile(other, '');
    for (const script of [other, join(folder, 'gone', 'npm-cli.js')]) {
      assert.deepEqual(npmCommand({ npm_execpath: script }, 'linux'), {
        file: 'npm',
        args: [],
        shell: false,
      });
    }
  });

  test('is started through a shell on Windows only where its script is not beside Node', () => {
    assert.equal(npmCommand({}, 'linux').shell, false);
    const onWindows = npmCommand({}, 'win32');
    assert.equal(onWindows.shell, onWindows.args.length === 0);
  });
});
