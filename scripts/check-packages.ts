/**
 * @file Runs `datasets build` on real packages of three registries and checks what comes out.
 *
 *     npm run build && npm run check:packages                       all packages
 *     npm run check:packages -- --only zod,flask                    some of them
 *     npm run check:packages -- --folder DIR                        keep packages and outcomes in DIR
 *     npm run check:packages -- --again                             check those again that have an outcome
 *     npm run check:packages -- --table                             and print a table of all of them in Markdown
 *
 * Packages are fetched with your own npm, pip and apt-get and unpacked, never installed or run. apt-get needs
 * `deb-src` lines among its sources. What is in the folder is not fetched again, and what has an outcome there is
 * not checked again, so the check can be made in pieces.
 *
 * A package fails if the program does not end with 0, if a hole lies in a file that git ignores, or if one lies in
 * a file that speaks of being generated and that nobody has looked at (`written` in the list).
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { languageFacts, languageOfPath } from '../src/domain/languages.js';
import {
  listPackages,
  outcomeFile,
  REGISTRIES,
  specOf,
  unpackedPackage,
  type RealPackage,
} from './real-packages.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    folder: { type: 'string', default: join('results', 'check-packages') },
    again: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});
const LINES = 200;

/**
 * Makes a process say how much processor time it took. Unlike the time on the clock, this is about the same whatever
 * else the machine does.
 */
const SAYS_SECONDS =
  'data:text/javascript,process.on("exit",()=>{const{user,system}=process.cpuUsage();' +
  'console.error("CPU seconds: "+(user+system)/1e6)})';

/** What the beginning of a generated file may say. Far more than the program takes for a mark. */
const SUSPICIOUS =
  /\b(auto|automatically|machine)[- ]?generated\b|\bgenerated (by|from|with|using|file|code)\b|\bdo(n't| not) (edit|modify)\b|^#line \d/im;
const SUSPICIOUS_NAME = /(^|[/._-])(gen|generated)([/._-]|$)|\.min\./i;

const outcomeSchema = z.object({
  spec: z.string(),
  exitCode: z.int(),
  /** Of the processor. */
  seconds: z.number(),
  /** Holes of each language, by title. */
  languages: z.record(z.string(), z.int()),
  files: z.int(),
  holes: z.int(),
  crossFile: z.int(),
  leftOut: z.array(z.string()),
  /** Files that give no holes, or fewer, because of syntax errors. */
  unparsed: z.int(),
  problems: z.array(z.string()),
});
type Outcome = z.output<typeof outcomeSchema>;

const recordSchema = z.object({ metadata: z.object({ file: z.string(), cross_file: z.boolean() }) });

const folder = values.folder;
await mkdir(join(folder, 'outcomes'), { recursive: true });
const all = await listPackages();
let failed = 0;
for (const pack of values.only === undefined ? all : values.only.split(',').map(packageCalled)) {
  const before = values.again ? null : await readOutcome(pack);
  const outcome = before ?? (await check(pack));
  if (outcome.problems.length > 0) failed++;
  if (before !== null) continue;
  await writeFile(outcomeFile(folder, pack), JSON.stringify(outcome, null, 2));
  process.stdout.write(
    `${outcome.spec}: exit code ${outcome.exitCode}, ${outcome.files} files, ${outcome.holes} holes ` +
      `(${outcome.crossFile} cross-file), ${outcome.seconds.toFixed(1)} s of the processor\n`,
  );
  for (const note of [...outcome.leftOut, ...outcome.problems.map((problem) => `PROBLEM: ${problem}`)]) {
    process.stdout.write(`    ${note}\n`);
  }
}
if (values.table) process.stdout.write(await tableOfAll());
process.stdout.write(failed === 0 ? 'no problem\n' : `${failed} packages with problems\n`);
process.exitCode = failed === 0 ? 0 : 1;

function packageCalled(name: string): RealPackage {
  const found = all.find((pack) => pack.name === name);
  if (found === undefined) throw new Error(`there is no package "${name}" in the list`);
  return found;
}

/** What came of a package in an earlier call, or null. */
async function readOutcome(pack: RealPackage): Promise<Outcome | null> {
  const file = outcomeFile(folder, pack);
  return existsSync(file) ? outcomeSchema.parse(JSON.parse(await readFile(file, 'utf8'))) : null;
}

async function check(pack: RealPackage): Promise<Outcome> {
  const repo = await unpackedPackage(pack, folder);
  const out = `${outcomeFile(folder, pack)}l`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      SAYS_SECONDS,
      'bin/llava-eval.js',
      'datasets',
      'build',
      '--repo',
      repo,
      '--out',
      out,
      '--lines',
      String(LINES),
    ],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const exitCode = status ?? -1;
  const records =
    exitCode === 0
      ? (await readFile(out, 'utf8'))
          .trimEnd()
          .split('\n')
          .map((line) => recordSchema.parse(JSON.parse(line)).metadata)
      : [];
  const paths = [...new Set(records.map(({ file }) => file))];
  const languages: Record<string, number> = {};
  for (const { file } of records) {
    const { title } = languageFacts(languageOfPath(file)!);
    languages[title] = (languages[title] ?? 0) + 1;
  }
  return {
    ...{ spec: specOf(pack), exitCode, languages },
    seconds: Number(/^CPU seconds: (.*)$/m.exec(stderr)?.[1] ?? NaN),
    files: Number(/ of (\d+) files/.exec(stdout)?.[1] ?? 0),
    holes: records.length,
    crossFile: records.filter((record) => record.cross_file).length,
    leftOut: (/: left out: (.*)/.exec(stderr)?.[1] ?? '').split('; ').filter((part) => part !== ''),
    unparsed: [...stderr.matchAll(/: (\d+) of \d+ \S+(?: \S+)* files have syntax errors/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    ),
    problems: [
      ...(exitCode === 0 ? [] : [`ended with exit code ${exitCode}: ${stderr.trim()}`]),
      ...ignoredByGit(repo, paths).map((path) => `a hole lies in a file that git ignores: ${path}`),
      ...(await suspects(repo, paths, pack.written ?? [])).map(
        (path) => `a hole lies in a file that may be generated: ${path}`,
      ),
    ],
  };
}

/** Asks git once more, in another way than the program does. */
function ignoredByGit(repo: string, paths: readonly string[]): string[] {
  const { stdout } = spawnSync('git', ['-C', repo, 'check-ignore', '--no-index', '--stdin', '-z'], {
    input: paths.join('\0'),
    encoding: 'utf8',
  });
  return stdout.split('\0').filter((path) => path !== '');
}

async function suspects(
  repo: string,
  paths: readonly string[],
  written: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const text = await readFile(join(repo, path), 'utf8');
    const isSuspicious = SUSPICIOUS.test(text.slice(0, 2000)) || SUSPICIOUS_NAME.test(path);
    if (isSuspicious && !written.includes(path)) found.push(path);
  }
  return found;
}

async function tableOfAll(): Promise<string> {
  const rows: string[] = [];
  for (const pack of all) {
    const outcome = await readOutcome(pack);
    if (outcome === null) {
      process.stderr.write(`${specOf(pack)} is left out of the table: it has not been checked yet\n`);
      continue;
    }
    const { spec, exitCode, seconds, files, holes, crossFile, unparsed } = outcome;
    const languages = Object.entries(outcome.languages).sort(([, a], [, b]) => b - a);
    const cells = [
      `${REGISTRIES[pack.registry].title} \`${spec}\``,
      languages.map(([title]) => title).join(', '),
      ...[files, unparsed, holes, crossFile].map(String),
      outcome.leftOut.map((part) => part.replace(/ \(.*/, '').replaceAll('|', '\\|')).join(', ') || 'none',
      seconds.toFixed(1),
      String(exitCode),
    ];
    rows.push(`| ${cells.join(' | ')} |`);
  }
  return [
    '| package | languages of the holes | files | with syntax errors | holes | cross-file | left out | CPU s | exit code |',
    '| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |',
    ...rows,
    '',
  ].join('\n');
}
