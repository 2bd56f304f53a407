/**
 * @file The comparison on a real decoder, as docs/evidence.md has it: the runs, and the page's tables from them.
 *
 *     npm run evidence -- DECODER --out DIR                       run what is open, in even parts of the tasks
 *     npm run evidence -- DECODER --out DIR --publish NAME        and write results/published/NAME and the page's tables
 *     npm run evidence -- --write                                 only the tables, from results/published
 *
 * DECODER is whatever `--decoder` takes; a `.gguf` file is named in the reports by its last name. Every run is
 * continued where it stopped. The tasks are cut into `--parts` (4), and each run does its first part before any run
 * does its second: what is there after an interruption is spread evenly. Runs are not timed (`--no-timing`), so that
 * the machine may do other work beside them; `timed` is a small run of its own, for a machine at rest.
 *
 * Options: --limit N (400), --parts N (4), --only RUN[,RUN], --timed (the timed runs too), --bundle DIR (the runs with soft
 * tokens too, of a bundle that was trained for DECODER), -- FLAGS for `run`, such as `-- --dtype int8 --threads 2`.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readFinishedRun } from '../src/run/finished-run.js';
import { writeEvidencePage } from './evidence-page.js';
import { EVIDENCE_RUNS, publishedFile, writePublished, type EvidenceRun } from './evidence-runs.js';

const BIN = fileURLToPath(new URL('../bin/llava-eval.js', import.meta.url));

const { values, positionals, tokens } = parseArgs({
  allowPositionals: true,
  tokens: true,
  options: {
    out: { type: 'string', default: 'results/evidence' },
    limit: { type: 'string', default: '400' },
    parts: { type: 'string', default: '4' },
    only: { type: 'string' },
    timed: { type: 'boolean', default: false },
    bundle: { type: 'string' },
    publish: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const end = tokens.find(({ kind }) => kind === 'option-terminator');
const further = end === undefined ? [] : process.argv.slice(2 + end.index + 1);
const [decoder] = further.length === 0 ? positionals : positionals.slice(0, -further.length);

/** Runs the program in the decoder's folder, so that no path of this machine gets into a report. */
async function llavaEval(args: readonly string[]): Promise<void> {
  const isFile = decoder !== undefined && existsSync(decoder);
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    ...(isFile ? { cwd: dirname(resolve(decoder)) } : {}),
  });
  const status = await new Promise<number | null>((done, failed) => {
    child.once('error', failed).once('exit', done);
  });
  if (status !== 0) throw new Error(`llava-eval ${args.join(' ')} ended with exit code ${status ?? 'none'}`);
}

if (decoder !== undefined) {
  const name = existsSync(decoder) ? `./${basename(decoder)}` : decoder;
  const parts = Number(values.parts);
  if (!Number.isInteger(parts) || parts < 1)
    throw new RangeError(`--parts ${values.parts}: a whole number from 1 on is needed`);
  const only = values.only?.split(',');
  const unknown = only?.find((one) => EVIDENCE_RUNS.every((run) => run.name !== one));
  if (unknown !== undefined)
    throw new RangeError(
      `--only ${unknown}: the runs are ${EVIDENCE_RUNS.map((run) => run.name).join(', ')}`,
    );
  const { bundle } = values;
  const runs = EVIDENCE_RUNS.filter(({ name: run, isTimed, needsBundle }) =>
    only === undefined
      ? (!isTimed || values.timed) && (needsBundle === undefined || bundle !== undefined)
      : only.includes(run),
  );
  const without = runs.find(({ needsBundle }) => needsBundle === true && bundle === undefined);
  if (without !== undefined)
    throw new RangeError(`--only ${without.name}: give the bundle with --bundle DIR`);
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const settings = ({ flags, isTimed, needsBundle, limit }: EvidenceRun): string[] => [
    ...['--decoder', name, '--dataset', 'npm-ts-lines', '--device', 'cpu', '--limit', limit ?? values.limit],
    ...flags,
    ...(needsBundle === true ? ['--model', resolve(bundle!)] : []),
    ...(isTimed ? [] : ['--no-timing']),
    ...further,
  ];
  for (let part = 1; part <= parts; part++) {
    for (const run of runs) {
      if (existsSync(join(out, run.name, 'summary.json'))) continue;
      const folder = join(out, run.name);
      if (run.isTimed) {
        await llavaEval(['run', ...settings(run), '--out', folder, '--resume', '--quiet']);
        continue;
      }
      const shard = join(out, 'parts', `${run.name}-${part}`);
      const isDone = existsSync(join(shard, 'summary.json'));
      process.stderr.write(
        `${new Date().toISOString()} ${run.name}, part ${part} of ${parts}${isDone ? ': done' : ''}\n`,
      );
      if (!isDone) {
        await llavaEval([
          ...['run', ...settings(run), '--shard', `${part}/${parts}`, '--out', shard, '--resume', '--quiet'],
        ]);
      }
      if (part < parts) continue;
      const shards = Array.from({ length: parts }, (_, i) => join(out, 'parts', `${run.name}-${i + 1}`));
      await llavaEval(['merge', ...shards, '--out', folder]);
    }
  }
  if (values.publish !== undefined) {
    for (const run of runs) {
      const folder = join(out, run.name);
      if (!existsSync(join(folder, 'summary.json'))) continue;
      await writePublished(publishedFile(values.publish, run.name), run, await readFinishedRun(folder));
    }
  }
} else if (!values.write) {
  throw new Error('name a decoder, or give --write to renew the tables of docs/evidence.md');
}
if (values.write || values.publish !== undefined) await writeEvidencePage();
