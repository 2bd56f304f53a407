/**
 * The programs of `examples/`, run as they stand there, and what a plug-in means for resume, shards, reports, the gate
 * and compare.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { sha256 } from '../../src/domain/hash.js';
import { openRun } from '../../src/library/open-run.js';
import type { Summary } from '../../src/report/numbers/summary.js';
import { llavaEval } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const example = (name: string): string => join(EXAMPLES, name);
const SUMMARIES = example('one-line-summaries.js');

let folder = '';
const inFolder = (name: string): string => join(folder, name);

/** Settings of every run here: the tiny random model on the hand-made dataset. */
const settings = (): string[] => [
  ...[
    '--dataset',
    'tiny',
    '--model',
    inFolder('bundle'),
    '--device',
    'cpu',
    '--threads',
    '1',
    '--max-new-tokens',
    '4',
  ],
  ...['--max-prompt-tokens', '300', '--context-tokens', '300', '--limit', '4', '--quiet'],
];

async function run(out: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await llavaEval(['run', ...settings(), '--out', inFolder(out), ...more]);
  assert.equal(code, 0, stderr);
  return stdout;
}

const summaryOf = (out: string): Summary =>
  JSON.parse(readFileSync(join(folder, out, 'summary.json'), 'utf8')) as Summary;

const METHOD = ['--pipelines', 'no-context,full-rag,one-line-summaries', '--retrievers', 'bm25'];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-plugins-'));
  writeTinyBundle(inFolder('bundle'));
  await run('a', '--plugin', SUMMARIES, ...METHOD);
});
after(() => rm(folder, { recursive: true }));

describe('example (a), a compressor as a pipeline', () => {
  test('has its row in the table, its hash in run.json, and its text in the records', async () => {
    const { run: described, records, summary } = await openRun(inFolder('a'));
    assert.deepEqual(
      summary.rows.map(({ pipeline }) => pipeline),
      ['no-context', 'full-rag', 'one-line-summaries'],
    );
    const [plugin] = described.spec.plugins!;
    assert.equal(plugin!.file, 'one-line-summaries.js');
    const hash = sha256(await readFile(SUMMARIES, 'utf8'));
    assert.deepEqual(plugin!.files, { 'one-line-summaries.js': hash });
    const own = (await records()).filter(({ pipeline }) => pipeline === 'one-line-summaries');
    assert.equal(own.length, 4);
    assert.ok(own.every((record) => record.status === 'scored' && record.contextText!.startsWith('// src/')));
  });

  test('has its row, its chart marks and its task view in the report, also without the plug-in', async () => {
    await cp(inFolder('a'), inFolder('copy'), { recursive: true });
    await rm(inFolder('copy/report.html'));
    const { code, stderr } = await llavaEval(['report', inFolder('copy')]);
    assert.equal(code, 0, stderr);
    for (const file of ['report.md', 'report.html', 'junit.xml', 'charts/pareto.svg', 'charts/stages.svg']) {
      const [made, again] = [inFolder(`a/${file}`), inFolder(`copy/${file}`)].map((path) =>
        readFileSync(path, 'utf8'),
      );
      assert.equal(again, made, file);
      assert.ok(again!.includes('one-line-summaries'), file);
    }
    const page = readFileSync(inFolder('copy/report.html'), 'utf8');
    // The page's script learns the row, so that it knows what the prompt shows.
    assert.match(page, /"kinds":\[\{"name":"one-line-summaries","title":"one line of each retrieved chunk"/);
    assert.match(readFileSync(inFolder('copy/report.md'), 'utf8'), /one-line-summaries: against /);
  });

  test('goes on where it was interrupted, and not with other files', async () => {
    const source = readFileSync(SUMMARIES, 'utf8').replace(
      /import .*;\n/,
      "const definePipeline = (one) => ({ ...one, defines: 'llava-eval/pipeline@1' });\n",
    );
    await writeFile(inFolder('mine.mjs'), source);
    await run('resumed', '--plugin', inFolder('mine.mjs'), ...METHOD);
    const journal = inFolder('resumed/journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n');
    await writeFile(journal, `${lines.slice(0, 4).join('\n')}\n`);
    await run('resumed', '--plugin', inFolder('mine.mjs'), ...METHOD, '--resume');
    assert.equal(readFileSync(journal, 'utf8').trimEnd().split('\n').length, 1 + 4 * 3);
    await writeFile(inFolder('mine.mjs'), `${source}// changed\n`);
    const args = ['--out', inFolder('resumed'), '--plugin', inFolder('mine.mjs'), ...METHOD, '--resume'];
    const { code, stderr } = await llavaEval(['run', ...settings(), ...args]);
    assert.equal(code, 2);
    assert.match(stderr, /plugins: /);
  });

  test('is made in shards, joined, compared and held to a baseline', async () => {
    const plugin = ['--plugin', SUMMARIES, ...METHOD];
    await run('s1', ...plugin, '--shard', '1/2');
    const second = await llavaEval([
      'run',
      ...settings(),
      '--out',
      inFolder('s2'),
      ...plugin,
      '--shard',
      '2/2',
    ]);
    assert.equal(second.code, 0, second.stderr);
    const shards = ['s1', 's2'].map(inFolder);
    const merged = await llavaEval(['merge', ...shards, '--out', inFolder('merged')]);
    assert.equal(merged.code, 0, merged.stderr);
    assert.equal(summaryOf('merged').fingerprint, summaryOf('a').fingerprint);
    const compared = await llavaEval(['compare', inFolder('a'), inFolder('merged')]);
    assert.equal(compared.code, 0, compared.stderr);
    assert.match(compared.stdout, /one-line-summaries\/bm25/);
    const baseline = ['--baseline', inFolder('baseline.json')];
    const update = await llavaEval(['gate', inFolder('a'), ...baseline, '--update', '--reason', 'first']);
    assert.equal(update.code, 0, update.stderr);
    const gate = await llavaEval(['gate', inFolder('merged'), ...baseline]);
    assert.match(gate.stdout, /one-line-summaries/);
  });

  test('may be named in the configuration file', async () => {
    const config = inFolder('settings.json');
    await writeFile(
      config,
      JSON.stringify({
        plugins: [SUMMARIES],
        pipelines: ['no-context', 'one-line-summaries'],
        retrievers: ['bm25'],
      }),
    );
    await run('configured', '--config', config);
    assert.equal(summaryOf('configured').rows.length, 2);
  });
});

describe('the other examples', () => {
  test('(b) ranks the chunks of a run, alone and fused', async () => {
    const retrievers = 'rare-words,bm25+rare-words';
    await run(
      'b',
      '--plugin',
      example('rare-words.js'),
      '--pipelines',
      'full-rag',
      '--retrievers',
      retrievers,
    );
    assert.deepEqual(
      summaryOf('b').rows.map(({ retriever }) => retriever),
      ['rare-words', 'bm25+rare-words'],
    );
  });

  test('(c) scores a run, and its extra score stands in the report', async () => {
    await run(
      'c',
      '--plugin',
      example('same-call.js'),
      '--metric-profile',
      'same-call',
      '--pipelines',
      'no-context',
    );
    const summary = summaryOf('c');
    assert.equal(summary.spec.metricProfile, 'same-call@1');
    assert.deepEqual(Object.keys(summary.rows[0]!.extras!), ['sameCalls']);
    assert.match(readFileSync(inFolder('c/report.md'), 'utf8'), /same functions called/);
  });

  test('(d) prints a run as a table', async () => {
    const table = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, [example('run-to-table.js'), inFolder('a')], (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(new Error('the example failed', { cause: error }));
      });
    });
    const rows = table
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    assert.deepEqual(
      rows.map(([pipeline]) => pipeline),
      ['pipeline', 'no-context', 'full-rag', 'one-line-summaries'],
    );
    assert.ok(rows.every((row) => row.length === 11));
  });
});

describe('a plug-in that cannot be used', () => {
  test('ends the program with 3 and a message that names it, before anything is written', async () => {
    await writeFile(inFolder('broken.mjs'), "throw new Error('no weights here');\n");
    const args = ['run', ...settings(), '--out', inFolder('none'), '--plugin', inFolder('broken.mjs')];
    const { code, stderr, stdout } = await llavaEval(args);
    assert.equal(code, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /^llava-eval: plug-in .*broken\.mjs: cannot be loaded: no weights here\n/);
  });

  test('is not needed for help, and its names are listed there if it is given', async () => {
    const { stdout } = await llavaEval(['run', '--plugin', SUMMARIES, '--help']);
    assert.match(stdout, /one-line-summaries/);
  });
});

test('a sweep over compression ratios has a row for each, with as many tokens as the budget allows', async () => {
  const more = [
    '--pipelines',
    'no-context,full-rag,budget-rag,signatures-rag,identifiers-rag,expanded,compressed',
  ];
  await run('swept', ...more, '--retrievers', 'bm25', '--sweep', 'compression-ratio=2,8', '--expand', '2');
  const { summary, records } = await openRun(inFolder('swept'));
  assert.deepEqual(
    summary.rows.map(({ pipeline, compressionRatio }) => `${pipeline} ${compressionRatio ?? ''}`.trim()),
    [
      'no-context',
      'full-rag',
      ...['budget-rag', 'signatures-rag', 'identifiers-rag'].flatMap((name) => [`${name} 2`, `${name} 8`]),
      'expanded',
      'compressed',
    ],
  );
  for (const record of await records()) {
    if (record.compressionRatio === undefined || record.status !== 'scored') continue;
    // 300 tokens of context divided by the ratio: 150 and 37.
    assert.ok(record.contextTokens <= Math.floor(300 / record.compressionRatio), record.pipeline);
  }
  assert.match(readFileSync(inFolder('swept/report.html'), 'utf8'), /id="filter-ratio"/);
});
