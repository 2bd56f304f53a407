/**
 * @file What becomes of output that nobody takes.
 *
 * A pipe whose reader went away (`llava-eval datasets list | head -1`) ends the output and not the work: a run is
 * recorded to its end, and a gate keeps its verdict. Any other error is a failure, such as a full disk under
 * `> file`.
 */

import type { EventEmitter } from 'node:events';

/**
 * Keeps errors of a stream from ending the process with a stack trace.
 *
 * @param onFailure Told of the first error that is not a reader gone away.
 * @example guardOutput(process.stdout, (error) => { process.exitCode = 3; });
 */
export function guardOutput(stream: EventEmitter, onFailure: (error: Error) => void): void {
  let hasFailed = false;
  stream.on('error', (error: Error) => {
    const isReaderGone = 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
    if (isReaderGone || hasFailed) return;
    hasFailed = true;
    onFailure(error);
  });
}
