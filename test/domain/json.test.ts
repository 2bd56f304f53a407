import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, describe, test } from 'node:test';

import { parseJson } from '../../src/domain/json.js';
import { readRules } from '../../src/gate/rules.js';
import { readDecoderConfig } from '../../src/model/architecture/config.js';
import { readBundle } from '../../src/model/folder/bundle.js';
import { readDecoderFacts } from '../../src/model/folder/decoder-facts.js';
import { openDataset } from '../../src/datasets/open/open-dataset.js';
import { loadTokenizer } from '../../src/tokenizer/hf.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const folder = mkdtempSync(join(tmpdir(), 'json-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const MARK = '\ufeff';

/** Puts a byte order mark in front of every JSON file below a folder. */
function mark(dir: string): number {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(?:json|jsonl|txt)$/.test(name),
  );
  for (const name of files) writeFileSync(join(dir, name), MARK + readFileSync(join(dir, name), 'utf8'));
  return files.length;
}

describe('JSON of a file', () => {
  test('may begin with a byte order mark, once', () => {
    assert.deepEqual(parseJson(`${MARK}{"a": "${MARK}"}`), { a: MARK });
    assert.throws(() => parseJson(`${MARK}${MARK}{}`), SyntaxError);
    assert.throws(() => parseJson(''), SyntaxError);
  });

  test('of a model reads the same with a mark in every file', async () => {
    const [plain, marked] = ['plain', 'marked'].map((name) => join(folder, name));
    for (const dir of [plain!, marked!]) writeTinyBundle(dir);
    assert.ok(mark(marked!) > 4);
    const read = async (dir: string): Promise<unknown> => {
      const { decoder, dir: own, ...bundle } = readBundle(dir);
      assert.equal(own, dir);
      const tokenizers = await Promise.all([decoder.path, join(dir, 'encoder')].map(loadTokenizer));
      return {
        name: bundle.name,
        architecture: readDecoderConfig(join(decoder.path, 'config.json')),
        facts: readDecoderFacts(decoder.path, 1000),
        ids: tokenizers.map((tokenizer) => tokenizer.encode('const x = 1;')),
      };
    };
    assert.deepEqual(await read(marked!), await read(plain!));
  });

  test('of rules of the gate and of records may have one', async () => {
    const rules = join(folder, 'rules.json');
    writeFileSync(rules, `${MARK}{}`);
    assert.deepEqual(await readRules(rules), await readRules(fileOf('{}')));
    const record = {
      prompt: 'a\n',
      groundtruth: 'b',
      metadata: { task_id: 't/1', repository: 'r', file: 'a.py', context_start_lineno: 0 },
    };
    const records = join(folder, 'records.jsonl');
    writeFileSync(records, `${MARK}${JSON.stringify(record)}\n`);
    assert.equal((await openDataset(records)).tasks.length, 1);
  });

  function fileOf(content: string): string {
    const file = join(folder, 'other.json');
    writeFileSync(file, content);
    return file;
  }

  test('is parsed in one place: JSON.parse stands elsewhere only for what this program wrote itself', () => {
    const root = fileURLToPath(new URL('../../src', import.meta.url));
    const places = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => name.endsWith('.ts') && !name.startsWith('report/page/'))
      .filter((name) => readFileSync(join(root, name), 'utf8').includes('JSON.parse('))
      .sort();
    assert.deepEqual(places, [
      'domain/json.ts',
      'download/part-file.ts', // this program's own note
      'hub/cache.ts', // this program's own list
      'model/ort/probe.ts', // the answer of a child process
      'model/ort/proof/device-proof-child.ts', // an argument
      'model/ort/proof/device-proof.ts', // the answer of a child process
      'model/ort/proof/profile.ts', // ONNX Runtime's profile
      'report/html/explorer-data.ts', // a value of this program
      'run/environment.ts', // this package's manifest
      'run/run-lock.ts', // this program's own lock
    ]);
  });
});
