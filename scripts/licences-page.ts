/**
 * @file Which licences may be installed with the program, and the page that lists them.
 */

/** A package that is installed with the program. */
export interface LicensedPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; null where the package states none. */
  readonly licence: string | null;
}

/** Licences that ask for no more than their own text. The program itself is under Apache-2.0. */
const ACCEPTED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/**
 * Why a package may not be installed with the program; null if it may.
 *
 * @example licenceProblem({ name: 'a', version: '1.0.0', licence: 'GPL-3.0-only OR MIT' }) // => null
 */
export function licenceProblem({ name, version, licence }: LicensedPackage): string | null {
  if (licence === null) return `${name} ${version} states no licence`;
  return isAccepted(licence)
    ? null
    : `${name} ${version} is under ${licence}; read its terms, then accept the licence in scripts/licences-page.ts or replace the package`;
}

/** Of alternatives one must be accepted, of licences that hold together all. Exceptions to a licence are not known. */
function isAccepted(expression: string): boolean {
  const plain = expression.replace(/[()]/g, ' ');
  return plain
    .split(/\sOR\s/)
    .some((alternative) => alternative.split(/\sAND\s/).every((licence) => ACCEPTED.has(licence.trim())));
}

/** `docs/licences.md`. The same packages give the same bytes. */
export function licencesPage(packages: readonly LicensedPackage[]): string {
  const byLicence = new Map<string, string[]>();
  for (const { name, licence } of packages) {
    const key = licence ?? 'none stated';
    byLicence.set(key, [...(byLicence.get(key) ?? []), name]);
  }
  const rows = [...byLicence]
    .sort(([a, names], [b, others]) => others.length - names.length || (a < b ? -1 : 1))
    .map(([licence, names]) => `| ${licence} | ${[...new Set(names)].sort().join(', ')} |`);
  return [
    '# Licences',
    '',
    'llava-eval is under [Apache-2.0](../LICENSE). The packages below are installed with it. Their licences ask for no more',
    'than their own text. `npm run check:licences` fails on any other licence, and with `-- --write` it writes this page. The',
    'cards of models and datasets say under which licences they are.',
    '',
    '| Licence | Packages |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}
