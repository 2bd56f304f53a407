import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { npmCommand } from '../src/datasets/packages/npm.js';
import { some } from './support/some.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Paths of the files that `npm pack` would put into the package. */
function packed(): string[] {
  const npm = npmCommand();
  const args = [...npm.args, 'pack', '--dry-run', '--json', '--ignore-scripts', '--offline'];
  const output = execFileSync(npm.file, args, {
    cwd: ROOT,
    encoding: 'utf8',
    shell: npm.shell,
    stdio: 'pipe',
  });
  const [pack] = JSON.parse(output) as [{ readonly files: readonly { readonly path: string }[] }];
  return pack.files.map(({ path }) => path);
}

describe('the package', () => {
  const files = packed();

  test('holds every page that a message of the program names', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    );
    const named = new Set(
      sources.flatMap((name) =>
        // Comments may name pages of others.
        readFileSync(join(ROOT, 'src', name), 'utf8')
          .split('\n')
          .filter((line) => !/^\s*(?:\*|\/[/*])/.test(line))
          .flatMap((line) => line.match(/\bdocs\/[\w-]+\.md\b/g) ?? []),
      ),
    );
    for (const page of some([...named])) {
      assert.ok(existsSync(join(ROOT, page)), `${page} is not there`);
      assert.ok(files.includes(page), `${page} is not packed`);
    }
  });

  test('holds no source map, whose sources it has not, and nothing of the tests', () => {
    assert.deepEqual(
      files.filter((path) => path.endsWith('.map') || path.startsWith('test/') || path.startsWith('src/')),
      [],
    );
    assert.ok(files.includes('bin/llava-eval.js') && files.includes('models/llavacode-nano/bundle.json'));
  });
});
