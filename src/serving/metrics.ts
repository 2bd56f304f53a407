/**
 * @file What a server says of itself at `/metrics`, in the text format of Prometheus.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4; vLLM `docs/usage/metrics.md`.
 */

import type { ServedTimes } from './facts.js';

/** One line of the page. */
export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** The samples of a page; lines that are none are left out. */
export function parseMetrics(page: string): Sample[] {
  return page.split('\n').flatMap((line) => {
    const [, name, labels = '', value] =
      /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([+-]?[\d.]\S*|[+-]?Inf|NaN)/.exec(line) ?? [];
    if (name === undefined || value === undefined) return [];
    return [{ name, labels: parseLabels(labels), value: numberOf(value) }];
  });
}

function parseLabels(text: string): Map<string, string> {
  const pairs = text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g);
  return new Map(
    Array.from(pairs, ([, name, value]) => [
      name!,
      value!.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
    ]),
  );
}

function numberOf(text: string): number {
  if (/^[+]?Inf$/.test(text)) return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

/** The sum of all samples of a name, over models and engines; null if there is none. */
export function totalOf(samples: readonly Sample[], ...names: readonly string[]): number | null {
  const values = samples.flatMap(({ name, value }) => (names.includes(name) ? [value] : []));
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

/** The labels of an information sample of vLLM, such as `vllm:cache_config_info`; null if it has none. */
export function infoOf(samples: readonly Sample[], name: string): ReadonlyMap<string, string> | null {
  return samples.find((sample) => sample.name === name)?.labels ?? null;
}

/** Of the requests that a server has answered so far; each sum in seconds. */
export interface ServerTimes {
  readonly requests: number;
  /** From the arrival of a request to its first token. */
  readonly firstTokenSeconds: number;
  /** Null where the server counts no such time. */
  readonly queueSeconds: number | null;
  readonly prefillSeconds: number | null;
}

/** Means over the requests between two readings of the counters; null if there was none, or a counter began anew. */
export function timesBetween(before: ServerTimes, after: ServerTimes): ServedTimes | null {
  const requests = after.requests - before.requests;
  if (requests <= 0) return null;
  const mean = (from: number, to: number): number => Math.max(0, ((to - from) / requests) * 1000);
  const perhaps = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : mean(from, to);
  return {
    requests,
    firstTokenMs: mean(before.firstTokenSeconds, after.firstTokenSeconds),
    queueMs: perhaps(before.queueSeconds, after.queueSeconds),
    prefillMs: perhaps(before.prefillSeconds, after.prefillSeconds),
  };
}

/** The counters of several servers as those of one; null if one of them has none. */
export function together(times: readonly (ServerTimes | null)[]): ServerTimes | null {
  const [first, ...more] = times;
  if (first === undefined || first === null) return null;
  const sum = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : a + b;
  return more.reduce<ServerTimes | null>(
    (all, one) =>
      all === null || one === null
        ? null
        : {
            requests: all.requests + one.requests,
            firstTokenSeconds: all.firstTokenSeconds + one.firstTokenSeconds,
            queueSeconds: sum(all.queueSeconds, one.queueSeconds),
            prefillSeconds: sum(all.prefillSeconds, one.prefillSeconds),
          },
    first,
  );
}

/** Counters of times; null where the server has none. */
export function serverTimes(samples: readonly Sample[]): ServerTimes | null {
  const requests = totalOf(samples, 'vllm:time_to_first_token_seconds_count');
  const firstTokenSeconds = totalOf(samples, 'vllm:time_to_first_token_seconds_sum');
  if (requests === null || firstTokenSeconds === null) return null;
  return {
    ...{ requests, firstTokenSeconds },
    queueSeconds: totalOf(samples, 'vllm:request_queue_time_seconds_sum'),
    prefillSeconds: totalOf(samples, 'vllm:request_prefill_time_seconds_sum'),
  };
}
