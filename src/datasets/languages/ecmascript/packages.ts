/**
 * @file What the `package.json` files of a repository say about names: workspaces, `exports`, `imports`, `main`.
 *
 * A package names files of its output, which a repository does not hold. `sourcesOf` says where the source of
 * an output file may lie.
 *
 * Source: Node.js documentation, "Modules: Packages"; the workspaces of npm, Yarn and pnpm.
 */

import { posix } from 'node:path';
import { parseJson } from '../../../domain/json.js';
import { z } from 'zod';
import type { Project } from '../lines/language.js';
import { matchStar } from './module-resolution.js';

const optionalText = z.string().min(1).optional().catch(undefined);

const manifestSchema = z.object({
  name: optionalText,
  source: optionalText,
  types: optionalText,
  typings: optionalText,
  module: optionalText,
  main: optionalText,
  exports: z.unknown().optional(),
  imports: z.unknown().optional(),
  workspaces: z
    .union([
      z.array(z.string()),
      z.object({ packages: z.array(z.string()) }).transform((value) => value.packages),
    ])
    .optional()
    .catch(undefined),
});

/** A package of the repository. */
export interface OwnPackage {
  /** Absolute folder. */
  readonly folder: string;
  readonly manifest: z.output<typeof manifestSchema>;
  /** Globs of the packages of its workspace, relative to its folder; empty if it has none. */
  readonly members: readonly string[];
}

/** Reads the packages of a project, each once. */
export class Packages {
  readonly #project: Project;
  readonly #known = new Map<string, OwnPackage | null>();
  readonly #workspaces = new Map<string, ReadonlyMap<string, OwnPackage>>();
  /** Absolute folders that lie on the way to a source file, in the order of the files. */
  readonly #folders: ReadonlySet<string>;

  constructor(project: Project) {
    this.#project = project;
    const folders = new Set<string>();
    for (const { path } of project.files) {
      for (let folder = posix.dirname(path); !folders.has(folder); folder = posix.dirname(folder)) {
        folders.add(folder);
      }
    }
    this.#folders = new Set([...folders].map((folder) => posix.join(project.root, folder)));
  }

  /** The package that a folder lies in, or null. */
  nearest(folder: string): OwnPackage | null {
    for (const place of this.#upwards(folder)) {
      const own = this.#at(place);
      if (own !== null) return own;
    }
    return null;
  }

  /** The package that a name means to a file of a folder: its own, or one of its workspace. */
  named(name: string, folder: string): OwnPackage | null {
    const own = this.nearest(folder);
    if (own?.manifest.name === name) return own;
    for (const place of this.#upwards(folder)) {
      const member = this.#workspaceAt(place).get(name);
      if (member !== undefined) return member;
    }
    return null;
  }

  /** The members of the workspace that a folder is the root of, by name. */
  #workspaceAt(folder: string): ReadonlyMap<string, OwnPackage> {
    const before = this.#workspaces.get(folder);
    if (before !== undefined) return before;
    const members = new Map<string, OwnPackage>();
    const isMember = memberTest(this.#at(folder)?.members ?? []);
    for (const candidate of this.#folders) {
      if (!isMember(posix.relative(folder, candidate))) continue;
      const member = this.#at(candidate);
      const name = member?.manifest.name;
      if (member !== null && name !== undefined && !members.has(name)) members.set(name, member);
    }
    this.#workspaces.set(folder, members);
    return members;
  }

  *#upwards(folder: string): Generator<string> {
    for (let place = folder; ; place = posix.dirname(place)) {
      yield place;
      if (place === this.#project.root || posix.dirname(place) === place) return;
    }
  }

  #at(folder: string): OwnPackage | null {
    const before = this.#known.get(folder);
    if (before !== undefined) return before;
    const own = readPackage(this.#project, folder);
    this.#known.set(folder, own);
    return own;
  }
}

function readPackage({ read }: Project, folder: string): OwnPackage | null {
  const pnpm = read(posix.join(folder, 'pnpm-workspace.yaml'));
  const manifest = manifestOf(read(posix.join(folder, 'package.json')));
  if (manifest === null && pnpm === null) return null;
  return {
    folder,
    manifest: manifest ?? manifestSchema.parse({}),
    members: [...(manifest?.workspaces ?? []), ...(pnpm === null ? [] : pnpmMembers(pnpm))],
  };
}

/** A damaged manifest is none: it costs marks, not the dataset. */
function manifestOf(text: string | null): OwnPackage['manifest'] | null {
  if (text === null) return null;
  try {
    const result = manifestSchema.safeParse(parseJson(text));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

/**
 * The globs of a `pnpm-workspace.yaml`: the items of its list `packages`, in block or in flow form.
 *
 * @example pnpmMembers("packages:\n  - 'packages/*'\n  - \"!**\/test\"\n") // => ['packages/*', '!**\/test']
 */
export function pnpmMembers(yaml: string): string[] {
  const lines = yaml.split(/\r?\n/);
  const start = lines.findIndex((line) => /^packages\s*:/.test(line));
  if (start < 0) return [];
  const flow = /^packages\s*:\s*\[([^\]]*)\]/.exec(lines.slice(start).join(' '));
  if (flow !== null) return flow[1]!.split(',').flatMap(yamlText);
  const members: string[] = [];
  for (const line of lines.slice(start + 1)) {
    const item = /^\s*-\s+(.*)$/.exec(line);
    if (item !== null) members.push(...yamlText(item[1]!));
    else if (/^\s*(#|$)/.test(line)) continue;
    else break;
  }
  return members;
}

/** A scalar without its quotes and without a comment after it; none for an empty one. */
function yamlText(text: string): string[] {
  const quoted = /^\s*(["'])(.*?)\1/.exec(text);
  const value = quoted === null ? text.replace(/(^|\s)#.*$/, '').trim() : quoted[2]!;
  return value === '' ? [] : [value];
}

/** Tells members by their folder relative to the workspace. A glob with "!" in front takes members out. */
function memberTest(globs: readonly string[]): (folder: string) => boolean {
  const wanted = globs.filter((glob) => !glob.startsWith('!')).map(globPattern);
  const unwanted = globs.filter((glob) => glob.startsWith('!')).map((glob) => globPattern(glob.slice(1)));
  return (folder) =>
    wanted.some((pattern) => pattern.test(folder)) && !unwanted.some((pattern) => pattern.test(folder));
}

/** Stars of one glob. More of them on a long name would take the engine longer than anybody waits. */
const MOST_STARS = 4;
const NOTHING = /(?!)/;

/**
 * `*` and `?` stay inside a folder's name, `**` goes over several, `{a,b}` is one of a list. A glob that is broken or
 * has more than `MOST_STARS` stands for no folder.
 */
function globPattern(glob: string): RegExp {
  const trimmed = glob
    .replace(/^\.\//, '')
    .replace(/\/+$/, '')
    .replace(/(?:\*\*\/)+/g, '**/')
    .replace(/\*{2,}/g, '**');
  if ((trimmed.match(/\*+/g)?.length ?? 0) > MOST_STARS) return NOTHING;
  const source = trimmed.replace(/\*\*\/?|[*?{},]|[.+^$()|[\]\\]/g, (mark) => {
    if (mark === '**/') return '(?:.*/)?';
    if (mark === '**') return '.*';
    if (mark === '*') return '[^/]*';
    if (mark === '?') return '[^/]';
    if (mark === '{') return '(?:';
    if (mark === '}') return ')';
    if (mark === ',') return trimmed.includes('{') ? '|' : ',';
    return `\\${mark}`;
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    // Braces that do not match.
    return NOTHING;
  }
}

/**
 * What `exports` or `imports` gives for a key, under any condition, best match first.
 *
 * @param key "." or "./sub/path" for `exports`, "#name" for `imports`.
 * @returns Targets with the star filled in; none if the key is not there.
 */
export function targetsOf(field: unknown, key: string): string[] {
  const isTable = isObject(field) && Object.keys(field).some((name) => /^[.#]/.test(name));
  if (!isTable) return key === '.' ? flatten(field, '') : [];
  if (key in field && !key.includes('*')) return flatten(field[key], '');
  // The longest text before the star wins.
  const patterns = Object.keys(field)
    .filter((pattern) => pattern.includes('*') && matchStar(pattern, key) !== null)
    .sort((a, b) => b.indexOf('*') - a.indexOf('*'));
  const [best] = patterns;
  return best === undefined ? [] : flatten(field[best], matchStar(best, key)!);
}

function flatten(target: unknown, star: string): string[] {
  if (typeof target === 'string') return [target.replaceAll('*', () => star)];
  if (Array.isArray(target)) return target.flatMap((one) => flatten(one, star));
  return isObject(target) ? Object.values(target).flatMap((one) => flatten(one, star)) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
