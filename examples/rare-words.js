// Example (b): a retriever of one's own.
//
//   llava-eval run --plugin ./rare-words.js --retrievers rare-words --limit 4
//   llava-eval retrieve --plugin ./rare-words.js --dataset tiny --retriever rare-words --report
//
// A chunk scores the sum, over the words that it shares with the query, of one over the number of chunks that have the
// word. The retrieval profile has cut the chunks, makes the query, and says what is shown for a match.

import { defineRetriever } from 'llava-eval';

const wordsOf = (text) => new Set(text.match(/[A-Za-z_]\w+/g) ?? []);

export default defineRetriever({
  name: 'rare-words',
  title: 'shared words, weighted by their rarity',
  // Index time: once for each repository.
  index(chunks) {
    const words = chunks.map(({ text }) => wordsOf(text));
    const counts = new Map();
    for (const set of words) for (const word of set) counts.set(word, (counts.get(word) ?? 0) + 1);
    // What a user waits for: once for each task.
    return (query) => {
      const asked = [...wordsOf(query)];
      return words.map((set) =>
        asked.reduce((sum, word) => (set.has(word) ? sum + 1 / counts.get(word) : sum), 0),
      );
    };
  },
});
