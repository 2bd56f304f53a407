import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import type { LatencySummary } from '../../src/report/numbers/latency-summary.js';
import { readLatency } from '../../src/run/latency-json.js';
import { runFolder } from '../../src/run/run-folder.js';
import { llavaEval, type Finished } from '../support/program.js';

let folder = '';
/** What the program said when it made the folder `a`, which the tests read and never change. */
let made: Finished;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-latency-'));
  made = await llavaEval(args('a'));
  assert.equal(made.code, 0, made.stderr);
});
after(async () => {
  await rm(folder, { recursive: true });
});

const args = (out: string, ...more: string[]): string[] => [
  ...['run', '--latency-only', '--decoder', 'synthetic:nano', '--device', 'cpu', '--threads', '1'],
  ...['--prompt-lengths', '40/30/28,24/16', '--ttft-repeats', '6', '--max-new-tokens', '3'],
  ...['--out', join(folder, out), ...more],
];

describe('llava-eval run --latency-only', () => {
  test('times the lengths of any decoder, prints both tables and writes its folder', async () => {
    const { stdout } = made;
    assert.equal(
      stdout.split('\n').filter((line) => /^ +\d+ {2}(full-rag|compressed|no-context) /.test(line)).length,
      10,
    );
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80),
      stdout,
    );
    assert.deepEqual((await readdir(join(folder, 'a'))).sort(), ['latency.json', 'report.md', 'run.json']);
    const { run, samples } = await readLatency(runFolder(join(folder, 'a')));
    // Five prompts and a control under two measures, six rounds.
    assert.equal(samples.length, 6 * 2 * 6);
    assert.ok(samples.every(({ prefillMs }) => prefillMs > 0));
    assert.equal(run.decoder.hasRandomWeights, true);
    assert.deepEqual(run.deviceProof, { device: 'cpu', source: 'only-provider', graphics: [], stages: [] });
    assert.notEqual(run.finishedAt, null);
  });

  test('report makes the same files again from the samples, byte for byte', async () => {
    const copy = join(folder, 'reported');
    await cp(join(folder, 'a'), copy, { recursive: true });
    await writeFile(join(copy, 'report.md'), '');
    const { code, stdout, stderr } = await llavaEval(['report', copy, '--json']);
    assert.equal(code, 0, stderr);
    for (const name of ['latency.json', 'report.md']) {
      assert.equal(await readFile(join(copy, name), 'utf8'), await readFile(join(folder, 'a', name), 'utf8'));
    }
    assert.equal((JSON.parse(stdout) as LatencySummary).rounds, 6);
  });

  test('--json prints the summary; --decoder nano and a whole configuration file go along', async () => {
    const config = join(folder, 'config.json');
    await writeFile(config, JSON.stringify({ pipelines: ['no-context'], topK: 3, seed: 5 }));
    const { code, stdout, stderr } = await llavaEval([
      ...[
        'run',
        '--latency-only',
        '--config',
        config,
        '--device',
        'cpu',
        '--threads',
        '1',
        '--prompt-lengths',
        '20/12',
      ],
      ...['--max-new-tokens', '1', '--ttft-repeats', '1', '--json', '--quiet', '--out', join(folder, 'b')],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    const { rows } = JSON.parse(stdout) as LatencySummary;
    assert.deepEqual(
      rows.map(({ pipeline, measure }) => `${pipeline} ${measure}`),
      ['full-rag first-token', 'compressed first-token'],
    );
    const { run } = await readLatency(runFolder(join(folder, 'b')));
    assert.equal(run.spec.seed, 5);
    assert.equal(run.decoder.name, 'nano');
    assert.ok(Object.keys(run.decoder.files).length > 0, 'files of a real decoder are recorded');
  });

  test('interrupted, it keeps the rounds it finished and exits with 130', async () => {
    const out = join(folder, 'c');
    const { code, stderr } = await llavaEval(args('c', '--ttft-repeats', '100000'), {
      onStart: (child) => {
        const timer = setInterval(() => {
          if (!existsSync(join(out, 'latency.json'))) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    });
    assert.equal(code, 130, stderr);
    assert.match(stderr, /interrupted: \d+ of 100000 rounds are kept/);
    const { run, samples } = await readLatency(runFolder(out));
    assert.equal(run.finishedAt, null);
    assert.equal(samples.length % 12, 0);
    const again = await llavaEval(['report', out]);
    assert.match(again.stdout, /\d+ of 100000 rounds/);
  });
});

describe('a latency run that cannot be', () => {
  const refused: readonly [title: string, args: string[], code: number, message: RegExp][] = [
    [
      'with tasks',
      args('x', '--pipelines', 'compressed', '--limit', '3'),
      2,
      /does not go with --limit, --pipelines/,
    ],
    ['resumed', args('x', '--resume'), 2, /does not go with --resume/],
    ['with lengths that are none', args('x', '--prompt-lengths', '2500'), 2, /expected full\/compressed/],
    ['with a length of 0', args('x', '--prompt-lengths', '20/0'), 2, /whole number of at least 1/],
    ['with no room for soft tokens', args('x', '--prompt-lengths', '20/10'), 2, /no room for 10 soft tokens/],
    [
      'beyond the positions',
      args('x', '--decoder', 'nano', '--prompt-lengths', '2048/1000'),
      3,
      /has 2048 positions/,
    ],
    ['of a shape that is none', args('x', '--decoder', 'synthetic:gpt'), 3, /synthetic:qwen2.5-coder-7b/],
    ['into a folder that holds a run', args('a'), 3, /holds a run already/],
    [
      'of scores: lengths without --latency-only',
      ['run', '--prompt-lengths', '20/12'],
      2,
      /only with --latency-only/,
    ],
    [
      'of scores on random weights',
      ['run', '--decoder', 'synthetic:nano', '--dataset', 'tiny'],
      2,
      /would mean nothing/,
    ],
  ];
  for (const [title, command, code, message] of refused) {
    test(`${title} is refused with exit code ${code}`, async () => {
      const result = await llavaEval(command, { cwd: folder });
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
      assert.doesNotMatch(result.stderr, /\n {4}at /);
      assert.ok(!existsSync(join(folder, 'x')), 'nothing is written');
    });
  }

  test('merge and report say what a folder of a latency run is', async () => {
    const merged = await llavaEval(['merge', join(folder, 'a'), '--out', join(folder, 'm')]);
    assert.equal(merged.code, 3);
    assert.match(merged.stderr, /is of a run with --latency-only/);
    const html = await llavaEval(['report', join(folder, 'a'), '--format', 'html']);
    assert.equal(html.code, 2);
    const copy = join(folder, 'mixed');
    await cp(join(folder, 'a'), copy, { recursive: true });
    const text = readFileSync(join(copy, 'latency.json'), 'utf8');
    await writeFile(join(copy, 'latency.json'), text.replace(/"fingerprint": "./, '"fingerprint": "_'));
    const torn = await llavaEval(['report', copy]);
    assert.equal(torn.code, 3);
    assert.match(torn.stderr, /belongs to another run/);
  });
});
