import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ms } from '../../src/domain/units.js';
import type { DeviceProof } from '../../src/inference/device-proof.js';
import { renderLatencyReport, renderLatencyTable } from '../../src/report/terminal/latency-report.js';
import { summarizeLatency } from '../../src/report/numbers/latency-summary.js';
import { paperTimes, reductionOf } from '../../src/report/numbers/paper-latency.js';
import type { LatencySample } from '../../src/run/latency.js';
import { latencyRun, type LatencyRun } from '../../src/run/latency-json.js';

const CPU: DeviceProof = { device: 'cpu', source: 'only-provider', graphics: [], stages: [] };
const FALLBACK: DeviceProof = {
  device: 'webgpu',
  source: 'profile',
  graphics: ['NVIDIA Thing 9'],
  stages: [
    {
      stage: 'prefill',
      providers: [
        { provider: 'WebGpuExecutionProvider', nodes: 17, kernelMs: 1 },
        { provider: 'CPUExecutionProvider', nodes: 1, kernelMs: 1 },
      ],
      elsewhere: [{ operator: 'MatMul', provider: 'CPUExecutionProvider', nodes: 1 }],
    },
  ],
};

function runOf(decoder: string, maxNewTokens = 5, proof = CPU): LatencyRun {
  return latencyRun({
    given: {},
    spec: {
      program: { name: 'llava-eval', version: '0', onnxruntime: '0' },
      decoder: 'x',
      lengths: [{ fullRag: 2500, compressed: 2010, noContext: 2000 }],
      ...{
        softTokens: 10,
        maxNewTokens,
        rounds: 6,
        device: proof.device,
        dtype: 'fp32',
        threads: 2,
        seed: 0,
      },
    },
    fingerprint: 'abcdefabcdefabcdef',
    startedAt: 'then',
    finishedAt: 'later',
    hardware: { cpu: 'a processor', cores: 2, memoryGiB: 8, platform: 'linux', node: '20' },
    git: null,
    decoder: { name: decoder, hasRandomWeights: true, origin: null, files: {} },
    deviceProof: proof,
  });
}

/** Six rounds, each slower than the one before; compressed takes 0.8 of full-rag in each, no-context 0.75. */
function samples(measures: readonly LatencySample['measure'][] = ['first-token', 'line']): LatencySample[] {
  return [1, 2, 3, 4, 5, 6].flatMap((round) =>
    measures.flatMap((measure) => {
      const full = 1000 + 100 * round;
      const sample = (
        pipeline: LatencySample['pipeline'],
        ttft: number,
        isControl = false,
      ): LatencySample => ({
        ...{ round, lengths: 0, pipeline, measure, isControl },
        ...{ embedMs: ms(10), prefillMs: ms(ttft - 10), decodeMs: measure === 'line' ? ms(200) : null },
      });
      return [
        sample('full-rag', full),
        sample('full-rag', full * (round % 2 === 0 ? 1.001 : 0.999), true),
        sample('compressed', full * 0.8),
        sample('no-context', full * 0.75),
      ];
    }),
  );
}

describe('the summary of a latency run', () => {
  const { rows, noiseFloor, rounds } = summarizeLatency(runOf('synthetic:qwen2.5-coder-1.5b'), samples());
  const row = (measure: string, pipeline: string) =>
    rows.find((one) => one.measure === measure && one.pipeline === pipeline)!;

  test('takes medians over rounds and ratios within rounds', () => {
    assert.equal(rounds, 6);
    // Rounds take 1100, 1200, ... 1600 ms: median 1350; 0.8 of it is 1080.
    assert.equal(row('first-token', 'full-rag').ttftMs, 1350);
    assert.equal(row('first-token', 'compressed').ttftMs, 1080);
    const { p50, ci95 } = row('first-token', 'compressed').ttftRatio!;
    assert.ok(Math.abs(p50 - 0.8) < 1e-12);
    // The sign test over six rounds reaches from the smallest to the largest ratio, and all are 0.8.
    for (const end of ci95!) assert.ok(Math.abs(end - 0.8) < 1e-12);
    assert.equal(row('first-token', 'full-rag').ttftRatio, null);
  });

  test('time per token is decoding over the tokens behind the first; the line adds it to TTFT', () => {
    // 200 ms for five tokens are four steps of 50 ms; 1350 + 200 = 1550.
    assert.equal(row('line', 'full-rag').tokenMs, 50);
    assert.equal(row('line', 'full-rag').lineMs, 1550);
    // Ratios of lines by round: (0.8 f + 200) / (f + 200) for f = 1100 ... 1600; the median lies between those of
    // 1300 and 1400: (1240 / 1500 + 1320 / 1600) / 2 = 0.825833...
    assert.ok(Math.abs(row('line', 'compressed').lineRatio!.p50 - (1240 / 1500 + 1320 / 1600) / 2) < 1e-12);
    assert.equal(row('first-token', 'compressed').lineMs, null);
  });

  test('has the prediction of linear time, and the paper beside the compressed prompt alone', () => {
    assert.ok(Math.abs(row('first-token', 'compressed').linearReduction! - 490 / 2500) < 1e-12);
    assert.ok(Math.abs(row('first-token', 'no-context').linearReduction! - 0.2) < 1e-12);
    // Paper, 1.5B at 2500: 198.2 -> 159.3 ms for one token, 198.2 -> 156.6 ms for a line.
    assert.ok(Math.abs(row('first-token', 'compressed').paperReduction! - (1 - 159.3 / 198.2)) < 1e-12);
    assert.ok(Math.abs(row('line', 'compressed').paperReduction! - (1 - 156.6 / 198.2)) < 1e-12);
    assert.equal(row('line', 'no-context').paperReduction, null);
  });

  test('the noise floor is the first prompt against itself', () => {
    assert.ok(Math.abs(noiseFloor['first-token']!.p50 - 1) < 1e-9);
    assert.deepEqual(
      noiseFloor.line!.ci95!.map((end) => Math.round(end * 1000)),
      [999, 1001],
    );
  });

  test('a saving that noise alone makes is tied', () => {
    const noisy = samples(['first-token']).map((sample) =>
      sample.pipeline === 'compressed'
        ? { ...sample, prefillMs: ms(1000 + 100 * sample.round - 10 - 0.5) }
        : sample,
    );
    const summary = summarizeLatency(runOf('synthetic:nano', 1), noisy);
    const { verdict } = summary.rows.find(({ pipeline }) => pipeline === 'compressed')!.ttftRatio!;
    assert.equal(verdict, 'tied');
  });
});

describe('the paper', () => {
  test('has figures for the decoders and lengths of its table and for no other', () => {
    const lengths = { fullRag: 1500, compressed: 1010, noContext: null };
    assert.ok(Math.abs(reductionOf(paperTimes('Qwen/Qwen2.5-Coder-7B@main', lengths)!.line) - 0.3056) < 1e-4);
    assert.equal(paperTimes('synthetic:qwen2.5-coder-0.5b', lengths), null);
    assert.equal(paperTimes('synthetic:qwen2.5-coder-7b', { ...lengths, compressed: 1000 }), null);
  });

  test('its reductions are those that REFERENCE-style rounding gives: 19 to 38 % for a line', () => {
    const rounded = ['1.5b', '7b', '14b'].flatMap((size) =>
      [2500, 2000, 1500].map((fullRag) => {
        const lengths = { fullRag, compressed: fullRag - 490, noContext: null };
        return Math.round(100 * reductionOf(paperTimes(`synthetic:qwen2.5-coder-${size}`, lengths)!.line));
      }),
    );
    assert.deepEqual(rounded, [21, 28, 38, 19, 25, 31, 20, 25, 31]);
  });
});

describe('the report of a latency run', () => {
  const run = runOf('synthetic:qwen2.5-coder-14b');
  const text = renderLatencyTable(run, summarizeLatency(run, samples()));

  test('fits 80 columns with the paper beside it', () => {
    for (const line of text.split('\n')) assert.ok(line.length <= 80, `${line.length}: ${line}`);
    assert.match(text, /2010 {2}compressed +1080\.0 {2}20\.0 \[20\.0, 20\.0\] better +19\.6 +19\.5/);
    assert.match(text, /Device: cpu, the only provider/);
  });

  test('says what ran elsewhere, in the table and in report.md', () => {
    const fallen = runOf('synthetic:nano', 5, FALLBACK);
    const summary = summarizeLatency(fallen, samples());
    for (const shown of [renderLatencyTable(fallen, summary), renderLatencyReport(fallen, summary)]) {
      assert.match(
        shown.replace(/\s+/g, ' '),
        /NOT SHOWN TO BE ON THE DEVICE: 1 of 18 graph nodes of a prefill/,
      );
      assert.match(shown, /on webgpu \(NVIDIA Thing 9\)/);
    }
  });

  test('says that fewer than six rounds show nothing', () => {
    const few = samples().filter(({ round }) => round <= 5);
    assert.match(renderLatencyTable(run, summarizeLatency(run, few)), /Fewer than 6 rounds/);
  });
});
