/**
 * @file Runs a decoder on WebGPU and prints what happened; started by `webgpu.test.ts`, which sets
 * the graphics driver in the environment.
 *
 * Arguments: decoder folder, prefix of the profile, ids as a JSON array, number of tokens, dtype. The ids twice are the
 * text that is scored behind the prompt, which takes several runs.
 */

import { tokenId } from '../../src/domain/units.js';
import { openDecoder } from '../../src/model/ort/open.js';

const [dir = '', profilePrefix = '', prompt = '[]', count = '0', dtype = 'fp32'] = process.argv.slice(2);
const ids: unknown = JSON.parse(prompt);
if (!Array.isArray(ids)) throw new TypeError('the prompt is not an array');

const decoder = await openDecoder(dir, {
  device: 'webgpu',
  dtype: dtype === 'fp16' ? 'fp16' : 'fp32',
  threads: 1,
  profilePrefix,
});
let step = await decoder.prefill(decoder.embed(ids.map((id) => tokenId(Number(id)))));
const tokens = [step.token];
const logits = [Array.from(step.logits)];
const text = ids.map((id) => tokenId(Number(id)));
const scores = Array.from(await decoder.logProbabilities({ ids: text.concat(text), end: null }, step));
// Another prompt in between, of another length and for its first token alone, must leave the cache as it is.
await decoder.firstTokenOnly(decoder.embed(ids.slice(0, 5).map((id) => tokenId(Number(id)))));
while (tokens.length < Number(count)) {
  step = await decoder.decode(step.token, step.cache);
  tokens.push(step.token);
  logits.push(Array.from(step.logits));
}
step.cache.dispose();
decoder.endProfiling();
await decoder.dispose();
process.stdout.write(`${JSON.stringify({ tokens, logits, scores })}\n`);
