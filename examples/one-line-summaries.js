// Example (a): a compressor of one's own, as a pipeline.
//
//   llava-eval run --plugin ./one-line-summaries.js --pipelines no-context,one-line-summaries --limit 4
//
// It shows the first line of every retrieved chunk that declares something, and nothing else: the cheapest summary of a
// chunk there is. The program tokenizes it, cuts it to the budget and counts its time.

import { definePipeline } from 'llava-eval';

const DECLARES = /^\s*(?:export|import|from|class|interface|type|enum|function|async|const|def)\b/;

/** The first line that declares something, or else the first line. */
function summaryOf({ path, text }) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => DECLARES.test(one)) ?? lines[0] ?? '';
  return `${path}: ${line.trim()}`;
}

export default definePipeline({
  name: 'one-line-summaries',
  title: 'one line of each retrieved chunk',
  // Text within `--context-tokens`. With `softTokens: 'length'` it would obey `--compression-ratio`.
  needs: { retrieval: true, softTokens: 'none' },
  prepare(task, chunks) {
    const mark = task.language === 'python' || task.language === 'ruby' ? '#' : '//';
    const text = chunks.map((chunk) => `${mark} ${summaryOf(chunk)}\n`).join('');
    return [{ kind: 'text', text }];
  },
});
