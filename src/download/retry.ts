/**
 * @file When a failed request is worth another try, and how long to wait before it.
 */

/** Answers that say "not now" rather than "no". Source: RFC 9110 section 15, RFC 6585, RFC 8470. */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Tries in a row that bring no byte; each try that brings some starts the count again. */
export const MOST_FRUITLESS_TRIES = 5;

const FIRST_WAIT_MS = 500;
/** Longest wait between tries, also at a server's request. */
const LONGEST_WAIT_MS = 60_000;

export function isTemporary(status: number): boolean {
  return TEMPORARY.has(status);
}

/**
 * Milliseconds before the next try. They double from half a second. If the server asks for a longer wait, it gets it,
 * up to a minute.
 *
 * @param fruitless  Tries in a row without a byte, from 1.
 * @param retryAfter The header, if the server sent it: seconds or an HTTP date (RFC 9110 section 10.2.3).
 * @param now        Milliseconds since 1970.
 * @example waitBeforeTry(1, null, 0) // 500
 * @example waitBeforeTry(3, '7', 0) // 7000: longer than the 2000 of the third try
 */
export function waitBeforeTry(fruitless: number, retryAfter: string | null, now: number): number {
  const own = FIRST_WAIT_MS * 2 ** (fruitless - 1);
  return Math.min(LONGEST_WAIT_MS, Math.max(own, asked(retryAfter, now)));
}

function asked(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0;
  if (/^\d+$/.test(retryAfter.trim())) return Number(retryAfter) * 1000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? 0 : date - now;
}
