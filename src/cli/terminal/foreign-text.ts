/**
 * @file Output streams that show control characters of foreign text by their codes.
 *
 * Every command writes ids, paths, code and messages of strangers. The streams of its shell do the work once, so no
 * command can forget it. What this program itself draws on a terminal, such as a progress bar, goes to the stream
 * below.
 */

import { printable } from '../../domain/foreign-text.js';

/** The stream behind each stream that is shown to commands. */
const behind = new WeakMap<NodeJS.WriteStream, NodeJS.WriteStream>();

/** The stream that takes control characters as they are. */
export function rawStream(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return behind.get(stream) ?? stream;
}

/** The same stream, except that texts written to it are printable. */
export function printableStream(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = (chunk: Uint8Array | string, ...rest: unknown[]): unknown =>
    Reflect.apply(stream.write, stream, [typeof chunk === 'string' ? printable(chunk) : chunk, ...rest]);
  const shown = new Proxy(stream, {
    get(target, key) {
      if (key === 'write') return write;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  behind.set(shown, stream);
  return shown;
}
