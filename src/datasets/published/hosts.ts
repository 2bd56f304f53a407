/**
 * @file The hosts that published sets are fetched from, and what stands in for them.
 *
 * `HF_ENDPOINT` names a mirror of the hub, `LLAVA_EVAL_GITHUB_RAW` one of GitHub's raw files; `HF_TOKEN`
 * goes to the hub alone.
 */

export interface Hosts {
  /** Without a slash at the end. */
  readonly hub: string;
  readonly gitHubRaw: string;
  readonly hubHeaders: Readonly<Record<string, string>>;
}

export function hostsOf(environment: NodeJS.ProcessEnv): Hosts {
  const setting = (name: string): string | null => {
    const value = (environment[name] ?? '').trim();
    return value === '' ? null : value;
  };
  const withoutSlash = (url: string): string => url.replace(/\/+$/, '');
  const token = setting('HF_TOKEN');
  return {
    hub: withoutSlash(setting('HF_ENDPOINT') ?? 'https://huggingface.co'),
    gitHubRaw: withoutSlash(setting('LLAVA_EVAL_GITHUB_RAW') ?? 'https://raw.githubusercontent.com'),
    hubHeaders: token === null ? {} : { authorization: `Bearer ${token}` },
  };
}
