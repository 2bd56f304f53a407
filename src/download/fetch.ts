/**
 * @file The `fetch` of this program. It is Node's own, through the proxy of the environment if there is one.
 *
 * By default Node ignores `HTTPS_PROXY` and `NO_PROXY`, but clusters and offices often reach the network by nothing
 * else. So where one of the variables is set, requests go through undici's agent for them.
 */

/** The part of `fetch` that is used here. Tests and other clients may pass their own. */
export type Fetch = typeof globalThis.fetch;

const PROXY_VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'] as const;

/** Whether the environment names a proxy. */
function namesProxy(environment: NodeJS.ProcessEnv): boolean {
  return PROXY_VARIABLES.some((name) => (environment[name] ?? '') !== '');
}

/**
 * A `fetch` that honours `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (or their lower-case forms).
 *
 * Without a proxy it is Node's own `fetch`, and undici is not loaded.
 */
export async function environmentFetch(environment: NodeJS.ProcessEnv = process.env): Promise<Fetch> {
  if (!namesProxy(environment)) return globalThis.fetch;
  const { EnvHttpProxyAgent, fetch } = await import('undici');
  const pick = (name: string): string | undefined =>
    environment[name] ?? environment[name.toUpperCase()] ?? undefined;
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: pick('http_proxy') ?? '',
    httpsProxy: pick('https_proxy') ?? '',
    noProxy: pick('no_proxy') ?? '',
  });
  return ((input: Parameters<typeof fetch>[0], init?: Parameters<typeof fetch>[1]) =>
    fetch(input, { ...init, dispatcher })) as unknown as Fetch;
}
