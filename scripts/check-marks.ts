/**
 * @file Compares cross-file marks with verdicts of somebody who read the sources.
 *
 *     npm run check:marks                             the marks of today against the verdicts
 *     npm run check:marks -- --folder DIR             where `check:packages` keeps the packages
 *     npm run check:marks -- --sample --seed 2        draw another sample, for somebody to judge
 *
 * `scripts/packages/marks.jsonl` has the sample: 50 holes of the packages in `list.json`, five of each language, half
 * of them marked cross-file. A verdict says whether the mark of that day was right, and so what the right mark is.
 * docs/packages.md says how the committed sample was drawn.
 */

import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { findCandidates } from '../src/datasets/holes/own-folder.js';
import { nameOfFolder, readSourceFolder } from '../src/datasets/repository/source-folder.js';
import { LANGUAGES, languageOfPath } from '../src/domain/languages.js';
import { createRng } from '../src/tensor/rng.js';
import { listPackages, outcomeFile, specOf, unpackedPackage, type RealPackage } from './real-packages.js';

const markSchema = z.object({
  registry: z.string(),
  package: z.string(),
  version: z.string(),
  path: z.string(),
  /** From 1. */
  line: z.int(),
  /** The name that decides, or the one most like it. */
  identifier: z.string(),
  /** Whether the program said cross-file when the sample was drawn. */
  mark: z.boolean(),
  verdict: z.enum(['right', 'wrong']),
  reason: z.string(),
});
type Mark = z.output<typeof markSchema>;
const MARKS = new URL('./packages/marks.jsonl', import.meta.url);

const recordSchema = z.object({
  groundtruth: z.string(),
  metadata: z.object({ file: z.string(), groundtruth_start_lineno: z.int(), cross_file: z.boolean() }),
});

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: join('results', 'check-packages') },
    sample: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});
await mkdir(values.folder, { recursive: true });
const packages = await listPackages();
if (values.sample) await drawSample(Number(values.seed));
else await compare();

/** Prints holes without a verdict: three and two of each language, in turn more of one mark and of the other. */
async function drawSample(seed: number): Promise<void> {
  const rng = createRng(seed);
  const holes = await allHoles();
  for (const [index, language] of LANGUAGES.entries()) {
    for (const mark of [true, false]) {
      const among = holes.filter((hole) => languageOfPath(hole.path) === language && hole.mark === mark);
      const count = (index % 2 === 0) === mark ? 3 : 2;
      for (const { text, ...hole } of rng.shuffle(among).slice(0, count)) {
        const open = { ...hole, identifier: '', verdict: '', reason: '' };
        process.stdout.write(`${JSON.stringify(open)}\n`);
        process.stderr.write(
          `${hole.package} ${hole.path}:${hole.line} ${mark ? 'CROSS' : 'own'}\n    ${text}\n`,
        );
      }
    }
  }
}

/** The holes that `check:packages` got of every package. */
async function allHoles(): Promise<
  (Pick<Mark, 'registry' | 'package' | 'version' | 'path' | 'line' | 'mark'> & { readonly text: string })[]
> {
  const found = [];
  for (const pack of packages) {
    const file = `${outcomeFile(values.folder, pack)}l`;
    if (!existsSync(file)) {
      process.stderr.write(`${specOf(pack)} is left out: check:packages has not built it\n`);
      continue;
    }
    for (const line of (await readFile(file, 'utf8')).trimEnd().split('\n')) {
      const { groundtruth, metadata } = recordSchema.parse(JSON.parse(line));
      found.push({
        ...{ registry: pack.registry, package: pack.name, version: pack.version, path: metadata.file },
        ...{ line: metadata.groundtruth_start_lineno + 1, mark: metadata.cross_file, text: groundtruth },
      });
    }
  }
  return found;
}

async function compare(): Promise<void> {
  const marks = (await readFile(MARKS, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => markSchema.parse(JSON.parse(line)));
  let wrong = 0;
  let gone = 0;
  for (const pack of packages) {
    const own = marks.filter((mark) => mark.registry === pack.registry && mark.package === pack.name);
    if (own.length === 0) continue;
    const today = await marksOf(pack);
    for (const { path, line, identifier, mark, verdict, reason } of own) {
      const truth = verdict === 'right' ? mark : !mark;
      const now = today.get(`${path}:${line}`);
      if (now === truth) continue;
      if (now === undefined) gone++;
      else wrong++;
      const said = now === undefined ? 'no candidate any more' : now ? 'cross-file' : 'not cross-file';
      process.stdout.write(`${specOf(pack)} ${path}:${line} ${identifier}: ${said}, but ${reason}\n`);
    }
  }
  const then = marks.filter(({ verdict }) => verdict === 'wrong').length;
  process.stdout.write(
    `${marks.length} marks: ${then} were wrong when the sample was drawn, ${wrong} are wrong today, ` +
      `${gone} belong to lines that are no candidates any more\n`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

/** The marks of all candidate lines of a package, by `path:line`. */
async function marksOf(pack: RealPackage): Promise<Map<string, boolean>> {
  const folder = await unpackedPackage(pack, values.folder);
  const { repository } = await readSourceFolder({
    ...{ folder, name: nameOfFolder(folder), languages: new Set(LANGUAGES) },
    ...{ rule: 'written', asksGit: true },
  });
  const found = new Map<string, boolean>();
  for (const { candidates } of await findCandidates(folder, repository, undefined)) {
    for (const { path, line, crossFile } of candidates) found.set(`${path}:${line}`, crossFile);
  }
  return found;
}
