/**
 * @file What can go wrong with a download, as errors and in words.
 */

import { DownloadError, messageOf } from '../domain/errors.js';

/** A download, as far as messages name it. */
interface Named {
  readonly url: string;
  readonly file: string;
}

export const RESUME = 'what was received is kept; the same command goes on from there';

/** The status of an answer, in words. */
export function statusOf(response: Response): string {
  return `the server answered ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}`;
}

/** An answer that another try would not change. */
export function refusal(job: Named, response: Response): DownloadError {
  const message = `${job.url}: ${statusOf(response)}`;
  switch (response.status) {
    case 401:
    case 403:
      return new DownloadError('unauthorized', message, [
        'the file needs a login or an agreement to its terms',
      ]);
    case 404:
    case 410:
      return new DownloadError('not-found', message, ['the file has moved, or the address has a slip in it']);
    default:
      return new DownloadError('refused', message);
  }
}

/** Several tries in a row that brought no byte. */
export function unreachable(job: Named, why: string, tries: number): DownloadError {
  return new DownloadError('unreachable', `${job.url}: ${why} (${tries} tries)`, [
    'the proxy of HTTPS_PROXY is used where the environment names one',
    RESUME,
  ]);
}

/** A file that is larger than the caller accepts. */
export function tooLarge(job: Named, bytes: number, most: number): DownloadError {
  return new DownloadError(
    'too-large',
    `${job.url}: has ${bytes} bytes or more, at most ${most} are accepted`,
    ['it is not the file that was meant'],
  );
}

/** The disk refuses the file. */
export function notWritable(job: Named, cause: unknown): DownloadError {
  return new DownloadError(
    'not-writable',
    `${job.file}: cannot be written: ${messageOf(cause)}`,
    ['make room, or choose another folder', RESUME],
    { cause },
  );
}

/** The innermost reason. `fetch` itself says only "fetch failed" and hides the reason in its cause. */
export function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : '';
  const message = messageOf(inner);
  if (message === '') return code;
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}
