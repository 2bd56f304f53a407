/**
 * @file The data of a stream of server-sent events, one event after the other.
 *
 * Source: WHATWG HTML, section 9.2; vLLM sends one line of data an event, and `[DONE]` at the end.
 */

/** Most characters of one event: the largest one holds the log-probabilities of a whole prompt. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

/**
 * The `data` of each event up to `[DONE]`.
 *
 * @throws {Error} If the stream breaks, or one event is larger than any that belongs here.
 */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    if (rest.length > MOST_CHARACTERS)
      throw new Error(`an event has more than ${MOST_CHARACTERS} characters`);
    const lines = rest.split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice('data:'.length).trim();
      if (data === '[DONE]') return;
      yield data;
    }
  }
}
