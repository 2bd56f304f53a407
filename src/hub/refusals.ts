/**
 * @file What it means to a user when the hub refuses a request or cannot be reached.
 */

import { type DownloadError, ModelError, type UserError } from '../domain/errors.js';
import { formatHubReference, type HubLocation } from './reference.js';
import { DEFAULT_ENDPOINT, type HubSettings } from './settings.js';

/** The error a refused request means to a user. */
export function refusalOf(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  location: HubLocation,
  { endpoint, token }: HubSettings,
): UserError {
  const code = headers.get('x-error-code') ?? '';
  const name = formatHubReference(location);
  const page = `${endpoint}/${location.id}`;
  const who = token === null ? 'nobody is logged in: set HF_TOKEN or run `hf auth login`' : null;

  if (code === 'GatedRepo') {
    return new ModelError(`${name}: access to this model has to be granted first`, [
      `open ${page}, accept its terms, and wait for approval if it asks for one`,
      who ?? 'the token in use belongs to an account without access, or may not read gated models',
    ]);
  }
  if (code === 'RevisionNotFound') {
    return new ModelError(`${location.id}: has no revision "${location.revision ?? 'main'}"`, [
      `its branches and tags are listed at ${page}/tree/main`,
    ]);
  }
  if (code === 'EntryNotFound') {
    return new ModelError(`${name}: there is no such file on the hub`, [`its files: ${page}/tree/main`]);
  }
  if (code === 'DisabledRepo') {
    return new ModelError(`${name}: the hub has disabled this model`, [`see ${page}`]);
  }
  if (status === 404 || (status === 401 && (token === null || code === 'RepoNotFound'))) {
    return new ModelError(`${name}: not found on ${new URL(endpoint).host}`, [
      'the owner or the name may be misspelled (upper and lower case matter); no such path exists here either',
      `a private model looks the same: ${who ?? 'the token in use may not read it'}`,
      ...(code === '' && endpoint !== DEFAULT_ENDPOINT
        ? ['or this mirror lacks the calls of the hub that name the files of a model']
        : []),
    ]);
  }
  if (status === 401 || status === 403) {
    return new ModelError(`${name}: ${new URL(endpoint).host} refuses access (${status})`, [
      who ?? 'the token in HF_TOKEN or in the token file is wrong, expired, or may not read this model',
    ]);
  }
  if (status === 429) {
    return new ModelError(`${name}: ${new URL(endpoint).host} limits how much is asked of it (429)`, [
      'wait a few minutes and run the command again; what has arrived is kept',
      ...(who === null ? [] : [who]),
    ]);
  }
  return new ModelError(`${name}: ${new URL(endpoint).host} answers ${status}`, [
    status >= 500 ? 'the hub has a problem: try again later' : `see ${page}`,
  ]);
}

/** No connection, said with what can be done about it. */
export function unreachable(location: HubLocation, error: DownloadError, isCached: boolean): ModelError {
  return new ModelError(
    `${formatHubReference(location)}: the hub cannot be reached (${error.message})`,
    [
      isCached
        ? 'only some of its files are in the cache'
        : 'it is not in the cache; once it has been fetched, it works offline',
      'connect and run `llava-eval models pull`, set HF_ENDPOINT to a mirror, or HF_HUB_OFFLINE=1 for what is cached',
    ],
    { cause: error },
  );
}
