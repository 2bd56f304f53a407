/**
 * @file Where the files of a repository are fetched from, and what is sent along.
 */

import type { HubSettings } from './settings.js';

/** Where a file is fetched from, and what to send along; redirects to other hosts do not get the token. */
export function fileAddress(
  id: string,
  commit: string,
  file: string,
  { endpoint, token }: HubSettings,
): { url: string; headers: Record<string, string> } {
  const escaped = file.split('/').map(encodeURIComponent).join('/');
  return {
    url: `${endpoint}/${id}/resolve/${commit}/${escaped}`,
    headers: authorization({ token }),
  };
}

/** The header that names the user; redirects to other hosts do not get it. */
export function authorization({ token }: Pick<HubSettings, 'token'>): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}
