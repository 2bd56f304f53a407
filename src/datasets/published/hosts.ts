/**
 * @file The hosts that published sets are fetched from, and what stands in for them.
 *
 * `HF_ENDPOINT` names a mirror of the hub, `LLAVA_EVAL_GITHUB_RAW` one of GitHub's raw files; `HF_TOKEN`
 * goes to the hub alone.
 */

import { addressOf } from '../../domain/address.js';

export interface Hosts {
  /** Without a slash at the end. */
  readonly hub: string;
  readonly gitHubRaw: string;
  readonly hubHeaders: Readonly<Record<string, string>>;
}

/** @throws {UsageError} If a variable holds no address, or one with a user name or a password. */
export function hostsOf(environment: NodeJS.ProcessEnv): Hosts {
  const setting = (name: string): string | null => {
    const value = (environment[name] ?? '').trim();
    return value === '' ? null : value;
  };
  const address = (name: string, usual: string): string => addressOf(name, setting(name) ?? usual, usual);
  const token = setting('HF_TOKEN');
  return {
    hub: address('HF_ENDPOINT', 'https://huggingface.co'),
    gitHubRaw: address('LLAVA_EVAL_GITHUB_RAW', 'https://raw.githubusercontent.com'),
    hubHeaders: token === null ? {} : { authorization: `Bearer ${token}` },
  };
}
