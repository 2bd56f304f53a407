/**
 * @file Licences of everything that is installed with the program: `npm run check:licences`.
 *
 *   npm run check:licences              fails on a licence that is not in the list, and if docs/licences.md is out of date
 *   npm run check:licences -- --write   writes docs/licences.md
 *
 * Packages are those of package-lock.json without the ones for development. Their licences stand in their own
 * package.json. Nothing is asked of the network.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { licenceProblem, licencesPage, type LicensedPackage } from './licences-page.js';

const PAGE = 'docs/licences.md';

const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
    }),
  ),
});

/** `license` today; a list of objects in packages from before 2014. */
const manifestSchema = z.looseObject({
  license: z
    .union([z.string(), z.looseObject({ type: z.string() }).transform(({ type }) => type)])
    .optional(),
  licenses: z.array(z.looseObject({ type: z.string() })).optional(),
});

/** What a package says about itself; null if it says nothing, or is for another system and not installed. */
function statedLicence(folder: string): string | null {
  const path = `${folder}/package.json`;
  if (!existsSync(path)) return null;
  const { license, licenses } = manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  return license ?? licenses?.map(({ type }) => type).join(' OR ') ?? null;
}

const lock = lockSchema.parse(JSON.parse(readFileSync('package-lock.json', 'utf8')));
const packages: LicensedPackage[] = Object.entries(lock.packages)
  .filter(([folder, { dev, devOptional }]) => folder !== '' && dev !== true && devOptional !== true)
  .map(([folder, { version = '', license = null }]) => ({
    name: folder.replace(/^.*node_modules\//, ''),
    version,
    licence: statedLicence(folder) ?? license,
  }));

const problems = packages.flatMap((one) => licenceProblem(one) ?? []);
const page = licencesPage(packages);
if (process.argv.includes('--write')) writeFileSync(PAGE, page);
else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== page) {
  problems.push(`${PAGE} is out of date: npm run check:licences -- --write`);
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
else process.stdout.write(`${packages.length} packages, all under licences that may be passed on\n`);
