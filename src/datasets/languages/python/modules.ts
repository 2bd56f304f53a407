/**
 * @file Which file of a repository a Python import names.
 *
 * The interpreter's search path is not known, so it is taken from the layout. An absolute import is looked up
 * from the folder above the importing file's outermost package, then from the folders above that one and the
 * `src`, `lib` and `python` folders in them, and last among the outermost packages of the whole repository, as
 * several projects in one repository install each other. A name of the standard library means the library.
 *
 * Source: Python Language Reference, 5 "The import system"; the layouts of the Packaging User Guide.
 */

import { posix } from 'node:path';
import { STANDARD_LIBRARY } from './standard-library.js';

/** What a dotted name leads to. */
export interface ModulePlace {
  /** The module, or the `__init__.py` of the package; null for a package without one. */
  readonly file: string | null;
  /** Folder of the package; null for a module. */
  readonly folder: string | null;
}

/** Finds modules. */
export interface Modules {
  /**
   * The place of an import, or null if it leads out of the repository.
   *
   * @param level Leading dots: 0 for an absolute import.
   * @param parts The dotted name, without the dots at its beginning.
   */
  find(from: string, level: number, parts: readonly string[]): ModulePlace | null;
  /** A module or package directly in a package. */
  childOf(place: ModulePlace, name: string): ModulePlace | null;
}

/** Folders of sources beside a project's own files. */
const SOURCE_FOLDERS = ['src', 'lib', 'python'];
const INIT = '__init__.py';

/** @param paths All source paths, with forward slashes. */
export function createModules(paths: Iterable<string>): Modules {
  const files = new Set(paths);
  const folders = new Set<string>(['']);
  for (const path of files) {
    for (let folder = parentOf(path); !folders.has(folder); folder = parentOf(folder)) folders.add(folder);
  }
  const isPackage = (folder: string): boolean => folder !== '' && files.has(`${folder}/${INIT}`);

  const placeAt = (path: string): ModulePlace | null => {
    if (isPackage(path)) return { file: `${path}/${INIT}`, folder: path };
    if (files.has(`${path}.py`)) return { file: `${path}.py`, folder: null };
    return folders.has(path) ? { file: null, folder: path } : null;
  };

  const outermost = [...folders].filter((folder) => isPackage(folder) && !isPackage(parentOf(folder))).sort();

  /** Folders in which an absolute import of a file is looked up, the best first. */
  const rootsOf = (from: string): string[] => {
    let root = parentOf(from);
    while (isPackage(root)) root = parentOf(root);
    const roots: string[] = [];
    for (let above = root; ; above = parentOf(above)) {
      roots.push(above, ...SOURCE_FOLDERS.map((name) => joined(above, name)));
      if (above === '') return roots.filter((folder) => folders.has(folder));
    }
  };

  const absolute = (from: string, parts: readonly string[]): ModulePlace | null => {
    const first = parts[0]!;
    if (STANDARD_LIBRARY.has(first)) return null;
    const inside = parts.join('/');
    const places = [
      ...rootsOf(from).map((root) => joined(root, inside)),
      ...outermost.flatMap((folder) =>
        posix.basename(folder) === first ? joined(parentOf(folder), inside) : [],
      ),
    ];
    const found = places.flatMap((path) => placeAt(path) ?? []);
    // A folder of files is the last that Python takes for a package.
    return found.find(({ file }) => file !== null) ?? found[0] ?? null;
  };

  return {
    find(from, level, parts) {
      if (level === 0) return absolute(from, parts);
      let folder = parentOf(from);
      for (let up = 1; up < level; up++) {
        if (folder === '') return null;
        folder = parentOf(folder);
      }
      return placeAt(joined(folder, parts.join('/')));
    },
    childOf({ folder }, name) {
      return folder === null ? null : placeAt(joined(folder, name));
    },
  };
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

function joined(folder: string, inside: string): string {
  return folder === '' ? inside : inside === '' ? folder : `${folder}/${inside}`;
}
