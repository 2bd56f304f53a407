/**
 * @file The rules that every entry of an archive must pass, whatever kind of archive it is in.
 */

import { DataError } from '../domain/errors.js';
import { plainPath, refusedName } from './entry-name.js';
import { FREE_BYTES, type ArchiveLimits } from './limits.js';

/** A regular file of an archive. */
export interface ArchiveEntry {
  /** Relative, with forward slashes. */
  readonly path: string;
  /** Its content; must be read to the end. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ArchiveRequest {
  readonly file: string;
  /** What messages call it; the file's path if absent. */
  readonly name?: string;
  readonly limits: ArchiveLimits;
  /** Whether the content of a path is wanted; the rest is only counted. */
  readonly isWanted: (path: string) => boolean;
  /** Handed the wanted files one after the other, in the archive's order. */
  readonly onEntry: (entry: ArchiveEntry) => Promise<void>;
  /** Links are left out unless this is set: then they refuse the archive. */
  readonly refuseLinks?: boolean;
}

/** What an archive held besides the files that were handed on. */
export interface ArchiveCounts {
  readonly files: number;
  readonly links: number;
}

/** Applies the rules to each entry before its content is touched. */
export class EntryCheck {
  readonly #request: ArchiveRequest;
  readonly #archiveBytes: number;
  readonly #seen = new Set<string>();
  #bytes = 0;
  #links = 0;
  #files = 0;
  #entries = 0;

  constructor(request: ArchiveRequest, archiveBytes: number) {
    this.#request = request;
    this.#archiveBytes = archiveBytes;
  }

  get counts(): ArchiveCounts {
    return { files: this.#files, links: this.#links };
  }

  /** What to do with an entry: null to pass over it, else its path. */
  admit(name: string, kind: 'file' | 'folder' | 'link' | 'device', bytes: number): string | null {
    const refused = refusedName(name);
    if (refused !== null) throw this.refuse(`the name "${name.slice(0, 200)}" ${refused}`);
    if (++this.#entries > this.#request.limits.mostEntries) {
      throw this.refuse(`it holds more than ${this.#request.limits.mostEntries} entries`);
    }
    const path = plainPath(name);
    switch (kind) {
      case 'folder':
        return null;
      case 'device':
        throw this.refuse(`"${path}" is a device or a pipe, not a file`);
      case 'link':
        if (this.#request.refuseLinks === true && this.#request.isWanted(path)) {
          throw this.refuse(`"${path}" is a link, not a file`);
        }
        this.#links++;
        return null;
      case 'file':
        break;
    }
    if (this.#seen.has(path)) throw this.refuse(`"${path}" is in it twice`);
    this.#seen.add(path);
    this.#files++;
    const isWanted = this.#request.isWanted(path);
    const { mostEntryBytes, mostBytes, mostRatio } = this.#request.limits;
    this.#bytes += bytes;
    if ((isWanted && bytes > mostEntryBytes) || this.#bytes > mostBytes) {
      throw this.refuse(`it is too large (at "${path}")`);
    }
    if (this.#bytes > FREE_BYTES && this.#bytes > mostRatio * this.#archiveBytes) {
      throw this.refuse(`it unpacks to more than ${mostRatio} times its size (at "${path}")`);
    }
    return isWanted ? path : null;
  }

  /** Hands a file on, counting what really comes out of it. */
  async hand(path: string, declaredBytes: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the generator below has its own `this`
    const check = this;
    let bytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of content) {
        bytes += piece.byteLength;
        if (bytes > declaredBytes) throw check.refuse(`"${path}" is larger than the archive says`);
        yield piece;
      }
    };
    await this.#request.onEntry({ path, content: counted() });
  }

  refuse(why: string): DataError {
    return new DataError(`${this.#request.name ?? this.#request.file}: the archive is refused: ${why}`, [
      'nothing of it was kept',
    ]);
  }
}
