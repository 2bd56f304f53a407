/**
 * @file The registries of packages, by the kind of the datasets that are cut from them.
 */

import type { PackageLinesDescription } from '../description.js';
import { npm } from './npm.js';
import { pypi } from './pypi.js';
import type { PackageRegistry } from './registry.js';

/** Which registry the packages of a description come from. */
export const REGISTRY_OF: Readonly<Record<PackageLinesDescription['kind'], PackageRegistry>> = {
  'npm-lines': npm,
  'pypi-lines': pypi,
};
