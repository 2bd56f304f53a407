/**
 * @file The servers that a user names as a decoder: `vllm:URL`, or `vllm:URL,URL` for several that hold one model.
 *
 *   vllm:http://127.0.0.1:8000            the base model of a server
 *   vllm:https://gateway.example#coder    the model called `coder`, where a gateway has several
 *
 * An address stays in the memory of the process. What a run writes down has placeholders in its place, since an address
 * says where machines stand and changes no number.
 */

import { UsageError } from '../domain/errors.js';

const SCHEME = 'vllm:';

/** One server. */
export interface ServerAddress {
  /** Without a slash at the end, and without `/v1`. */
  readonly url: string;
  /** The model that is asked for by name; null for the base model of the server. */
  readonly model: string | null;
}

/** Whether a decoder is named as one behind a server. */
export function isServed(reference: string): boolean {
  return reference.startsWith(SCHEME);
}

/**
 * The servers of a reference, in order.
 *
 * @throws {UsageError} If one is not an address of the web, holds a login, or stands there twice.
 * @example parseServers('vllm:http://a:8000/v1,http://b:8000#m')
 * // => [{ url: 'http://a:8000', model: null }, { url: 'http://b:8000', model: 'm' }]
 */
export function parseServers(reference: string): readonly [ServerAddress, ...ServerAddress[]] {
  const [first = '', ...more] = reference.slice(SCHEME.length).split(',');
  const servers = [parseServer(first), ...more.map(parseServer)] as const;
  const urls = servers.map(({ url }) => url);
  const twice = urls.find((url, i) => urls.indexOf(url) !== i);
  if (twice !== undefined) {
    throw new UsageError(`--decoder ${SCHEME}…: ${twice} stands there twice`, ['name each server once']);
  }
  return [servers[0], ...servers.slice(1)];
}

function parseServer(text: string): ServerAddress {
  const wanted = ['write vllm:http://HOST:PORT, with commas between several servers'];
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--decoder ${SCHEME}…: "${text}" is not the address of a server`, wanted);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError(`--decoder ${SCHEME}…: the address of ${url.host} holds a login`, [
      'give a key in the environment variable VLLM_API_KEY; the program writes it nowhere',
    ]);
  }
  if (url.search !== '') {
    throw new UsageError(
      `--decoder ${SCHEME}…: the address of ${url.host} has parameters behind "?"`,
      wanted,
    );
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  const model = decodeURIComponent(url.hash.slice(1));
  return { url: `${url.origin}${path}`, model: model === '' ? null : model };
}

/**
 * A reference as files have it: a placeholder for each server, so that the number of servers stays readable.
 *
 * @example withoutAddresses('vllm:http://a:8000,http://b:8000') // => 'vllm:URL,URL'
 */
export function withoutAddresses(reference: string): string {
  if (!isServed(reference)) return reference;
  const servers = reference.slice(SCHEME.length).split(',');
  return `${SCHEME}${servers.map(() => 'URL').join(',')}`;
}
