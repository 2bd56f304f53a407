/**
 * @file What a registry of packages is to a benchmark whose lines lie in published packages.
 *
 * Each registry is one file beside this one, and `all.ts` lists them.
 */

import type { Language } from '../../domain/languages.js';

/**
 * Fetches the published file of one version of a package into an empty folder, with the user's own program.
 * Nothing of the package is run.
 *
 * @returns The path of the file.
 * @throws {DataError} If the program is missing, cannot reach the registry, or does not know the package.
 */
export type PackageFetcher = (name: string, version: string, folder: string) => Promise<string>;

/** The form in which a registry states the hash of a package file. */
export interface HashForm {
  readonly algorithm: 'sha512' | 'sha256';
  readonly prefix: string;
  readonly encoding: 'base64' | 'hex';
}

/** A registry. */
export interface PackageRegistry {
  /** What people call it. */
  readonly title: string;
  /** The program of the user that fetches from it. */
  readonly tool: string;
  readonly fetch: PackageFetcher;
  /** A package with its version, as the tool spells it. */
  spec(name: string, version: string): string;
  readonly hash: HashForm;
  /** The path of an archive's entry inside the package. */
  pathInside(entry: string): string;
  /** The language of the sources that its benchmarks take. */
  readonly language: Language;
  /** How a user sees which source the tool is set to. */
  readonly showsSource: string;
}
