import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'llava-eval-outside-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** A process in a network of its own, in which nothing can be reached and every attempt is counted. */
const ALONE = ['unshare', '--user', '--map-root-user', '--net', '--'];
const canBeAlone =
  process.platform === 'linux' && spawnSync(ALONE[0]!, [...ALONE.slice(1), 'true']).status === 0;

interface Observed {
  readonly code: number;
  readonly output: string;
  /** Files under home folder and folder for temporary files. */
  readonly left: readonly string[];
  /** Packets and connections that were tried, where that can be counted. */
  readonly attempts: number;
}

/** Runs node with a home folder and a folder for temporary files of its own. */
function observe(name: string, args: readonly string[], env: Record<string, string> = {}): Promise<Observed> {
  const place = join(folder, name);
  const [home, temporary] = [join(place, 'home'), join(place, 'tmp')];
  for (const path of [home, temporary]) mkdirSync(path, { recursive: true });
  const own = { HOME: home, USERPROFILE: home, TMPDIR: temporary, TMP: temporary, TEMP: temporary };
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(?:XDG_|ORT_|NODE_TEST_CONTEXT)/.test(key)),
  );
  const command = [process.execPath, ...args];
  // The counters of the network are read in it, when the program has ended.
  const script = '"$@"; code=$?; echo "--- counters"; cat /proc/net/snmp; exit $code';
  const [file, ...rest] = canBeAlone ? [...ALONE, 'sh', '-c', script, 'sh', ...command] : command;
  return new Promise((resolve) => {
    execFile(
      file!,
      rest,
      { cwd: ROOT, env: { ...clean, ...own, ...env }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        const [said = '', counters = ''] = stdout.split('--- counters\n');
        resolve({
          code: error === null ? 0 : Number(error.code),
          output: said + stderr,
          left: [home, temporary].flatMap((path) =>
            readdirSync(path, { recursive: true, withFileTypes: true })
              .filter((entry) => entry.isFile())
              .map((entry) => relative(place, join(entry.parentPath, entry.name))),
          ),
          attempts: attemptsOf(counters),
        });
      },
    );
  });
}

/** Packets sent, packets without a way out, and connections begun, of /proc/net/snmp. */
function attemptsOf(counters: string): number {
  const lines = counters.split('\n').map((line) => line.split(/[: ]+/));
  return [
    ['Ip', 'OutRequests'],
    ['Ip', 'OutNoRoutes'],
    ['Udp', 'OutDatagrams'],
    ['Tcp', 'ActiveOpens'],
  ].reduce((sum, [protocol, counter]) => {
    const [names, values] = lines.filter(([name]) => name === protocol);
    return sum + Number(values?.[names?.indexOf(counter!) ?? -1] ?? 0);
  }, 0);
}

describe('a run', () => {
  test('asks nothing of the network and leaves nothing outside of its folders', async () => {
    const { code, output, left, attempts } = await observe(
      'run',
      [
        ...[join(ROOT, 'bin', 'llava-eval.js'), 'run', '--dataset', 'tiny', '--limit', '1'],
        ...['--max-new-tokens', '2', '--out', join(folder, 'out')],
      ],
      // The device is not named, so other processes try those that this machine may have.
      { LLAVA_EVAL_CACHE: join(folder, 'cache') },
    );
    assert.equal(code, 0, output);
    assert.deepEqual(left, []);
    assert.equal(attempts, 0);
  });

  test('would be caught: without what it sets, ONNX Runtime leaves files or asks the network', async (t) => {
    const load =
      "import { InferenceSession } from 'onnxruntime-node';" +
      "import { readFileSync } from 'node:fs';" +
      "import { gunzipSync } from 'node:zlib';" +
      "const bytes = gunzipSync(readFileSync('test/golden/exports/embeds/onnx/embed_tokens.onnx.gz'));" +
      'const session = await InferenceSession.create(new Uint8Array(bytes));' +
      'await new Promise((done) => setTimeout(done, 2000)); await session.release();';
    const { code, output, left, attempts } = await observe('bare', [...['--input-type=module', '-e', load]]);
    assert.equal(code, 0, output);
    if (left.length + attempts === 0) t.skip('the runtime has no telemetry on this platform');
  });
});
