import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EvidenceWriter, readTaskEvidence, type TaskEvidence } from '../../src/run/task-evidence.js';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-evidence-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const evidence = (taskId: string): TaskEvidence => ({
  taskId,
  repository: 'r',
  path: 'main.ts',
  language: 'typescript',
  reference: 'x;',
  left: 'const a = ',
  right: '\n\u2028',
  chunks: [{ path: 'b.ts', startLine: 1, endLine: 2, text: 'let b;\nlet c;' }],
});

describe('what the tasks of a run were', () => {
  test('is given back as it was written, each task once however often it is handed over', async () => {
    const path = join(folder, 'a.jsonl');
    const writer = await EvidenceWriter.open(path, null);
    for (const id of ['1', '2', '1']) await writer.append(evidence(id));
    await writer.close();
    assert.deepEqual([...(await readTaskEvidence(path))!.tasks.values()], [evidence('1'), evidence('2')]);
  });

  test('goes on after a torn last line as if there had been none', async () => {
    const [whole, torn] = [join(folder, 'whole.jsonl'), join(folder, 'torn.jsonl')];
    const ids = { [whole]: ['1', '2'], [torn]: ['1'] };
    for (const path of [whole, torn]) {
      const writer = await EvidenceWriter.open(path, null);
      for (const id of ids[path]!) await writer.append(evidence(id));
      await writer.close();
    }
    await appendFile(torn, '{"taskId":"2","repos');
    const writer = await EvidenceWriter.open(torn, await readTaskEvidence(torn));
    for (const id of ['1', '2']) await writer.append(evidence(id));
    await writer.close();
    assert.equal(await readFile(torn, 'utf8'), await readFile(whole, 'utf8'));
  });

  test('is read from lines of any length, and of a torn last one nothing', async () => {
    const path = join(folder, 'long.jsonl');
    // Three bytes a character, so that some character lies across every border between two reads.
    const long = (id: string): TaskEvidence => ({ ...evidence(id), left: '\u20ac'.repeat(700_001) });
    const lines = ['1', '2', '3'].map((id) => `${JSON.stringify(long(id))}\n`);
    await writeFile(path, lines.join('') + lines[0]!.slice(0, 500_000));
    const read = (await readTaskEvidence(path))!;
    assert.deepEqual([...read.tasks.values()], ['1', '2', '3'].map(long));
    assert.equal(read.wholeBytes, Buffer.byteLength(lines.join('')));
  });

  test('is nothing where there is no file, and refused with file and line where it is damaged', async () => {
    assert.equal(await readTaskEvidence(join(folder, 'none.jsonl')), null);
    const path = join(folder, 'damaged.jsonl');
    const line = JSON.stringify(evidence('1'));
    await writeFile(path, `${line}\n{"taskId":"2"}\n`);
    await assert.rejects(readTaskEvidence(path), /damaged\.jsonl:2: repository/);
    await writeFile(path, `${line}\n{"taskId\n`);
    await assert.rejects(readTaskEvidence(path), /damaged\.jsonl:2: not JSON/);
    await writeFile(path, `${line}\n${line}\n`);
    await assert.rejects(readTaskEvidence(path), /damaged\.jsonl:2: 1 is there twice/);
  });
});
