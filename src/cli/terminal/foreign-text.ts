/**
 * @file Output streams that show control characters of foreign text by their codes.
 *
 * Every command writes ids, paths, code and messages of strangers. The streams of its shell do the work once, so no
 * command can forget it. What this program itself draws on a terminal, such as a progress bar, goes to the stream
 * below.
 */

import { printable } from '../../domain/foreign-text.js';

/** The stream behind each stream that is shown to commands. */
const behind = new WeakMap<NodeJS.WritableStream, NodeJS.WritableStream>();

/** The stream that takes control characters as they are. */
export function rawStream(stream: NodeJS.WritableStream): NodeJS.WritableStream {
  return behind.get(stream) ?? stream;
}

/** The same stream, except that texts written to it are printable. */
export function printableStream(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const shown = new Proxy(stream, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key !== 'write') return value.bind(target) as unknown;
      return (chunk: Uint8Array | string, ...rest: unknown[]): unknown =>
        Reflect.apply(value, target, [typeof chunk === 'string' ? printable(chunk) : chunk, ...rest]);
    },
  });
  behind.set(shown, stream);
  return shown;
}
