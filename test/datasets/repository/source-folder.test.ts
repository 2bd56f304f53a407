import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { describeLeftOut } from '../../../src/datasets/repository/left-out.js';
import { readSourceFolder, type ReadFolder } from '../../../src/datasets/repository/source-folder.js';
import { DataError } from '../../../src/domain/errors.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-source-'));
  // Another user looks at it below.
  chmodSync(folder, 0o755);
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

const CODE = 'export const value = Math.max(1, 2);\n';
const PYTHON = 'value = max(first, second)\n';

async function makeFolder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

function git(root: string, ...args: readonly string[]): void {
  const own = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'init.defaultBranch=main'];
  execFileSync('git', [...own, ...args], { cwd: root, stdio: 'ignore' });
}

function read(root: string, asksGit = true): Promise<ReadFolder> {
  return readSourceFolder({
    folder: root,
    name: 'r',
    languages: new Set(['typescript', 'javascript', 'python']),
    rule: 'written',
    asksGit,
  });
}

function pathsOf({ repository }: ReadFolder): string[] {
  return repository.files.map(({ path }) => path);
}

function countsOf({ leftOut }: ReadFolder): Record<string, number> {
  return Object.fromEntries(leftOut.map(({ reason, count }) => [reason, count]));
}

describe('a folder in a git repository', () => {
  test('gives the files that git tracks and the new ones that it does not ignore', async () => {
    const root = await makeFolder('tracked', {
      '.gitignore': 'lib/\n*.tmp.ts\n',
      'src/a.ts': CODE,
      'src/b.tmp.ts': CODE,
      'lib/a.js': CODE,
      'lib/deep/b.js': CODE,
      'tools/.gitignore': '/made.ts\n!kept.tmp.ts\n',
      'tools/made.ts': CODE,
      'tools/kept.tmp.ts': CODE,
      'local.ts': CODE,
    });
    git(root, 'init');
    git(root, 'add', 'src/a.ts', '.gitignore');
    await writeFile(join(root, '.git', 'info', 'exclude'), 'local.ts\n');
    const found = await read(root);
    assert.deepEqual(pathsOf(found), ['src/a.ts', 'tools/kept.tmp.ts']);
    // lib/a.js, lib/deep/b.js, src/b.tmp.ts, tools/made.ts and local.ts.
    assert.deepEqual(countsOf(found), { ignored: 5 });
    assert.match(describeLeftOut(found.leftOut)!, /^left out: 5 files that git ignores \(lib\/a\.js, …\)$/);
    assert.deepEqual(pathsOf(await read(join(root, 'tools'))), ['kept.tmp.ts'], 'below the top as well');
  });

  test('gives a file that git tracks although a rule ignores it', async () => {
    const root = await makeFolder('forced', { '.gitignore': 'lib/\n', 'lib/a.ts': CODE, 'lib/b.ts': CODE });
    git(root, 'init');
    git(root, 'add', '--force', 'lib/a.ts');
    assert.deepEqual(pathsOf(await read(root)), ['lib/a.ts']);
  });

  test('gives what git tracks in folders of built files, and nothing else of them', async () => {
    const root = await makeFolder('building', {
      'src/build/plan.ts': CODE,
      'src/build/deep/step.ts': CODE,
      'build/made.js': CODE,
      'dist/index.js': CODE,
    });
    git(root, 'init');
    git(root, 'add', 'src', 'dist');
    assert.deepEqual(pathsOf(await read(root)), ['src/build/deep/step.ts', 'src/build/plan.ts']);
    assert.deepEqual(pathsOf(await read(root, false)), []);
  });

  test('gives the same files where .git is a file, as in a further work tree', async () => {
    const root = await makeFolder('main-tree', { '.gitignore': 'lib/\n', 'src/a.ts': CODE });
    git(root, 'init');
    git(root, 'add', '.');
    git(root, 'commit', '-m', 'one');
    git(root, 'worktree', 'add', '../further-tree');
    const further = await makeFolder('further-tree', { 'lib/a.js': CODE });
    assert.deepEqual(pathsOf(await read(further)), ['src/a.ts']);
  });

  test('gives no file of a repository inside it', async () => {
    const root = await makeFolder('outer', { 'a.ts': CODE, 'inner/b.ts': CODE });
    git(root, 'init');
    git(join(root, 'inner'), 'init');
    const found = await read(root);
    assert.deepEqual(pathsOf(found), ['a.ts']);
    assert.deepEqual(countsOf(found), { nested: 1 });
    assert.deepEqual(pathsOf(await read(join(root, 'inner'))), ['b.ts']);
  });

  test('is walked where git ignores the folder itself, since the user named it', async () => {
    const root = await makeFolder('around', { '.gitignore': 'clones/\n', 'clones/x/a.ts': CODE });
    git(root, 'init');
    assert.deepEqual(pathsOf(await read(join(root, 'clones', 'x'))), ['a.ts']);
  });

  test('is walked with a word to the user where git cannot read its own files', async () => {
    const root = await makeFolder('broken', { 'a.ts': CODE, '.git/HEAD': 'ref: refs/heads/main\n' });
    git(root, 'init');
    await writeFile(join(root, '.git', 'index'), 'no index');
    const { notes, ...found } = await read(root);
    assert.deepEqual(pathsOf({ notes, ...found }), ['a.ts']);
    assert.match(
      notes.join(),
      /git cannot say which files belong to it \(.*\); files that it ignores are read/,
    );
  });

  test('is walked where nobody asks git', async () => {
    const root = await makeFolder('unasked', { '.gitignore': 'lib/\n', 'lib/a.js': CODE });
    git(root, 'init');
    assert.deepEqual(pathsOf(await read(root, false)), ['lib/a.js']);
  });

  test('starts no program that the repository names', async () => {
    const root = await makeFolder('hostile', { 'a.ts': CODE });
    git(root, 'init');
    git(root, 'config', 'core.fsmonitor', `touch '${join(folder, 'started')}' #`);
    assert.deepEqual(pathsOf(await read(root)), ['a.ts']);
    assert.ok(!existsSync(join(folder, 'started')));
  });
});

describe('what cannot be read is left out and counted', () => {
  test('names that are not UTF-8', async (t) => {
    const root = await makeFolder('names', { 'src/a.ts': CODE, 'src/ü.ts': CODE });
    const bytes = (name: string): Buffer =>
      Buffer.concat([Buffer.from(`${root}/src/`), Buffer.from(name, 'latin1')]);
    try {
      await writeFile(bytes('caf\xe9.ts'), CODE);
    } catch {
      t.skip('this file system takes no such names');
      return;
    }
    await mkdir(bytes('d\xe9r'));
    await writeFile(Buffer.concat([bytes('d\xe9r'), Buffer.from('/x.ts')]), CODE);
    git(root, 'init');
    for (const asksGit of [false, true]) {
      const found = await read(root, asksGit);
      assert.deepEqual(pathsOf(found), ['src/a.ts', 'src/ü.ts']);
      assert.deepEqual(countsOf(found), { unnamed: 2 });
    }
  });

  test('locked folders and files', async (t) => {
    if (process.geteuid === undefined) {
      t.skip('this system has no such users');
      return;
    }
    const root = await makeFolder('locked', { 'a.ts': CODE, 'b.ts': CODE, 'secret/c.ts': CODE });
    chmodSync(join(root, 'b.ts'), 0);
    chmodSync(join(root, 'secret'), 0);
    const isRoot = process.geteuid() === 0;
    // Root may read everything, so somebody else looks.
    if (isRoot) process.seteuid!(65534);
    try {
      const found = await read(root);
      assert.deepEqual(pathsOf(found), ['a.ts']);
      assert.deepEqual(countsOf(found), { unreadable: 2 });
      await assert.rejects(read(join(root, 'secret')), DataError);
    } finally {
      if (isRoot) process.seteuid!(0);
      chmodSync(join(root, 'secret'), 0o755);
    }
  });

  test('links, and so circles of them', async () => {
    const root = await makeFolder('links', { 'src/a.ts': CODE });
    await symlink(join(root, 'src'), join(root, 'src', 'again'));
    await symlink('loop.ts', join(root, 'loop.ts'));
    await symlink(join(root, 'src', 'a.ts'), join(root, 'b.ts'));
    const found = await read(root);
    assert.deepEqual(pathsOf(found), ['src/a.ts']);
    assert.deepEqual(countsOf(found), { link: 2 });
  });

  test('files that vanish meanwhile, without a word', async () => {
    for (let ticks = 0; ticks < 8; ticks++) {
      const root = await makeFolder(`vanishing-${ticks}`, {
        'a.ts': CODE,
        'src/b.ts': CODE,
        'src/c.ts': CODE,
      });
      const reading = read(root, false).then(
        (found) => found.notes,
        (error: unknown) => {
          assert.ok(error instanceof DataError, String(error));
        },
      );
      for (let tick = 0; tick < ticks; tick++) await setImmediate();
      rmSync(root, { recursive: true });
      await reading;
    }
  });

  test('files of tests, declarations, programs, too many bytes and other alphabets, each by its reason', async () => {
    const root = await makeFolder('reasons', {
      'a.ts': CODE,
      'a.test.ts': CODE,
      'test/b.ts': CODE,
      'c.d.ts': CODE,
      'd.gen.ts': CODE,
      'e.ts': `/* @generated */\n${CODE}`,
      'f.ts': `// Made by a tool.\n//   DO NOT EDIT\n${CODE}`,
      'g.ts': `// This file is auto-generated by a tool\n${CODE}`,
      'h.ts': `const x = '${'x'.repeat(1000)}';\n`,
      'k.ts': `// This is a generated file!\n${CODE}`,
      'l.ts': `\n#line 1 "parser.rl"\n${CODE}`,
      'i.ts': CODE.repeat(30_000),
      'j.ts': 'a\0b',
      'kept.ts': `const HEADER = '// DO NOT EDIT';\n${CODE}`,
    });
    const found = await read(root);
    assert.deepEqual(pathsOf(found), ['a.ts', 'kept.ts']);
    assert.deepEqual(countsOf(found), { test: 2, generated: 7, declaration: 1, large: 1, binary: 1 });
  });

  test('files whose first lines say in their own words that a program wrote them', async () => {
    // The words of rich, sqlglot (as setuptools-scm writes it), trio and Django.
    const root = await makeFolder('words', {
      'a.py': `# Auto generated by tools/make_data.py\n${PYTHON}`,
      'b.py': `# file generated by setuptools-scm\n${PYTHON}`,
      'c.py': `# ***** WARNING: AUTOGENERATED! ALL EDITS WILL BE LOST *****\n${PYTHON}`,
      'd.py': `# Generated by Django 5.2 on 2026-01-31\n${PYTHON}`,
      'kept.py': `"""Graphs that are generated by rules, and text <!-- Generated with x -->."""\n${PYTHON}`,
    });
    const found = await read(root);
    assert.deepEqual(pathsOf(found), ['kept.py']);
    assert.deepEqual(countsOf(found), { generated: 4 });
  });
});
