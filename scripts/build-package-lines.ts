/**
 * @file Rebuilds the benchmarks that are cut from packages: datasets/npm-ts-lines and datasets/pypi-py-lines.
 *
 *   npx tsx scripts/build-package-lines.ts                     write dataset.json and tasks.jsonl of both
 *   npx tsx scripts/build-package-lines.ts pypi-py-lines       of one
 *   npx tsx scripts/build-package-lines.ts --check             compare with what is committed; exit 1 if they differ
 *
 * Input is the committed dataset.json: packages, versions, hashes and the selection's parameters. The
 * counts, the source hashes and tasks.jsonl follow from it byte for byte. Needs the packages, so the
 * network at first use.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { buildTasks } from '../src/datasets/holes/build-tasks.js';
import { defaultCacheDir } from '../src/files/cache-dir.js';
import { isOfPackages, readDescription, type PackageLinesDescription } from '../src/datasets/description.js';
import { goRound } from '../src/datasets/even-sample.js';
import { languageKind } from '../src/datasets/languages/all.js';
import { findLines } from '../src/datasets/languages/ecmascript/find-lines.js';
import { createResolver } from '../src/datasets/languages/ecmascript/module-resolution.js';
import type { CandidateLine, LineFinder } from '../src/datasets/languages/lines/language.js';
import { registeredFolder } from '../src/datasets/open/registry.js';
import { REGISTRY_OF } from '../src/datasets/packages/all.js';
import { readPackage } from '../src/datasets/packages/package-cache.js';
import { hashLine, hashSources, type Coordinate } from '../src/datasets/packages/package-lines.js';
import { sha256 } from '../src/domain/hash.js';
import type { Repository } from '../src/domain/task.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean', default: false } },
});
for (const id of positionals.length > 0 ? positionals : ['npm-ts-lines', 'pypi-py-lines']) {
  const folder = registeredFolder(id);
  const description = await readDescription(folder);
  if (!isOfPackages(description)) throw new Error(`${folder}/dataset.json does not pin packages`);
  for (const [name, text] of await build(description)) await keep(join(folder, name), `${id}/${name}`, text);
}

type Pin = PackageLinesDescription['packages'][number];

async function build(description: PackageLinesDescription): Promise<[name: string, text: string][]> {
  const registry = REGISTRY_OF[description.kind];
  const finder = await languageKind(registry.language).load();
  const { seed, perRepository } = description.selection;
  const lists: Coordinate[][] = [];
  const packages = [];
  for (const pin of description.packages) {
    const repository = await readPackage(pin, { registry, cacheDir: defaultCacheDir(), onProgress: say });
    const textOf = new Map(repository.files.map((file) => [file.path, file.text]));
    const candidates = candidatesOf(pin, repository, finder);
    const built = buildTasks({
      repository,
      language: registry.language,
      candidates,
      count: perRepository,
      seed,
    });
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
    const share = candidates.filter(({ crossFile }) => crossFile).length / candidates.length;
    say(
      `${pin.repository}: ${built.length} holes in ${repository.files.length} files, ` +
        `${candidates.length} candidates, ${(100 * share).toFixed(1)} % of them cross-file`,
    );
  }
  const selection = { ...description.selection, builder: finder.version };
  return [
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
}

/** Aliases are pinned, because the settings of a package's build are not in the package. */
function candidatesOf(pin: Pin, { files }: Repository, finder: LineFinder): readonly CandidateLine[] {
  if ('aliases' in pin) {
    const resolve = createResolver(
      files.map(({ path }) => path),
      pin.aliases,
    );
    return findLines(files, resolve).candidates;
  }
  return finder.find({ root: '/', files, read: () => null }).candidates;
}

async function keep(file: string, name: string, text: string): Promise<void> {
  if (!values.check) {
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8')) !== text) {
    say(`${name} differs from what the packages give`);
    process.exitCode = 1;
  } else {
    say(`${name} is what the packages give`);
  }
}

function say(note: string): void {
  process.stderr.write(`${note}\n`);
}
