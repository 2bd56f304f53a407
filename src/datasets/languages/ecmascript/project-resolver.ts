/**
 * @file Which file of a repository an import names, with the settings that the repository brings: the nearest
 * `tsconfig.json`, `package.json` and workspace.
 *
 * The order is TypeScript's: a relative path; `paths`; `baseUrl`; `#imports` of the own package; a package by
 * name. Where a package names a file of its output, the source of that file counts.
 */

import { posix } from 'node:path';
import type { Project } from '../lines/language.js';
import { findAliased, findFile, findRelative, isRelative, type ModuleResolver } from './module-resolution.js';
import { Packages, targetsOf, type OwnPackage } from './packages.js';
import { createSettingsFinder, type SettingsFinder } from './tsconfig.js';

/** Makes the resolver of a project. Paths that it takes and gives are relative to the project's root. */
export function createProjectResolver(project: Project): ModuleResolver {
  const resolver = new ProjectResolver(project);
  const known = new Map<string, string | null>();
  return (from, specifier) => {
    // What a specifier means depends on the folder alone.
    const key = `${posix.dirname(from)}\n${specifier}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = resolver.resolve(from, specifier);
    known.set(key, found);
    return found;
  };
}

class ProjectResolver {
  readonly #root: string;
  readonly #known: ReadonlySet<string>;
  readonly #settings: SettingsFinder;
  readonly #packages: Packages;

  constructor(project: Project) {
    this.#root = project.root;
    this.#known = new Set(project.files.map(({ path }) => path));
    this.#settings = createSettingsFinder(project);
    this.#packages = new Packages(project);
  }

  resolve(from: string, specifier: string): string | null {
    if (isRelative(specifier)) return findRelative(this.#known, from, specifier);
    const folder = posix.join(this.#root, posix.dirname(from));
    for (const { paths, baseUrl } of this.#settings(folder)) {
      const found =
        findAliased(paths, specifier, (target) => this.#file(target)) ??
        (baseUrl === null ? null : this.#file(posix.join(baseUrl, specifier)));
      if (found !== null) return found;
    }
    return specifier.startsWith('#') ? this.#imported(folder, specifier) : this.#packaged(folder, specifier);
  }

  /** The source file at an absolute path. */
  #file(path: string): string | null {
    const inside = posix.relative(this.#root, path);
    return inside.startsWith('../') ? null : findFile(this.#known, inside);
  }

  /** What the own package's `imports` says. */
  #imported(folder: string, specifier: string): string | null {
    const own = this.#packages.nearest(folder);
    if (own === null) return null;
    for (const target of targetsOf(own.manifest.imports, specifier)) {
      const found = target.startsWith('./') ? this.#source(own, target) : this.#packaged(folder, target);
      if (found !== null) return found;
    }
    return null;
  }

  /** The file that a package of the repository gives for `name` or `name/sub/path`. */
  #packaged(folder: string, specifier: string): string | null {
    const parts = /^((?:@[^/]+\/)?[^/]+)(?:\/(.+))?$/.exec(specifier);
    const own = parts === null ? null : this.#packages.named(parts[1]!, folder);
    if (own === null) return null;
    const sub = parts![2] ?? '';
    const { manifest } = own;
    const stated =
      manifest.exports !== undefined && manifest.exports !== null
        ? targetsOf(manifest.exports, sub === '' ? '.' : `./${sub}`)
        : sub === ''
          ? [manifest.source, manifest.types, manifest.typings, manifest.module, manifest.main].filter(
              (target) => target !== undefined,
            )
          : [sub];
    for (const target of stated) {
      const found = this.#source(own, target);
      if (found !== null) return found;
    }
    // An output of another name, such as a bundle, or no statement: the place where such a source lies.
    const isPrivate = stated.length === 0 && manifest.exports !== undefined;
    return isPrivate ? null : this.#conventional(own, sub === '' ? 'index' : sub);
  }

  /** The source of a file that a package names. */
  #source(own: OwnPackage, target: string): string | null {
    for (const place of this.#placesOf(own, target)) {
      const found = this.#file(place);
      if (found !== null) return found;
    }
    return null;
  }

  /** Where the source of an output may lie: the file itself, then the compiler's settings, then convention. */
  *#placesOf(own: OwnPackage, target: string): Generator<string> {
    const file = posix.join(own.folder, target.replace(/\.d(\.[cm]?ts)$/, '$1'));
    yield withoutOutputEnding(file);
    yield file;
    for (const { outputs, rootDir } of this.#settings(own.folder).slice(0, 1)) {
      for (const output of outputs) {
        const inside = posix.relative(output, file);
        if (inside.startsWith('../')) continue;
        const roots = rootDir === null ? [posix.join(own.folder, 'src'), own.folder] : [rootDir];
        for (const root of roots) yield withoutOutputEnding(posix.join(root, inside));
      }
    }
    let inside = posix.relative(own.folder, file);
    while (OUTPUT_FOLDER.test(inside)) {
      inside = inside.replace(OUTPUT_FOLDER, '');
      yield withoutOutputEnding(posix.join(own.folder, 'src', inside));
      yield withoutOutputEnding(posix.join(own.folder, inside));
    }
  }

  #conventional(own: OwnPackage, sub: string): string | null {
    for (const place of ['src', 'lib', '']) {
      const found = this.#file(posix.join(own.folder, place, sub));
      if (found !== null) return found;
    }
    return null;
  }
}

/** Folders that builds write to by convention, at the beginning of a path inside a package. */
const OUTPUT_FOLDER = /^(dist|lib|build|out|es|esm|cjs|umd|types|typings|module|commonjs)\//;

/** Any source ending may stand behind an output: `index.js` may come from `index.tsx`. */
function withoutOutputEnding(path: string): string {
  return path.replace(/\.([cm]?[jt]sx?)$/, '');
}
