import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { ArchiveLimits } from '../../src/archive/limits.js';
import type { ArchiveCounts } from '../../src/archive/entry-check.js';
import { readArchive } from '../../src/archive/read.js';
import { unpackArchive } from '../../src/archive/unpack.js';
import { DataError } from '../../src/domain/errors.js';
import { makePackage, makeTar } from '../datasets/package-archive.js';
import { makeZip, type ZipEntry } from '../support/archives.js';

const LIMITS: ArchiveLimits = {
  mostEntries: 10,
  mostEntryBytes: 100_000,
  mostBytes: 200_000,
  mostRatio: 100,
};

let folder: string;
let files = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-archive-'));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(bytes: Buffer): Promise<string> {
  const file = join(folder, `archive-${files++}`);
  await writeFile(file, bytes);
  return file;
}

async function contentsOf(
  bytes: Buffer,
  limits: ArchiveLimits = LIMITS,
): Promise<{ texts: Record<string, string>; counts: ArchiveCounts }> {
  const texts: Record<string, string> = {};
  const counts = await readArchive({
    file: await write(bytes),
    limits,
    isWanted: (path) => !path.endsWith('.skip'),
    async onEntry({ path, content }) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      texts[path] = Buffer.concat(pieces).toString('utf8');
    },
  });
  return { texts, counts };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DataError, String(error));
    return error.message;
  }
  return assert.fail('the archive was accepted');
}

/** The same entries in every kind of archive. */
const KINDS: Readonly<Record<string, (entries: readonly { name: string; text?: string }[]) => Buffer>> = {
  tar: makeTar,
  'tar.gz': makePackage,
  zip: (entries) => makeZip(entries.map(({ name, text = '' }) => ({ name, content: Buffer.from(text) }))),
};

for (const [kind, make] of Object.entries(KINDS)) {
  describe(`a ${kind} archive`, () => {
    test('gives its wanted files, one after the other, and counts the rest', async () => {
      const long = 'ä'.repeat(40_000);
      const { texts, counts } = await contentsOf(
        make([
          { name: 'a/one.py', text: 'x = 1\n' },
          { name: 'a/two.skip', text: 'no' },
          { name: './a/./three.py', text: long },
          { name: 'empty.py' },
        ]),
      );
      assert.deepEqual(texts, { 'a/one.py': 'x = 1\n', 'a/three.py': long, 'empty.py': '' });
      assert.equal(counts.files, 4);
    });

    test('is refused if a name leads out, is absolute, or means something else elsewhere', async () => {
      for (const name of ['../evil', 'a/../../evil', '/etc/evil', 'C:/evil', 'a\\evil']) {
        const message = await refusal(contentsOf(make([{ name: 'fine.py' }, { name, text: 'x' }])));
        assert.match(message, /refused|cannot be read as an archive: (absolute|invalid)/, name);
      }
    });

    test('is refused if two of its files have one name', async () => {
      const message = await refusal(contentsOf(make([{ name: 'a.py' }, { name: './a.py', text: 'x' }])));
      assert.match(message, /"a\.py" is in it twice/);
    });

    test('is refused at each limit: entries, one file, all files', async () => {
      const many = Array.from({ length: 11 }, (_, i) => ({ name: `${i}.py` }));
      assert.match(await refusal(contentsOf(make(many))), /more than 10 entries/);
      const huge = { name: 'huge.py', text: 'x'.repeat(100_001) };
      assert.match(await refusal(contentsOf(make([huge]))), /too large \(at "huge\.py"\)/);
      const heavy = [0, 1, 2].map((i) => ({ name: `${i}.py`, text: 'x'.repeat(70_000) }));
      assert.match(await refusal(contentsOf(make(heavy))), /too large \(at "2\.py"\)/);
    });

    test('that is cut off is refused', async () => {
      const whole = make([{ name: 'a.py', text: 'x = 1\n'.repeat(1000) }]);
      const message = await refusal(contentsOf(whole.subarray(0, Math.floor(whole.length / 2))));
      assert.match(message, /cannot be read as an archive/);
    });
  });
}

describe('a bomb', () => {
  const roomy = { ...LIMITS, mostEntryBytes: 2 ** 40, mostBytes: 2 ** 40 };
  const claimedBytes = 80 * 2 ** 20;

  test('is refused by the ratio of its sizes before it is unpacked', async () => {
    const tar = gzipSync(makeTar([{ name: 'zeros.py', claimedBytes }]));
    assert.match(await refusal(contentsOf(tar, roomy)), /more than 100 times its size/);
    const zip = makeZip([{ name: 'zeros.py', claimedBytes }]);
    assert.match(await refusal(contentsOf(zip, roomy)), /more than 100 times its size/);
  });

  test('that lies about its size is stopped when more comes out than it says', async () => {
    const content = Buffer.from('x'.repeat(50_000));
    const message = await refusal(contentsOf(makeZip([{ name: 'lie.py', content, claimedBytes: 10 }])));
    assert.match(message, /lie\.py|too many bytes|cannot be read as an archive/);
  });
});

describe('links and devices', () => {
  const SYMLINK = 0o120777;
  const DEVICE = 0o020644;

  test('links are counted and never handed on', async () => {
    const tar = makeTar([
      { name: 'a.py', text: 'x' },
      { name: 'l.py', type: '2', link: '/etc/passwd' },
      { name: 'h.py', type: '1', link: 'a.py' },
    ]);
    assert.deepEqual(await contentsOf(tar), { texts: { 'a.py': 'x' }, counts: { files: 1, links: 2 } });
    const zip = makeZip([{ name: 'l.py', content: Buffer.from('/etc/passwd'), mode: SYMLINK }]);
    assert.deepEqual(await contentsOf(zip), { texts: {}, counts: { files: 0, links: 1 } });
  });

  test('devices and pipes refuse the archive', async () => {
    for (const type of ['3', '6'] as const) {
      assert.match(await refusal(contentsOf(makeTar([{ name: 'd.py', type }]))), /is a device or a pipe/);
    }
    assert.match(await refusal(contentsOf(makeZip([{ name: 'd', mode: DEVICE }]))), /is a device or a pipe/);
  });
});

describe('a zip archive', () => {
  const entry = (name: string, more: Partial<ZipEntry> = {}): ZipEntry => ({
    name,
    content: Buffer.from('x = 1\n'),
    ...more,
  });

  test('may have its sizes in 64 bits, and no Unix mode', async () => {
    const { texts } = await contentsOf(makeZip([entry('a.py', { zip64: true }), entry('b.py', { mode: 0 })]));
    assert.deepEqual(texts, { 'a.py': 'x = 1\n', 'b.py': 'x = 1\n' });
  });

  test('that is encrypted is refused', async () => {
    assert.match(await refusal(contentsOf(makeZip([entry('a.py', { encrypted: true })]))), /encrypted/);
  });
});

describe('a tar.xz archive', () => {
  test('is unpacked on the way, links left out', async () => {
    const { texts, counts } = await contentsOf(await readFile('test/golden/archives/shapes.tar.xz'));
    assert.deepEqual(texts, {
      'repositories/shapes/pkg/unit.py': 'UNIT = 1\r\n',
      'repositories/shapes/pkg/side.py': "SIDE = '\u00e9'\n",
      'repositories/shapes/notes.txt': 'not code\n',
    });
    assert.deepEqual(counts, { files: 3, links: 1 });
  });
});

describe('unpacking', () => {
  test('makes a folder of the files', async () => {
    const target = join(folder, 'unpacked');
    const file = await write(makePackage([{ name: 'a/b.py', text: 'x' }, { name: 'c.py' }]));
    await unpackArchive(file, target, LIMITS);
    assert.equal(await readFile(join(target, 'a', 'b.py'), 'utf8'), 'x');
    assert.deepEqual((await readdir(target)).sort(), ['a', 'c.py']);
  });

  test('of a refused archive leaves nothing, and an earlier folder as it was', async () => {
    const parent = await mkdtemp(join(folder, 'parent-'));
    const target = join(parent, 'kept');
    await unpackArchive(await write(makeTar([{ name: 'old.py' }])), target, LIMITS);
    const hostile = await write(
      makeTar([
        { name: 'new.py', text: 'x' },
        { name: '../evil.py', text: 'x' },
      ]),
    );
    assert.match(await refusal(unpackArchive(hostile, target, LIMITS)), /leads out of the archive/);
    assert.deepEqual(await readdir(parent), ['kept']);
    assert.deepEqual(await readdir(target), ['old.py']);
  });

  test('two names that are one on some systems never overwrite each other', async () => {
    const file = await write(
      makeTar([
        { name: 'a', text: '1' },
        { name: 'a/b', text: '2' },
      ]),
    );
    await assert.rejects(unpackArchive(file, join(folder, 'clash'), LIMITS));
  });
});

test('what is no archive is refused by name', async () => {
  const message = await refusal(
    contentsOf(Buffer.from('just some text, long enough to be looked at\n'.repeat(30))),
  );
  assert.match(message, /archive-\d+: cannot be read as an archive/);
});
