/**
 * @file What a user may write where a model is asked for, taken apart.
 *
 *   nano                          the bundle that comes with this program
 *   ./models/mine  /data/p.ckpt   a folder or a file; whatever exists on disk wins over a hub id
 *   owner/name                    a repository of the Hugging Face hub
 *   owner/name@revision           at a branch, tag or commit
 *   owner/name@revision/sub/path  a folder or a file inside it
 *
 * The last three are the notation of Hugging Face's own file system paths (`hf://owner/name@rev/path`,
 * prefix optional here). A slash inside a revision is written `%2F`; `refs/pr/7` and `refs/convert/x`
 * need no escaping, as there.
 */

import { UsageError } from '../domain/errors.js';

/** Name under which a user asks for the embedded bundle. */
export const EMBEDDED_NAME = 'nano';

/** A place in a repository of the hub. */
export interface HubLocation {
  /** `owner/name`. */
  readonly id: string;
  /** Branch, tag or commit; null for the default branch. */
  readonly revision: string | null;
  /** Folder or file inside the repository, without slashes at the ends; "" for its root. */
  readonly path: string;
}

/** The branch that `null` stands for. */
export const DEFAULT_REVISION = 'main';

/** Owner and repository names of the hub: letters, digits, `-`, `_`, `.`; no leading dot or dash. */
const REPOSITORY = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*\/[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
const SPECIAL_REFS = /^(refs\/(?:pr|convert)\/[^/]+)(?:\/(.*))?$/;

/** Whether a text can only be meant as a path of this machine. */
export function isPathOnly(text: string): boolean {
  return /^(?:\.{0,2}[\\/]|\.{1,2}$|~|[A-Za-z]:[\\/])/.test(text) || text.includes('\\');
}

/**
 * Takes a hub reference apart.
 *
 * @returns null for a text that does not have the form of one.
 * @throws {UsageError} If it has the form but a part is empty or would leave the repository.
 * @example parseHubReference('Qwen/Qwen2.5-Coder-1.5B@main/sub')
 * // => { id: 'Qwen/Qwen2.5-Coder-1.5B', revision: 'main', path: 'sub' }
 */
export function parseHubReference(text: string): HubLocation | null {
  const isExplicit = text.startsWith('hf://');
  const rest = isExplicit ? text.slice('hf://'.length) : text;
  if (!isExplicit && isPathOnly(text)) return null;
  const [owner, named, ...tail] = rest.split('/');
  if (owner === undefined || named === undefined) return refuseIf(isExplicit, text, 'needs owner/name');
  const at = named.indexOf('@');
  const id = `${owner}/${at === -1 ? named : named.slice(0, at)}`;
  if (!REPOSITORY.test(id) || id.includes('--') || id.includes('..')) {
    return refuseIf(isExplicit || at !== -1, text, `"${id}" is not owner/name`);
  }

  let path = tail.join('/');
  let revision: string | null = null;
  if (at !== -1) {
    revision = named.slice(at + 1);
    const special = SPECIAL_REFS.exec(`${revision}/${path}`);
    if (special !== null) {
      revision = special[1]!;
      path = special[2] ?? '';
    }
    revision = decoded(revision, text);
    if (revision === '' || /(?:^|\/)\.{1,2}(?:\/|$)|\\/.test(revision)) {
      return refuse(text, 'there is no revision after @');
    }
  }
  path = path.replace(/\/+$/, '');
  if (path.split('/').some((part) => part === '.' || part === '..' || (part === '' && path !== ''))) {
    return refuse(text, 'the path leaves the repository or has an empty part');
  }
  return { id, revision, path };
}

/** The reference as a user would write it. */
export function formatHubReference({ id, revision, path }: HubLocation): string {
  const isSpecial = revision !== null && SPECIAL_REFS.test(`${revision}/`);
  const at = revision === null ? '' : `@${isSpecial ? revision : revision.replaceAll('/', '%2F')}`;
  return `${id}${at}${path === '' ? '' : `/${path}`}`;
}

function decoded(revision: string, text: string): string {
  try {
    return decodeURIComponent(revision);
  } catch {
    return refuse(text, 'its revision has a damaged %-escape');
  }
}

function refuseIf(isMeant: boolean, text: string, problem: string): null {
  return isMeant ? refuse(text, problem) : null;
}

function refuse(text: string, problem: string): never {
  throw new UsageError(`"${text}" is not a model reference: ${problem}`, [
    'a hub reference is owner/name, owner/name@revision or owner/name@revision/path',
  ]);
}
