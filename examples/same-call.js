// Example (c): a metric of one's own, as a metric profile.
//
//   llava-eval run --plugin ./same-call.js --metric-profile same-call --limit 4
//   llava-eval score --plugin ./same-call.js --profile same-call --predictions p.jsonl --references tiny
//
// EM asks for the same line, white space at its ends left out. The extra score asks only whether the line calls the
// same functions. ES is the Levenshtein similarity of the two texts, as the program computes it where a profile gives
// none.

import { defineMetricProfile } from 'llava-eval';

const callsIn = (text) => [...text.matchAll(/([A-Za-z_$][\w$]*)\s*\(/g)].map(([, name]) => name).join(' ');

export default defineMetricProfile({
  name: 'same-call',
  // Raise it whenever a score can change: runs of two versions are not compared.
  version: 1,
  rule: 'the first line is compared, white space at its ends left out',
  extras: [{ name: 'sameCalls', title: 'same functions called' }],
  compared: (completion) => completion.split('\n', 1)[0].trim(),
  score: (compared, { reference }) => ({
    exactMatch: compared === reference.trim() ? 1 : 0,
    extras: { sameCalls: callsIn(compared) === callsIn(reference) ? 1 : 0 },
  }),
  // Nothing behind the first line is compared, so decoding may end there.
  isSettled: (completion) => completion.includes('\n'),
});
