import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EXIT } from '../../src/domain/errors.js';
import { command } from '../support/command.js';
import { llavaEval } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
const project = process.cwd();
const at = (...parts: string[]): string => join(folder, ...parts);

const RECORD = {
  prompt: 'const a = ',
  groundtruth: '1;',
  right_context: '\n',
  metadata: { task_id: 'r/1', repository: 'r', file: 'a.ts', groundtruth_start_lineno: 0 },
};

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-bad-'));
  writeTinyBundle(at('bundle'));
  await cp(at('bundle'), at('truncated'), { recursive: true });
  await truncate(at('truncated', 'decoder', 'model.safetensors'), 1000);
  writeTinyBundle(at('narrow'), { projectorOutput: 64 });
  await writeFile(at('damaged.jsonl'), `${JSON.stringify(RECORD)}\n{"prompt": "x", \n`);
  await writeFile(at('field.jsonl'), `${JSON.stringify({ ...RECORD, groundtruth: undefined })}\n`);
  await writeFile(at('norepo.jsonl'), `${JSON.stringify(RECORD)}\n`);
  await writeFile(at('file'), 'not a folder');
  await writeFile(at('config.json'), '{"topK": "ten", "colour": true}');
  // Commands within this process look for files in its working folder.
  process.chdir(folder);
});
after(async () => {
  process.chdir(project);
  await rm(folder, { recursive: true });
});

/** Arguments after `run`, the expected exit code, and what the message must say. */
const CASES: readonly {
  readonly title: string;
  readonly args: () => readonly string[];
  readonly code: number;
  readonly says: readonly RegExp[];
}[] = [
  {
    title: 'an unknown dataset names the known ones',
    args: () => ['--dataset', 'npm-ts-line'],
    code: 3,
    says: [/there is no dataset "npm-ts-line"/, /did you mean "npm-ts-lines"/],
  },
  {
    title: 'an unknown model says what a model may be',
    args: () => ['--model', at('nowhere')],
    code: 3,
    says: [/nowhere/, /nano/],
  },
  {
    title: 'damaged JSON lines are named by file and line',
    args: () => ['--dataset', at('damaged.jsonl')],
    code: 3,
    says: [/damaged\.jsonl:2: /],
  },
  {
    title: 'a record without its reference is named by file, line and field',
    args: () => ['--dataset', at('field.jsonl')],
    code: 3,
    says: [/field\.jsonl:1: field "groundtruth" is missing/],
  },
  {
    title: 'a retriever without the repository says where it was looked for',
    args: () => ['--dataset', at('norepo.jsonl')],
    code: 3,
    says: [/--repos/],
  },
  {
    title: 'a truncated checkpoint is refused with the file',
    args: () => ['--model', at('truncated')],
    code: 3,
    says: [/truncated.*model\.safetensors/],
  },
  {
    title: 'a projector of other widths is refused with the widths of both sides',
    args: () => ['--model', at('narrow')],
    code: 3,
    says: [/24 -> 64 but the decoder is 32 wide/],
  },
  {
    title: 'a limit of zero is a wrong command line',
    args: () => ['--limit', '0'],
    code: 2,
    says: [/--limit/, /at least 1, or "all", got "0"/],
  },
  {
    title: 'a number with a tail is not a number',
    args: () => ['--top-k', '12abc'],
    code: 2,
    says: [/at least 1, got "12abc"/],
  },
  {
    title: 'an unknown retriever lists the known ones',
    args: () => ['--retrievers', 'jaccard,tfidf'],
    code: 2,
    says: [
      /expected jaccard, unixcoder, bm25, hybrid, several joined as in jaccard\+bm25, or as-shipped, got "tfidf"/,
    ],
  },
  {
    title: 'an unknown task id shows what ids look like',
    args: () => ['--tasks', 'nothing/7'],
    code: 2,
    says: [/has no task nothing\/7/, /its ids look like/],
  },
  {
    title: 'a device that is not there names those that are',
    args: () => ['--device', process.platform === 'darwin' ? 'dml' : 'coreml'],
    code: 3,
    says: [/cannot be used here/, /cpu/],
  },
  {
    title: 'a configuration file with unknown or ill-typed keys names each',
    args: () => ['--config', at('config.json')],
    code: 2,
    says: [/config\.json: /, /topK/, /colour/],
  },
  {
    title: 'an unknown option ends with the usage code',
    args: () => ['--retriever', 'bm25'],
    code: 2,
    says: [/unknown option '--retriever'/],
  },
  {
    title: 'resuming needs the folder of the run',
    args: () => ['--resume'],
    code: 2,
    says: [/--resume needs --out/],
  },
  {
    title: 'a window without room for code is refused',
    args: () => ['--max-prompt-tokens', '40'],
    code: 2,
    says: [/leaves no room/],
  },
];

describe('bad input', () => {
  for (const { title, args, code, says } of CASES) {
    test(title, async () => {
      const given = args();
      const defaults = [
        ...(given.includes('--dataset') ? [] : ['--dataset', 'tiny']),
        ...(given.includes('--model') ? [] : ['--model', at('bundle')]),
        ...(given.includes('--device') ? [] : ['--device', 'cpu', '--threads', '1']),
        ...(given.includes('--resume') ? [] : ['--out', at('out')]),
      ];
      const words = ['run', ...defaults, ...given];
      // A wrong command line may be refused by commander, which writes to the streams of the process.
      const result = await (code === EXIT.usage ? llavaEval(words, { cwd: folder }) : command(words));
      assert.equal(result.code, code, result.stderr);
      for (const pattern of says) assert.match(result.stderr, pattern);
      assert.equal(result.stdout, '', 'nothing that could be taken for a result');
      assert.doesNotMatch(result.stderr, /^\s+at .*:\d+:\d+/m, 'no stack trace');
      assert.equal(existsSync(at('out')), false, 'no run folder');
      assert.equal(existsSync(at('results')), false);
    });
  }

  test('an output that cannot be written is refused before anything is read', async () => {
    const result = await llavaEval([
      'run',
      '--dataset',
      'tiny',
      '--model',
      at('bundle'),
      '--out',
      at('file', 'run'),
    ]);
    assert.equal(result.code, 3);
    assert.match(result.stderr, /is a file, not a folder/);
  });

  test('no command at all shows the help and is a wrong command line', async () => {
    const result = await llavaEval([]);
    assert.equal(result.code, 2);
    assert.match(result.stderr, /Usage: llava-eval/);
  });
});

describe('llava-eval score', () => {
  test('scores predictions by task id and writes the details', async () => {
    const other = { ...RECORD, metadata: { ...RECORD.metadata, task_id: 'r/2' }, groundtruth: 'abcd' };
    await writeFile(at('refs.jsonl'), `${JSON.stringify(RECORD)}\n${JSON.stringify(other)}\n`);
    const predictions = [
      { task_id: 'r/2', pred: 'abcx\nmore' },
      { task_id: 'r/1', pred: '1 ;' },
    ];
    await writeFile(at('preds.jsonl'), predictions.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const args = [
      '--predictions',
      at('preds.jsonl'),
      '--references',
      at('refs.jsonl'),
      '--details',
      at('d.jsonl'),
    ];
    const result = await llavaEval(['score', ...args, '--json']);
    assert.equal(result.code, 0, result.stderr);
    // r/1: EM 1 (white space), ES 1 - 1/3; r/2: EM 0, ES 1 - 1/4. Means: 50 and (66.67 + 75) / 2.
    assert.deepEqual(JSON.parse(result.stdout), {
      profile: 'llavacode',
      version: 'llavacode@1',
      formula: 'levenshtein',
      total: 2,
      em: 50,
      es: 70.83,
      emExact: 50,
      esExact: ((1 - 1 / 3 + 0.75) / 2) * 100,
    });
    const details = (await readFile(at('d.jsonl'), 'utf8')).trim().split('\n');
    assert.equal(details[1], '{"task_id":"r/2","em":0,"es":0.75}');
  });

  test('refuses predictions that do not answer the references one to one', async () => {
    await writeFile(at('few.jsonl'), '{"task_id":"r/1","pred":""}\n{"task_id":"r/9","pred":""}\n');
    const result = await llavaEval([
      'score',
      '--predictions',
      at('few.jsonl'),
      '--references',
      at('refs.jsonl'),
    ]);
    assert.equal(result.code, 3);
    assert.match(result.stderr, /1 without a prediction: r\/2/);
    assert.match(result.stderr, /1 predicted but not in the references: r\/9/);
  });
});
