/**
 * @file Where the hub is, who asks, and where its files are kept: the environment variables of
 * Hugging Face's own tools, with their meaning and their defaults.
 *
 * Source: huggingface_hub, "Environment variables".
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { addressOf } from '../domain/address.js';

export interface HubSettings {
  /** Base address without a slash at the end (`HF_ENDPOINT`). */
  readonly endpoint: string;
  /** Folder with one folder a repository (`HF_HUB_CACHE`). */
  readonly cacheDir: string;
  /** Access token (`HF_TOKEN`, or the file that `hf auth login` writes); null to ask anonymously. */
  readonly token: string | null;
  /** Whether the network must not be used (`HF_HUB_OFFLINE`). */
  readonly isOffline: boolean;
  /** Longest silence of a server before a request counts as failed (`HF_HUB_DOWNLOAD_TIMEOUT`), ms. */
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The hub itself; any other endpoint is a mirror. */
export const DEFAULT_ENDPOINT = 'https://huggingface.co';
const DEFAULT_TIMEOUT_SECONDS = 30;

/**
 * Reads the settings.
 *
 * @throws {UsageError} If `HF_ENDPOINT` is not an http(s) address.
 */
export function hubSettings(environment: Environment = process.env): HubSettings {
  const get = (...names: readonly string[]): string | undefined =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== '');
  const home = get('HF_HOME') ?? join(get('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  const seconds = Number(get('HF_HUB_DOWNLOAD_TIMEOUT') ?? DEFAULT_TIMEOUT_SECONDS);
  return {
    endpoint: addressOf('HF_ENDPOINT', get('HF_ENDPOINT') ?? DEFAULT_ENDPOINT, DEFAULT_ENDPOINT),
    cacheDir: expandHome(get('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub')),
    token: readToken(get, join(expandHome(home), 'token')),
    isOffline: isTrue(get('HF_HUB_OFFLINE')) || isTrue(get('TRANSFORMERS_OFFLINE')),
    timeoutMs: 1000 * (Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS),
  };
}

function readToken(get: (...names: string[]) => string | undefined, file: string): string | null {
  const named = get('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN')?.trim();
  if (named !== undefined && named !== '') return named;
  if (isTrue(get('HF_HUB_DISABLE_IMPLICIT_TOKEN'))) return null;
  try {
    const stored = readFileSync(expandHome(get('HF_TOKEN_PATH') ?? file), 'utf8').trim();
    return stored === '' ? null : stored;
  } catch {
    return null; // Nobody has logged in: most models need no token.
  }
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 'ON', 'YES', 'TRUE'].includes(value.toUpperCase());
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
