/**
 * @file Tries one device in a process of its own and prints what happened as one line of JSON.
 *
 * Started by `probe.ts`. A driver that aborts takes only this process with it, and what native
 * libraries print does not reach the user's terminal.
 */

import { Tensor } from './runtime.js';

import { messageOf } from '../../domain/errors.js';
import { Graph } from '../../onnx/graph.js';
import { encodeModel } from '../../onnx/model-proto.js';
import { matMul } from '../../onnx/operators.js';
import { DEVICES } from '../../inference/device.js';
import { loadSession } from './load.js';
import { defaultThreads } from './threads.js';

/** Rows and columns of the timed product, which is about the work of one layer for 500 positions. */
const SIZE = 1024;
const WARM_UPS = 2;
const SAMPLES = 3;

/** Milliseconds of one SIZE x SIZE product, host to host; the best of a few. */
async function timeMatMul(device: (typeof DEVICES)[number]): Promise<number> {
  const graph = new Graph('probe');
  const input = graph.input('x', 'float32', [SIZE, SIZE]);
  const weight = graph.weight('w', 'float32', [SIZE, SIZE], () => new Float32Array(SIZE * SIZE).fill(0.5));
  graph.output('y', matMul(graph, input, weight));
  const session = await loadSession(encodeModel(graph), { device, threads: defaultThreads() });
  const x = new Tensor('float32', new Float32Array(SIZE * SIZE).fill(1), [SIZE, SIZE]);
  let best = Infinity;
  for (let run = 0; run < WARM_UPS + SAMPLES; run++) {
    const start = performance.now();
    const result = await session.run({ x });
    if (run >= WARM_UPS) best = Math.min(best, performance.now() - start);
    const corner = Number(result['y']?.data[0]);
    if (corner !== SIZE / 2) throw new Error(`computed ${corner} instead of ${SIZE / 2}`);
  }
  await session.release();
  return best;
}

const device = DEVICES.find((name) => name === process.argv[2]);
let line: string;
try {
  if (device === undefined) throw new Error(`not a device: ${process.argv[2] ?? 'none given'}`);
  line = JSON.stringify({ matMulMs: await timeMatMul(device) });
} catch (error) {
  line = JSON.stringify({ error: messageOf(error) });
}
process.stdout.write(`${line}\n`);
