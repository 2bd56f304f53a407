/**
 * @file Rebuilds datasets/npm-ts-lines from its pinned packages.
 *
 *   npx tsx scripts/build-npm-ts-lines.ts           write dataset.json and tasks.jsonl
 *   npx tsx scripts/build-npm-ts-lines.ts --check   compare them with what is committed; exit 1 if they differ
 *
 * Input is the committed dataset.json: packages, versions, hashes and the selection's parameters. The
 * counts, the source hashes and tasks.jsonl follow from it byte for byte. Needs the packages, so the
 * network at first use.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'prettier';
import { buildTasks } from '../src/datasets/holes/build-tasks.js';
import { defaultCacheDir } from '../src/files/cache-dir.js';
import { readDescription } from '../src/datasets/description.js';
import { goRound } from '../src/datasets/even-sample.js';
import { hashLine, hashSources } from '../src/datasets/npm/npm-lines.js';
import type { Coordinate } from '../src/datasets/npm/npm-lines.js';
import { readPackage } from '../src/datasets/npm/package-cache.js';
import { registeredFolder } from '../src/datasets/open/registry.js';
import { sha256 } from '../src/domain/hash.js';
import { findLines, LINE_RULES_VERSION } from '../src/datasets/languages/ecmascript/find-lines.js';
import { createResolver } from '../src/datasets/languages/ecmascript/module-resolution.js';

const folder = registeredFolder('npm-ts-lines');
const description = await readDescription(folder);
if (description?.kind !== 'npm-lines') throw new Error(`${folder}/dataset.json does not pin npm packages`);
const { seed, perRepository } = description.selection;

const lists: Coordinate[][] = [];
const packages = [];
for (const pin of description.packages) {
  const repository = await readPackage(pin, defaultCacheDir(), (note) => process.stderr.write(`${note}\n`));
  const textOf = new Map(repository.files.map((file) => [file.path, file.text]));
  const resolve = createResolver(textOf.keys(), pin.aliases);
  const { candidates } = findLines(repository.files, resolve);
  const built = buildTasks({ repository, language: 'typescript', candidates, count: perRepository, seed });
  lists.push(
    built.map(({ task, line }) => ({
      id: task.id,
      repository: task.repository,
      file: task.path,
      line,
      lineHash: hashLine(textOf.get(task.path)!, line),
      fileHash: sha256(textOf.get(task.path)!),
      crossFile: task.crossFile === true,
    })),
  );
  packages.push({
    ...pin,
    files: repository.files.length,
    sourceHash: hashSources(repository),
    tasks: built.length,
    crossFile: built.filter(({ task }) => task.crossFile === true).length,
  });
  process.stderr.write(`${pin.repository}: ${built.length} holes in ${repository.files.length} files\n`);
}

const selection = { ...description.selection, builder: LINE_RULES_VERSION };
const outputs: readonly (readonly [string, string])[] = [
  [
    'dataset.json',
    // As `npm run format` would leave it.
    await format(JSON.stringify({ ...description, selection, packages }, null, 2), {
      parser: 'json',
      printWidth: 110,
    }),
  ],
  [
    'tasks.jsonl',
    goRound(lists)
      .map((coordinate) => `${JSON.stringify(coordinate)}\n`)
      .join(''),
  ],
];
for (const [name, text] of outputs) {
  const file = join(folder, name);
  if (!process.argv.includes('--check')) {
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8')) !== text) {
    process.stderr.write(`${name} differs from what the packages give\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(`${name} is what the packages give\n`);
  }
}
