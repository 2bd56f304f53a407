import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { GateResult } from '../../src/gate/result.js';
import { command } from '../support/command.js';
import { llavaEval, type Finished } from '../support/program.js';
import { writeTinyBundle } from '../support/tiny-models.js';

let folder = '';
const at = (...parts: string[]): string => join(folder, ...parts);
/** What the program said when it made the baseline that the tests hold runs to. */
let baseline: Finished;

/** Quality only: times of a test machine are nobody's business here. */
const RULES = { ttft: null };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llava-eval-gate-'));
  writeTinyBundle(at('bundle'));
  await writeFile(at('rules.json'), JSON.stringify(RULES));
  const runs = { a: [], other: ['--top-k', '2'], fewer: ['--limit', '6'] };
  for (const [name, more] of Object.entries(runs)) {
    const { code, stderr } = await llavaEval([
      ...[
        'run',
        '--dataset',
        'tiny',
        '--model',
        at('bundle'),
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '6',
      ],
      ...['--max-prompt-tokens', '200', '--context-tokens', '200', '--retrievers', 'bm25', '--quiet'],
      ...['--out', at(name), ...more],
    ]);
    assert.equal(code, 0, stderr);
  }
  // The random model gets nothing right; a baseline needs something to lose.
  await altered('good', good);
  baseline = await gate('good', '--update', '--reason', 'the first one');
  assert.equal(baseline.code, 0, baseline.stderr);
});
after(async () => {
  await rm(folder, { recursive: true });
});

const gateArgs = (run: string, ...more: string[]): string[] => [
  ...['gate', at(run), '--baseline', at('baseline.json'), '--rules', at('rules.json')],
  ...more,
];
const gate = (run: string, ...more: string[]): Promise<Finished> => command(gateArgs(run, ...more));

/** A copy of a run with some journal lines rewritten. */
async function altered(
  name: string,
  change: (record: Record<string, unknown>) => Record<string, unknown> | null,
): Promise<void> {
  await cp(at('a'), at(name), { recursive: true });
  const [header, ...lines] = (await readFile(at('a', 'journal.jsonl'), 'utf8')).trimEnd().split('\n');
  const records = lines.flatMap((line) => {
    const record = change(JSON.parse(line) as Record<string, unknown>);
    return record === null ? [] : [JSON.stringify(record)];
  });
  await writeFile(at(name, 'journal.jsonl'), `${[header, ...records].join('\n')}\n`);
}

const good = (record: Record<string, unknown>): Record<string, unknown> => ({
  ...record,
  editSimilarity: 0.6,
});

describe('llava-eval gate', () => {
  test('needs a baseline, and a baseline needs a reason', async () => {
    const elsewhere = ['--baseline', at('missing.json')];
    const missing = await gate('good', ...elsewhere);
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /there is no such baseline[\s\S]*--update --reason/);
    const unreasoned = await gate('good', '--update', ...elsewhere);
    assert.equal(unreasoned.code, 2);
    assert.match(unreasoned.stderr, /--update needs --reason/);
    assert.match(baseline.stdout, /12 tasks under 3 configurations/);
  });

  test('passes the run its baseline was made from, in at most 80 columns', async () => {
    const files = ['--markdown', at('gate.md'), '--junit', at('gate.xml')];
    const { code, stdout, stderr } = await llavaEval(gateArgs('good', ...files), {
      env: { GITHUB_STEP_SUMMARY: at('summary.md') },
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^gate passed: all 12 checks\n/);
    assert.match(stdout.replace(/\s+/g, ' '), /of today, 12 tasks: the first one/);
    // Lines with a path of this machine may be longer.
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !line.includes(folder));
    assert.deepEqual(wide, []);
    const markdown = await readFile(at('gate.md'), 'utf8');
    assert.match(markdown, /^<!-- llava-eval-gate -->\n### ✅ llava-eval gate passed: all 12 checks\n/);
    assert.match(
      await readFile(at('gate.xml'), 'utf8'),
      /<testsuites name="llava-eval gate" tests="12" failures="0"/,
    );
    assert.match(await readFile(at('summary.md'), 'utf8'), /^### ✅ llava-eval gate passed/);
  });

  test('fails a run that answers worse, with exit code 1 and the same word everywhere', async () => {
    await altered('worse', (record) =>
      record.pipeline === 'compressed' ? { ...record, editSimilarity: 0 } : good(record),
    );
    const { code, stdout } = await gate('worse', '--json', '--junit', at('worse.xml'));
    const result = JSON.parse(stdout) as GateResult;
    assert.deepEqual([code, result.exitCode, result.verdict], [1, 1, 'failed']);
    const failed = result.checks.filter(({ outcome }) => outcome === 'failed');
    assert.deepEqual(
      failed.map(({ kind, subject }) => [kind, subject]),
      [['edit-similarity', 'compressed/bm25']],
    );
    assert.match(await readFile(at('worse.xml'), 'utf8'), /failures="1"/);
    assert.match((await llavaEval(gateArgs('worse'))).stdout, /^gate FAILED: 1 of 12 checks/);
  });

  test('maps an inconclusive gate to the exit code asked for', async () => {
    let first = true;
    await altered('little', (record) => {
      if (record.pipeline !== 'compressed' || !first) return good(record);
      first = false;
      return { ...record, editSimilarity: 0 };
    });
    // check.test.ts has the code of every verdict under every mode.
    const { code, stdout } = await gate('little', '--inconclusive', 'exit-5');
    assert.match(stdout, /^gate inconclusive: needs about \d+ more tasks \(1 of 12 checks\)/);
    assert.equal(code, 5);
  });

  test('refuses another fingerprint and names the field, unless told', async () => {
    const refused = await gate('other');
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /topK: \[10\] → \[2\]/);
    assert.match(refused.stderr, /--allow-fingerprint-change/);
    // Told so, it judges: the baseline's configurations have another top-k, so they are missing.
    const told = await gate('other', '--allow-fingerprint-change');
    assert.equal(told.code, 1);
    assert.match(told.stdout, /changed: topK: \[10\] → \[2\]/);
  });

  test('refuses runs of other tasks, unfinished ones and ones that lost records, always', async () => {
    const fewer = await gate('fewer', '--allow-fingerprint-change');
    assert.equal(fewer.code, 3);
    assert.match(fewer.stderr, /6 of the baseline's 12 are missing/);
    await cp(at('a'), at('unfinished'), { recursive: true });
    const run = JSON.parse(await readFile(at('a', 'run.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(at('unfinished', 'run.json'), JSON.stringify({ ...run, finishedAt: null }));
    const unfinished = await gate('unfinished');
    assert.equal(unfinished.code, 3);
    assert.match(unfinished.stderr, /was not finished[\s\S]*--resume/);
    await altered('empty', () => null);
    const empty = await gate('empty');
    assert.equal(empty.code, 3);
    assert.match(empty.stderr, /0 records, expected 36/);
  });

  test('refuses damaged baselines and rules with a message', async () => {
    await writeFile(at('broken.json'), '{"schema": "llava-eval/baseline@1"}');
    const broken = await command(['gate', at('a'), '--baseline', at('broken.json')]);
    assert.equal(broken.code, 3);
    assert.match(broken.stderr, /is no llava-eval\/baseline@1: /);
    await writeFile(at('bad-rules.json'), '{"quality": {"exactMatch": {"margin": -1, "x": 2}}}');
    const rules = await command([
      'gate',
      at('a'),
      '--baseline',
      at('baseline.json'),
      '--rules',
      at('bad-rules.json'),
    ]);
    assert.equal(rules.code, 3);
    assert.match(rules.stderr, /quality.exactMatch.margin: /);
  });
});

describe('llava-eval gate --update', () => {
  const update = (...more: string[]) => gate('good', '--update', '--reason', 'why', ...more);

  test('refuses to write a verdict, since it gives none', async () => {
    const { code, stderr } = await update('--junit', at('none.xml'));
    assert.equal(code, 2);
    assert.match(stderr, /--update does not go with --junit\n.*judges nothing/);
    assert.equal(existsSync(at('none.xml')), false);
  });

  test('prints one JSON object if asked', async () => {
    const args = ['gate', at('good'), '--baseline', at('json.json'), '--update', '--reason', 'why', '--json'];
    const { code, stdout, stderr } = await command(args);
    assert.equal(code, 0, stderr);
    const { path, tasks, replaced } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([path, tasks, replaced], [at('json.json'), 12, null]);
  });
});

describe('rules of a gate', () => {
  test('that are mistyped are refused with the ones that were meant', async () => {
    await writeFile(at('typo.json'), '{"quality": {"exactMatch": {"margins": 2}}, "ttft": {"toleranse": 1}}');
    const { code, stderr } = await command(['gate', at('a'), '--rules', at('typo.json')]);
    assert.equal(code, 3);
    assert.match(stderr, /quality\.exactMatch\.margins: there is no such rule; did you mean "margin"\?/);
    assert.match(stderr, /ttft\.toleranse: there is no such rule; did you mean "tolerance"\?/);
  });
});

describe('llava-eval compare', () => {
  test('pairs runs by task, says what differs, and has a word for every comparison', async () => {
    const { code, stdout, stderr } = await llavaEval(['compare', at('a'), at('other')]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /topK: \[10\] → \[2\]/);
    assert.match(stdout, /full-rag\/bm25 .* tied/);
    assert.match(stdout, /no-context +0\.00 .* tied/);
    assert.match(
      stdout,
      /^ {2}Likelihood of the true line, nats a token \(fewer are better\):\n {2}no-context +0\.000 \[/m,
    );
    const json = await command(['compare', at('a'), at('fewer'), '--json']);
    const { runs } = JSON.parse(json.stdout) as { runs: { tasks: number; comparisons: unknown[] }[] };
    assert.deepEqual([runs[0]!.tasks, runs[0]!.comparisons.length], [6, 3]);
  });

  test('needs two different runs', async () => {
    assert.equal((await llavaEval(['compare', at('a')])).code, 2);
    assert.equal((await command(['compare', at('a'), at('a')])).code, 2);
  });
});
