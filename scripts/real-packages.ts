/**
 * @file Real packages of three registries, by name, version and hash: fetched with the user's own npm, pip and
 * apt-get, and unpacked, never installed or run. `scripts/packages/list.json` has the list.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { z } from 'zod';
import { SOURCE_LIMITS } from '../src/archive/limits.js';
import { unpackArchive } from '../src/archive/unpack.js';
import { npm } from '../src/datasets/packages/npm.js';
import { verifyIntegrity } from '../src/datasets/packages/package-file.js';
import { pypi } from '../src/datasets/packages/pypi.js';
import type { PackageRegistry } from '../src/datasets/packages/registry.js';
import { fetchError, onlyFileIn, runTool } from '../src/datasets/packages/tool.js';

type Registry = Omit<PackageRegistry, 'pathInside' | 'language'>;

/** Source packages of Debian: the archive that the authors published, without Debian's patches. */
const debian: Registry = {
  title: 'Debian',
  tool: 'apt-get',
  spec: (name, version) => `${name}=${version}`,
  hash: { algorithm: 'sha256', prefix: 'sha256:', encoding: 'hex' },
  showsSource: 'look at the deb-src lines of the sources of apt-get',
  async fetch(name, version, folder) {
    const spec = `${name}=${version}`;
    const args = ['source', '--download-only', '--tar-only', '-qq', spec];
    const outcome = await runTool({ file: 'apt-get', args: [], shell: false }, args, process.env, folder);
    const byHand = `apt-get ${args.join(' ')}`;
    if (outcome.failure === null) return onlyFileIn(folder, /\.orig\.tar\.(gz|xz)$/, byHand, outcome);
    const words = { ...{ tool: 'apt-get', packages: 'Debian', dataset: '' }, ...{ spec, byHand } };
    throw fetchError(words, { kind: 'other', code: null }, outcome);
  },
};

export const REGISTRIES = { npm, pypi, debian } as const satisfies Readonly<Record<string, Registry>>;
export type RegistryName = keyof typeof REGISTRIES;

const listSchema = z.array(
  z.object({
    registry: z.enum(['npm', 'pypi', 'debian']),
    name: z.string(),
    version: z.string(),
    /** In the registry's form. Of Debian's packages it is that of the authors' archive. */
    hash: z.string(),
    /** Files that speak of generated files but are written by people: somebody looked at them. */
    written: z.array(z.string()).optional(),
  }),
);
export type RealPackage = z.output<typeof listSchema>[number];

/** All packages of the list. */
export async function listPackages(): Promise<RealPackage[]> {
  const file = new URL('./packages/list.json', import.meta.url);
  return listSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}

/** A package and its version, as its registry's tool spells it. */
export function specOf({ registry, name, version }: RealPackage): string {
  return REGISTRIES[registry].spec(name, version);
}

/** Where `check:packages` keeps what came of a package; its holes lie beside it, in a file with one letter more. */
export function outcomeFile(root: string, { registry, name }: RealPackage): string {
  return join(root, 'outcomes', `${registry}-${name.replaceAll(/[^\w.-]/g, '_')}.json`);
}

/**
 * The folder of an unpacked package; it is fetched and unpacked where it is not there yet.
 *
 * It is made a git repository without a commit, so that the `.gitignore` files of the package count.
 *
 * @throws {DataError} If the package cannot be fetched, or is not the pinned one.
 */
export async function unpackedPackage(pack: RealPackage, root: string): Promise<string> {
  const { registry: title, name, version, hash } = pack;
  const registry = REGISTRIES[title];
  const folder = join(root, 'unpacked', title, `${name.replaceAll(/[^\w.-]/g, '_')}-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const download = await mkdtemp(join(root, 'download-'));
  try {
    process.stderr.write(`fetching ${specOf(pack)} with ${registry.tool}\n`);
    const file = await registry.fetch(name, version, download);
    await verifyIntegrity(file, specOf(pack), hash, registry);
    const fresh = join(download, 'unpacked');
    await unpackArchive(file, fresh, SOURCE_LIMITS);
    execFileSync('git', ['-c', 'init.templateDir=', '-C', fresh, 'init', '--quiet']);
    await rename(fresh, folder);
    return folder;
  } finally {
    await rm(download, { recursive: true, force: true });
  }
}
