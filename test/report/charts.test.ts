/**
 * The charts by their geometry: where marks stand, worked out by hand from the numbers that they show.
 *
 * A heading of one title line and one note line is 55 high in a wide chart (16 margin + 19 + 16 + 4) and 53 in a
 * narrow one (16 + 18 + 15 + 4). Coordinates have two decimals.
 */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { drawCharts, type ChartInput, type DrawnChart } from '../../src/report/charts/charts.js';
import { logScale } from '../../src/report/charts/pareto.js';
import { createRng, type Rng } from '../../src/tensor/rng.js';
import { readSvg, type Box, type Drawing, type DrawnShape, type DrawnText } from '../support/svg.js';

type Of<K extends ChartInput['kind']> = Extract<ChartInput, { kind: K }>;
type Point = Of<'pareto'>['points'][number];
type Group = Of<'differences'>['groups'][number];

const LATENCY = { id: 'ttft', kind: 'latency', title: 'T', note: 'N' } as const;
const STAGES = { id: 'stages', kind: 'stages', title: 'T', note: 'N' } as const;
const DIFFERENCES = { id: 'retrievers', kind: 'differences', title: 'T', note: 'N' } as const;
const PARETO = { id: 'pareto', kind: 'pareto', title: 'T', note: 'N' } as const;

async function drawn(input: ChartInput): Promise<{ readonly wide: Drawing; readonly narrow: Drawing }> {
  const [chart] = await drawCharts([input]);
  return { wide: readSvg(chart!.wide), narrow: readSvg(chart!.narrow) };
}

/** Equal to what two decimals can show, and what two roundings added up can lose. */
function near(actual: number, expected: number, what = ''): void {
  assert.ok(Math.abs(actual - expected) <= 0.011, `${what}: ${actual}, expected ${expected}`);
}

function nearBox(actual: Box, expected: Box, what = ''): void {
  for (const [i, side] of ['left', 'top', 'right', 'bottom'].entries()) {
    near(actual[i]!, expected[i]!, `${what} ${side}`);
  }
}

const width = ({ box }: DrawnShape): number => box[2] - box[0];
const height = ({ box }: DrawnShape): number => box[3] - box[1];
const isAbout = (a: number, b: number): boolean => Math.abs(a - b) < 0.02;

/** Bars and boxes of a thickness. */
const bars = (drawing: Drawing, thickness: number): DrawnShape[] =>
  drawing.shapes.filter((shape) => shape.corners.length === 4 && isAbout(height(shape), thickness));

const textAt = (drawing: Drawing, text: string): DrawnText => {
  const found = drawing.texts.filter((one) => one.text === text);
  assert.equal(found.length, 1, `${text} stands ${found.length} times in the chart`);
  return found[0]!;
};

/** Labels of a horizontal axis: those that stand on one line between two heights and are numbers. */
function ticks(drawing: Drawing, [from, to]: readonly [number, number]): DrawnText[] {
  return drawing.texts.filter(({ text, y }) => y > from && y < to && /^[+−]?[\d.,]+k?$/.test(text));
}

describe('logScale', () => {
  test('leaves 15 % of room on both sides, and ticks at 1, 2 and 5 where three of them fit', () => {
    assert.deepEqual(logScale(10, 100), { domain: [10 / 1.15, 100 * 1.15], ticks: [10, 20, 50, 100] });
    assert.deepEqual(logScale(0.3, 3).ticks, [0.5, 1, 2]);
  });

  test('takes finer ticks where the range is small, and the two ends where even these do not fit', () => {
    // 10 / 1.15 = 8.7 and 40 x 1.15 = 46: of 1, 2 and 5 only 10 and 20 are within.
    assert.deepEqual(logScale(10, 40).ticks, [9, 10, 15, 20, 30, 40]);
    // 124 / 1.15 = 107.8 and 126 x 1.15 = 144.9: the finer list goes from 100 to 150.
    assert.deepEqual(logScale(124, 126).ticks, [124, 126]);
  });

  test('holds all values, and has a tick within a factor of 2.5 of each', () => {
    const rng = createRng(7);
    for (let round = 0; round < 500; round++) {
      const lowest = 10 ** (6 * rng.next() - 3);
      const highest = lowest * 10 ** (4 * rng.next() ** 2);
      const { domain, ticks } = logScale(lowest, highest);
      assert.ok(domain[0] < lowest && highest < domain[1], domain.join());
      assert.ok(ticks.length >= 2, ticks.join());
      const stops = [domain[0], ...ticks, domain[1]];
      for (const [i, stop] of stops.entries()) {
        if (i === 0) continue;
        const step = stop / stops[i - 1]!;
        // Ends are rounded to three digits, so they may change places with each other where they are equal.
        assert.ok(step >= 1 && step <= 2.5 + 1e-9, `${lowest} to ${highest}: ${stops.join(', ')}`);
      }
    }
  });
});

describe('the latency chart', () => {
  // Wide: the rows begin at 16 + 190 = 206 and are 880 - 206 - 60 - 16 = 598 long, 36 high, the first from 55 + 12 = 67.
  // Values from 10 to 40 are drawn on [10/1.15, 46]: x(v) = 206 + 598 ln(1.15 v / 10) / ln(4 x 1.15^2).
  const x = (v: number): number => 206 + (598 * Math.log(0.115 * v)) / Math.log(4 * 1.15 ** 2);

  test('draws every task, the middle half as a box and the median as a bar at its number', async () => {
    const { wide } = await drawn({
      ...LATENCY,
      rows: [{ name: 'first', position: 0, ttftMs: [10, 20, 40] }],
    });
    // 20 is the geometric middle of 10 and 40: half of 598.
    near(x(20), 206 + 299);
    // ln 1.15 / ln 5.29 = 0.139762 / 1.665818 = 0.083900.
    near(x(10), 206 + 50.17);
    const dots = wide.shapes.filter((shape) => isAbout(width(shape), 3) && isAbout(height(shape), 3));
    assert.deepEqual(dots.length, 3);
    for (const [i, v] of [10, 20, 40].entries()) near(dots[i]!.x, x(v), `dot of ${v}`);
    // Around the middle of the row, 67 + 18 = 85: ((0, 0.618, 1.236) mod 1 - 0.5) x 16 = -8, 1.89, -4.22.
    for (const [i, dy] of [-8, 1.89, -4.22].entries()) near(dots[i]!.y, 85 + dy, `height of dot ${i}`);
    // The quartiles of three values lie between them: 15 and 30. Below 64 tasks there is no tail to draw.
    const [box] = bars(wide, 16);
    nearBox(box!.box, [x(15), 77, x(30), 93], 'box');
    nearBox(bars(wide, 1.5)[0]!.box, [x(15), 84.25, x(30), 85.75], 'whisker');
    nearBox(bars(wide, 20)[0]!.box, [x(20) - 1.5, 75, x(20) + 1.5, 95], 'median');
    assert.ok(isAbout(textAt(wide, '20.0').x, 864), 'the number ends at the margin');
  });

  test('draws the tails from 64 tasks on, as the tenth and the ninetieth percentile', async () => {
    const ttftMs = Array.from({ length: 101 }, (_, i) => 100 + i);
    const { wide } = await drawn({ ...LATENCY, rows: [{ name: 'r', position: 1, ttftMs }] });
    // On [100/1.15, 230]: x(v) = 206 + 598 ln(1.15 v / 100) / ln(2 x 1.15^2); of 100 + i the q-quantile is 100 + 100 q.
    const at = (v: number): number => 206 + (598 * Math.log(0.0115 * v)) / Math.log(2 * 1.15 ** 2);
    nearBox(bars(wide, 1.5)[0]!.box, [at(110), 84.25, at(190), 85.75], 'whisker');
    nearBox(bars(wide, 16)[0]!.box, [at(125), 77, at(175), 93], 'box');
    near(bars(wide, 20)[0]!.x, at(150), 'median');
  });

  test('has no dots above 400 tasks, and stands a time of 0 at a thousandth', async () => {
    const ttftMs = Array.from({ length: 401 }, () => 5);
    const { wide } = await drawn({
      ...LATENCY,
      rows: [
        { name: 'many', position: 1, ttftMs },
        { name: 'zero', position: 0, ttftMs: [0] },
      ],
    });
    const dots = wide.shapes.filter((shape) => isAbout(width(shape), 3) && isAbout(height(shape), 3));
    assert.equal(dots.length, 1);
    // On [0.001/1.15, 5.75]: 0.001 is ln 1.15 / ln(5000 x 1.3225) = 0.139762 / 8.796715 = 0.015888 from the left.
    near(dots[0]!.x, 206 + 598 * 0.015888);
  });

  test('keeps the rows in the order given, names beside them, above them where it is narrow', async () => {
    const rows = ['first', 'second', 'third'].map((name, i) => ({
      name,
      position: 0,
      ttftMs: [10 * 2 ** i],
    }));
    const { wide, narrow } = await drawn({ ...LATENCY, rows });
    // Values 10, 20, 40; the same scale as above. Rows are 36 apart.
    for (const [i, box] of bars(wide, 20).entries()) {
      near(box.x, x(10 * 2 ** i));
      near(box.y, 67 + 36 * i + 18);
      const name = textAt(wide, rows[i]!.name);
      // A base line is 4 px below the middle of its text.
      assert.deepEqual([name.x, name.y], [194, 67 + 36 * i + 18 + 4]);
    }
    // Narrow: from 16 + 8 = 24, 358 - 24 - 60 - 16 = 258 long; rows of 48 from 53 + 12 = 65, bars 9 below the middle.
    for (const [i, box] of bars(narrow, 20).entries()) {
      near(box.x, 24 + ((x(10 * 2 ** i) - 206) / 598) * 258);
      near(box.y, 65 + 48 * i + 24 + 9);
      const name = textAt(narrow, rows[i]!.name);
      assert.equal(name.x, 24);
      assert.ok(name.box[3] < box.box[1] && name.box[1] > 65 + 48 * i, 'the name stands above its bar');
    }
    assert.equal(wide.height, 67 + 3 * 36 + 44);
    assert.equal(narrow.height, 65 + 3 * 48 + 44);
  });

  test('makes room for a name that is wider than usual', async () => {
    const long = 'compressed-random/jaccard+unixcoder k=10';
    const rows = [10, 20, 40].map((v) => ({ name: v === 20 ? long : 'r', position: 0, ttftMs: [v] }));
    const { wide } = await drawn({ ...LATENCY, rows });
    // 40 letters of 0.56 x 12 px take 268.8, so the gutter is 269 and the rows begin at 16 + 269 = 285.
    const name = textAt(wide, long);
    near(name.x, 285 - 12);
    near(name.box[0], 4.2);
    // 880 - 285 - 60 - 16 = 519 long; 20 is the geometric middle.
    near(bars(wide, 20)[1]!.x, 285 + 259.5);
  });

  test('has ticks where their numbers are', async () => {
    const { wide } = await drawn({
      ...LATENCY,
      rows: [{ name: 'r', position: 0, ttftMs: [10, 40] }],
    });
    const labels = ticks(wide, [67 + 36, 67 + 36 + 20]);
    assert.deepEqual(
      labels.map(({ text }) => text),
      ['9', '10', '15', '20', '30', '40'],
    );
    // An axis stands half a pixel to the right, so that its lines are sharp.
    for (const label of labels) near(label.x, x(Number(label.text)) + 0.5, `tick ${label.text}`);
    const grid = wide.shapes.filter((shape) => shape.kind === 'line' && isAbout(height(shape), 36));
    for (const [i, line] of grid.entries()) {
      assert.ok(Math.abs(line.x - labels[i]!.x) <= 0.51, 'a line is drawn on a whole pixel beside its tick');
    }
    assert.equal(grid.length, labels.length);
  });
});

describe('the stages chart', () => {
  const rows = [
    { name: 'long', meanMs: { retrieve: 10, tokenize: 20, encode: 30, project: 15, prefill: 25 } },
    { name: 'short', meanMs: { retrieve: 0, tokenize: 1, encode: 0, project: 0, prefill: 50 } },
  ];
  // Wide: from 206, 880 - 206 - 116 - 16 = 542 long for 0 to 1.02 x 100; the legend takes one line of 20.
  // Rows of 30 from 55 + 20 + 20 = 95.
  const x = (ms: number): number => 206 + (542 * ms) / 102;

  test('stacks the stages of each row end to end, prefill first, as long as they take', async () => {
    const { wide } = await drawn({ ...STAGES, rows });
    const pieces = bars(wide, 16);
    const expected = [
      [0, 25],
      [25, 35],
      [35, 55],
      [55, 85],
      [85, 100],
      [0, 50],
      [50, 50],
      [50, 51],
      [51, 51],
      [51, 51],
    ];
    assert.equal(pieces.length, expected.length);
    for (const [i, [from, to]] of expected.entries()) {
      const middle = 95 + (i < 5 ? 15 : 45);
      nearBox(pieces[i]!.box, [x(from!), middle - 8, x(to!), middle + 8], `piece ${i}`);
    }
  });

  test('names the stages in the order in which they are drawn, each with the colour of its piece', async () => {
    const { wide } = await drawn({ ...STAGES, rows });
    const keys = wide.shapes.filter((shape) => isAbout(width(shape), 8.94) && isAbout(height(shape), 8.94));
    assert.deepEqual(
      keys.map(({ fill }) => fill),
      bars(wide, 16)
        .slice(0, 5)
        .map(({ fill }) => fill),
    );
    assert.equal(new Set(keys.map(({ fill }) => fill)).size, 5);
    const names = ['prefill (warm TTFT)', 'retrieve', 'tokenize', 'encode chunks', 'project'];
    // An entry takes 18 + 0.56 x 12 a letter + 14: 159.68 for the first.
    near(keys[1]!.x - keys[0]!.x, 18 + 0.56 * 12 * 19 + 14);
    for (const [i, name] of names.entries()) near(textAt(wide, name).x, keys[i]!.x + 12, name);
  });

  test('prints the warm and the cold time of each row at its height', async () => {
    const { wide, narrow } = await drawn({ ...STAGES, rows });
    for (const [text, row] of [
      ['25.0 | 100.0', 0],
      ['50.0 | 51.0', 1],
    ] as const) {
      assert.deepEqual([textAt(wide, text).x, textAt(wide, text).y], [864, 95 + 30 * row + 15 + 4]);
      // Narrow: the legend takes two lines of 19, so rows of 46 begin at 53 + 38 + 20 = 111.
      assert.equal(textAt(narrow, text).x, 342);
      near(textAt(narrow, text).y, 111 + 46 * row + 23 + 9 + 3);
    }
  });

  test('has ticks where their numbers are, the first at 0 and the last at the longest', async () => {
    const { wide } = await drawn({ ...STAGES, rows });
    const labels = ticks(wide, [95 + 60, 95 + 60 + 20]);
    assert.deepEqual(
      labels.map(({ text }) => Number(text)),
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
    );
    for (const label of labels) near(label.x, x(Number(label.text)) + 0.5, label.text);
  });
});

describe('the differences chart', () => {
  const groups: readonly Group[] = [
    {
      title: 'one',
      rows: [
        {
          position: 1,
          name: 'a',
          points: [
            { value: 1, low: -1, high: 2, isShown: false },
            { value: -10, low: -20, high: -5, isShown: true },
          ],
        },
        {
          position: 3,
          name: 'b',
          points: [{ value: -2, low: -2.5, high: -0.5, isShown: true }, null],
        },
      ],
    },
    {
      title: 'two',
      rows: [
        {
          position: 1,
          name: 'c',
          points: [null, { value: -30, low: -40, high: -25, isShown: true }],
        },
      ],
    },
  ];
  const panels = [
    { title: 'EM', better: 'higher' },
    { title: 'TTFT', better: 'lower' },
  ] as const;
  // Wide: from 16 + 210 = 226, two panels of (880 - 226 - 16 - 26) / 2 = 306 with a gap of 26; the body from 55 + 10 + 26 = 91.
  // A group's title takes 28, a row 26: rows at 28 + 13 = 41, 67, and 28 + 2 x 26 + 28 + 13 = 121.
  const rowY = [91 + 41, 91 + 67, 91 + 121] as const;
  // The first panel reaches 1.12 x 2.5 = 2.8 to both sides.
  const x = (v: number): number => 226 + (306 * (v + 2.8)) / 5.6;

  const intervals = (drawing: Drawing): DrawnShape[] =>
    drawing.shapes.filter((shape) => shape.kind === 'line' && height(shape) === 0 && width(shape) > 0);
  const symbols = (drawing: Drawing): DrawnShape[] =>
    drawing.shapes.filter((shape) => shape.kind === 'path' && shape.fill !== null);

  test('draws each difference at its value, on a line from the low to the high end of its interval', async () => {
    const { wide } = await drawn({ ...DIFFERENCES, groups, panels: panels.slice(0, 1) });
    // One panel alone has the whole width: 880 - 226 - 16 = 638.
    const at = (v: number): number => 226 + (638 * (v + 2.8)) / 5.6;
    const [first, second] = intervals(wide);
    assert.equal(intervals(wide).length, 2);
    nearBox(first!.box, [at(-1), rowY[0], at(2), rowY[0]], 'a');
    nearBox(second!.box, [at(-2.5), rowY[1], at(-0.5), rowY[1]], 'b');
    assert.deepEqual(symbols(wide).length, 2);
    near(symbols(wide)[0]!.x, at(1));
    near(symbols(wide)[1]!.x, at(-2));
    // 226 + 638 x 3.8 / 5.6 = 658.93.
    near(symbols(wide)[0]!.x, 658.93);
  });

  test('fills the symbol of a difference that is shown, and leaves the others hollow', async () => {
    const { wide } = await drawn({ ...DIFFERENCES, groups, panels: panels.slice(0, 1) });
    const [hollow, filled] = symbols(wide);
    assert.notEqual(hollow!.fill, hollow!.stroke);
    assert.equal(filled!.fill, filled!.stroke);
  });

  test('puts a second panel beside the first with the same rows, and nothing where a point is missing', async () => {
    const { wide } = await drawn({ ...DIFFERENCES, groups, panels });
    const marks = symbols(wide);
    assert.equal(marks.length, 4);
    near(marks[0]!.x, x(1));
    near(marks[1]!.x, x(-2));
    const second = marks.slice(2);
    for (const [i, row] of [0, 2].entries()) near(intervals(wide)[2 + i]!.y, rowY[row]!);
    // The second panel begins at 226 + 306 + 26 = 558. Further left is faster.
    assert.ok(
      second.every((mark) => mark.x > 558 && mark.x < 864),
      'within the second panel',
    );
    assert.ok(second[1]!.x < second[0]!.x, 'the faster one is further left');
    for (const [i, mark] of second.entries()) {
      const [low, , high] = intervals(wide)[2 + i]!.box;
      assert.ok(low < mark.x && mark.x < high, `${low} ${mark.x} ${high}`);
    }
    assert.match(textAt(wide, 'worse ←  → better').text, /better$/);
    assert.ok(textAt(wide, 'better ←  → worse').x > 558, 'below the second panel');
  });

  test('draws the line of no difference through all rows, where the tick 0 stands', async () => {
    const { wide } = await drawn({ ...DIFFERENCES, groups, panels });
    const zero = wide.shapes.filter(
      (shape) => shape.kind === 'line' && isAbout(height(shape), 134) && isAbout(shape.x, x(0)),
    );
    // 2 groups x 28 + 3 rows x 26 = 134. The middle of [-2.8, 2.8] is 226 + 153 = 379.
    assert.ok(zero.length >= 1, 'there is a line at 0');
    nearBox(zero.at(-1)!.box, [379, 91, 379, 91 + 134], 'zero');
    const labels = ticks(wide, [91 + 134, 91 + 134 + 20]).filter((label) => label.x < 226 + 306 + 10);
    assert.deepEqual(
      labels.map(({ text }) => text),
      ['−2', '−1', '0', '+1', '+2'],
    );
    for (const { text, x: at } of labels) near(at, x(Number(text.replace('−', '-'))) + 0.5, text);
  });

  test('places changes by their logarithm: a half and a double are equally far from no change', async () => {
    const point = (value: number) => ({ value, low: value, high: value, isShown: true });
    const changes = [-50, 100, 300].map((value, position) => ({
      ...{ position, name: `r${position}`, points: [point(value)] },
    }));
    const { wide } = await drawn({
      ...DIFFERENCES,
      groups: [{ title: 'g', rows: changes }],
      panels: [{ title: 'TTFT', better: 'lower', scale: 'change' }],
    });
    // Fourfold reaches ln 4 x 1.12 to both sides: x(v) = 226 + 319 (1 + ln(1 + v / 100) / (1.12 ln 4)).
    const at = (v: number): number => 226 + 319 * (1 + Math.log(1 + v / 100) / (1.12 * Math.log(4)));
    assert.deepEqual(symbols(wide).length, 3);
    for (const [i, value] of [-50, 100, 300].entries()) near(symbols(wide)[i]!.x, at(value), `${value} %`);
    near(at(0) - at(-50), at(100) - at(0), 'half and double');
    // Body from 91: a title of 28 and three rows of 26.
    const labels = ticks(wide, [91 + 106, 91 + 106 + 20]);
    assert.deepEqual(
      labels.map(({ text }) => text),
      ['−75', '0', '+300'],
    );
    for (const { text, x: found } of labels) near(found, at(Number(text.replace('−', '-'))) + 0.5, text);
  });

  test('has no tick of a fall by 100 % or more, however large the changes are', async () => {
    for (const most of [0.4, 3, 20, 80, 99.5, 900]) {
      const value = most > 100 ? most : -most;
      const { wide } = await drawn({
        ...DIFFERENCES,
        groups: [
          {
            title: 'g',
            rows: [
              { position: 1, name: 'a', points: [{ value, low: value, high: value / 2, isShown: true }] },
            ],
          },
        ],
        panels: [{ title: 'TTFT', better: 'lower', scale: 'change' }],
      });
      const numbers = ticks(wide, [91 + 54, 91 + 54 + 20]).map(({ text }) =>
        Number(text.replace('−', '-').replace('+', '')),
      );
      assert.ok(numbers.length >= 2 && numbers.includes(0), `${value}: ${numbers.join(' ')}`);
      assert.ok(Math.min(...numbers) > -100, `${value}: ${numbers.join(' ')}`);
    }
  });

  test('spends little room on the side where nothing lies', async () => {
    const positive = [
      {
        title: 'g',
        rows: [
          {
            position: 1,
            name: 'a',
            points: [{ value: 4, low: 2, high: 5, isShown: true }],
          },
        ],
      },
    ];
    const { wide } = await drawn({ ...DIFFERENCES, groups: positive, panels: panels.slice(0, 1) });
    // 1.12 x 5 = 5.6 to the right, 0.15 x 5.6 = 0.84 to the left: x(v) = 226 + 638 (v + 0.84) / 6.44.
    near(symbols(wide)[0]!.x, 226 + (638 * 4.84) / 6.44);
    nearBox(intervals(wide)[0]!.box, [226 + (638 * 2.84) / 6.44, 132, 226 + (638 * 5.84) / 6.44, 132]);
  });

  test('stacks the panels where it is narrow, each with the names above its rows', async () => {
    const { wide, narrow } = await drawn({ ...DIFFERENCES, groups, panels });
    // Rows of 40: the body takes 2 x 28 + 3 x 40 = 176, a block 74 more.
    assert.equal(narrow.height, 53 + 10 + 2 * (176 + 74));
    assert.equal(wide.height, 55 + 10 + 134 + 74);
    assert.equal(narrow.texts.filter(({ text }) => text === 'a').length, 2);
    assert.equal(wide.texts.filter(({ text }) => text === 'a').length, 1);
    const [first] = symbols(narrow);
    // From 24, 358 - 24 - 16 = 318 long.
    near(first!.x, 24 + (318 * 3.8) / 5.6);
    near(intervals(narrow)[0]!.y, 53 + 10 + 26 + 28 + 20 + 8);
  });
});

describe('the pareto chart', () => {
  const point = (
    pipeline: Point['pipeline'],
    topK: number | null,
    [low, p50, high]: readonly [number, number, number],
    es: readonly [number, number, number],
    rest: Partial<Point> = {},
  ): Point => ({
    pipeline,
    position: pipeline === 'no-context' ? 0 : pipeline === 'full-rag' ? 1 : 3,
    retriever: topK === null ? null : 'bm25',
    topK,
    ttft: { p50, ci95: [low, high] },
    es: { mean: es[1], ci95: [es[0], es[2]] },
    em: { mean: es[1] / 2, ci95: null },
    ...rest,
  });
  const points = [
    point('no-context', null, [10, 12, 14], [45, 50, 55]),
    // Listed from large to small k: a curve goes by k all the same.
    point('full-rag', 10, [38, 39, 40], [65, 70, 75]),
    point('full-rag', 1, [19, 20, 21], [55, 60, 65]),
  ];
  // Wide, one retriever: two panels of (880 - 2 x 16 - 2 x 46 - 18) / 2 = 369 by 210, from 16 + 46 = 62 and
  // 62 + 369 + 46 + 18 = 495; the legend takes 20, so they begin at 55 + 20 + 26 = 101.
  // TTFT from 10 to 40: x(v) = 62 + 369 ln(0.115 v) / ln(4 x 1.15^2). ES ends from 45 to 75 with 12 % of 30 = 3.6 of room:
  // y(v) = 101 + 210 (78.6 - v) / 37.2.
  const x = (v: number): number => 62 + (369 * Math.log(0.115 * v)) / Math.log(4 * 1.15 ** 2);
  const y = (v: number): number => 101 + (210 * (78.6 - v)) / 37.2;
  const inFirst = (shape: { readonly x: number; readonly y: number }): boolean =>
    shape.x > 62 && shape.x < 431 && shape.y > 101 && shape.y < 311;
  const symbols = (drawing: Drawing): DrawnShape[] =>
    drawing.shapes.filter((shape) => shape.kind === 'path' && shape.fill !== null && shape.y > 101);

  test('stands each configuration at its TTFT and its quality', async () => {
    const { wide } = await drawn({ ...PARETO, points });
    const [bare, large, small] = symbols(wide).filter(inFirst);
    assert.equal(symbols(wide).length, 6);
    near(bare!.x, x(12));
    near(bare!.y, y(50));
    near(large!.x, x(39));
    near(small!.x, x(20));
    // 20 is the geometric middle of 10 and 40; 60 is 18.6 of 37.2 below the top.
    near(small!.x, 62 + 184.5);
    near(small!.y, 101 + 105);
  });

  test('draws both intervals through the point', async () => {
    const { wide } = await drawn({ ...PARETO, points });
    const rules = wide.shapes.filter(
      (shape) => shape.kind === 'line' && inFirst(shape) && width(shape) < 360 && height(shape) < 200,
    );
    const across = rules.filter((shape) => height(shape) === 0);
    const along = rules.filter((shape) => width(shape) === 0);
    assert.deepEqual([across.length, along.length], [3, 3]);
    nearBox(across[0]!.box, [x(10), y(50), x(14), y(50)], 'TTFT of no-context');
    nearBox(along[0]!.box, [x(12), y(55), x(12), y(45)], 'ES of no-context');
    nearBox(along[1]!.box, [x(39), y(75), x(39), y(65)], 'ES of full-rag, k = 10');
  });

  test('joins the points of a pipeline in the order of k and names the first and the last k once', async () => {
    const { wide } = await drawn({ ...PARETO, points });
    const curves = wide.shapes.filter(
      (shape) => shape.kind === 'path' && shape.fill === null && shape.stroke !== null,
    );
    assert.equal(curves.length, 2, 'one a metric; a single point makes no curve');
    const [[x1, y1], [x2, y2]] = curves[0]!.corners as [[number, number], [number, number]];
    near(x1, x(20));
    near(y1, y(60));
    near(x2, x(39));
    near(y2, y(70));
    for (const [k, at] of [
      ['k=1', 20],
      ['k=10', 39],
    ] as const) {
      assert.ok(Math.abs(textAt(wide, k).x - x(at)) < 30, `${k} stands beside its point`);
    }
  });

  test('names no k over a point or over another name, however close the curves are', async () => {
    const crowded = ['full-rag', 'budget-rag', 'compressed', 'compressed-random'].flatMap((pipeline, p) =>
      [1, 10].map((k) =>
        point(pipeline, k, [19, 20 + p / 10, 21], [59, 60 + p / 10 + k / 50, 61], { position: 1 + p }),
      ),
    );
    const { wide, narrow } = await drawn({ ...PARETO, points: [...points.slice(0, 1), ...crowded] });
    for (const drawing of [wide, narrow]) {
      const names = drawing.texts.filter(({ text }) => /^k=/.test(text));
      assert.ok(names.length >= 2, `${names.length} names`);
      const marks = drawing.shapes.filter((shape) => shape.kind === 'path' && shape.fill !== null);
      for (const [i, a] of names.entries()) {
        for (const b of names.slice(i + 1)) assert.ok(!overlap(a.box, b.box), `${a.text} and ${b.text}`);
        for (const mark of marks) {
          const core: Box = [mark.x - 3, mark.y - 3, mark.x + 3, mark.y + 3];
          assert.ok(!overlap(a.box, core), `${a.text} over a point at ${mark.x}, ${mark.y}`);
        }
      }
    }
  });

  test('shows exact match in a second panel, with a scale of its own', async () => {
    const { wide } = await drawn({ ...PARETO, points });
    // 25, 35 and 30 without intervals: 12 % of 10 = 1.2 of room; y(v) = 101 + 210 (36.2 - v) / 12.4.
    const second = symbols(wide).filter((shape) => !inFirst(shape));
    for (const [i, [ttft, em]] of (
      [
        [12, 25],
        [39, 35],
        [20, 30],
      ] as const
    ).entries()) {
      near(second[i]!.x, x(ttft) + 433, `EM ${em}`);
      near(second[i]!.y, 101 + (210 * (36.2 - em)) / 12.4, `EM ${em}`);
    }
  });

  test('never shows percentages below 0 or above 100', async () => {
    const ends = [
      point('no-context', null, [10, 12, 14], [0, 0, 0]),
      point('full-rag', 1, [19, 20, 40], [100, 100, 100]),
    ];
    const { wide } = await drawn({ ...PARETO, points: ends });
    const marks = wide.shapes.filter((shape) => shape.kind === 'path' && shape.fill !== null);
    const [zero, hundred] = marks.filter((shape) => shape.y > 100 && shape.x < 450);
    near(zero!.y, 311);
    near(hundred!.y, 101);
    assert.deepEqual(
      wide.texts.filter(({ text }) => /^(−\d+|1[1-9]0)$/.test(text)),
      [],
    );
  });

  test('leaves ticks out where their labels are wider than the room between them', async () => {
    // Three columns of (880 - 32 - 138 - 36) / 3 = 224.67 px. From 3,000 to 9,500 the ticks are whole thousands; 8,000
    // and 9,000 are 224.67 ln(9/8) / ln(9.5 x 1.3225 / 3) = 18.5 px apart, and "8000" is 0.56 x 11 x 4 = 24.6 px wide.
    const slow = (['bm25', 'jaccard', 'unixcoder'] as const).flatMap((retriever) => [
      point('full-rag', 1, [3000, 4000, 5000], [55, 60, 65], { retriever }),
      point('compressed', 1, [8000, 9000, 9500], [55, 60, 65], { retriever }),
    ]);
    const { wide } = await drawn({ ...PARETO, points: slow });
    const labels = ticks(wide, [101 + 210, 101 + 210 + 20]);
    assert.ok(labels.length >= 3 * 2, `${labels.length} ticks`);
    for (const [i, a] of labels.entries()) {
      for (const b of labels.slice(i + 1)) assert.ok(!overlap(a.box, b.box), `${a.text} and ${b.text}`);
    }
  });

  test('gives each retriever a column, with what retrieves nothing in every one', async () => {
    const two = [...points, point('full-rag', 1, [19, 22, 24], [55, 58, 61], { retriever: 'jaccard' })];
    const { wide, narrow } = await drawn({ ...PARETO, points: two });
    // bm25: 3 points, jaccard: 2; each for two metrics.
    assert.equal(symbols(wide).length, 2 * (3 + 2));
    const titles = ['Edit similarity, %', 'Exact match, %'].flatMap((metric) =>
      ['bm25', 'jaccard'].map((retriever) => textAt(wide, `${metric}  ·  ${retriever}`)),
    );
    // A row a metric, a column a retriever; the second row is 210 + 42 + 30 = 282 further down.
    assert.deepEqual(
      titles.map((title) => [title.x, title.y - titles[0]!.y]),
      [
        [62, 0],
        [495, 0],
        [62, 282],
        [495, 282],
      ],
    );
    assert.deepEqual(
      new Set(narrow.texts.filter(({ isBold, x }) => isBold && x === 62).map((t) => t.x)).size,
      1,
    );
    assert.equal(narrow.height > 4 * 170, true);
  });
});

/** Two boxes share more than an edge. */
const overlap = (a: Box, b: Box): boolean => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

const RETRIEVERS = ['bm25', 'jaccard', 'unixcoder'] as const;
/** More than there are today: the looks of all positions are drawn. */
const WITH_RETRIEVAL = ['full-rag', 'budget-rag', 'compressed', 'compressed-random', 'sixth', 'seventh'];

/** Numbers over several powers of ten, as from a slow and from a fast machine. */
const spread = (rng: Rng): number => 10 ** (rng.next() * 5 - 1);
const around = (rng: Rng, middle: number, most: number): [number, number] => [
  middle - rng.next() * most,
  middle + rng.next() * most,
];

function randomInputs(rng: Rng): ChartInput[] {
  const retrievers = RETRIEVERS.slice(0, 1 + rng.int(3));
  const ks = [[10], [1, 10], [1, 3, 5, 10]][rng.int(3)]!;
  const kinds = WITH_RETRIEVAL.map((pipeline, i) => ({ pipeline, position: 1 + 2 * i }));
  const pipelines = kinds.slice(0, 1 + rng.int(4) + 2 * rng.int(2));
  const base = spread(rng);
  const configurations = [
    { pipeline: 'no-context', position: 0, retriever: null, topK: null, name: 'no-context' },
    ...pipelines.flatMap((kind) =>
      retrievers.flatMap((retriever) =>
        ks.map((topK) => ({ ...kind, retriever, topK, name: `${kind.pipeline}/${retriever} k=${topK}` })),
      ),
    ),
  ];
  const quality = (): { mean: number; ci95: [number, number] } => {
    const mean = [0, 100, 100 * rng.next()][rng.int(3)]!;
    const [low, high] = around(rng, mean, 20);
    return { mean, ci95: [Math.max(0, low), Math.min(100, high)] };
  };
  const words = {
    title: 'A claim about what the chart shows '.repeat(1 + rng.int(4)).trim(),
    note: 'How to read it. ',
  };
  return [
    {
      ...PARETO,
      ...words,
      points: configurations.map(({ pipeline, position, retriever, topK }) => {
        const p50 = base * (1 + 3 * rng.next());
        return {
          ...{ pipeline, position, retriever, topK },
          ttft: { p50, ci95: rng.int(4) === 0 ? null : [p50 / (1 + rng.next()), p50 * (1 + rng.next())] },
          es: quality(),
          em: quality(),
        };
      }),
    },
    {
      ...LATENCY,
      ...words,
      rows: configurations.map(({ position, name }) => ({
        position,
        name,
        ttftMs: Array.from({ length: 1 + rng.int(90) }, () => base * (1 + 9 * rng.next() ** 4)),
      })),
    },
    {
      ...STAGES,
      ...words,
      rows: configurations.map(({ name }) => {
        const ms = (): number => (rng.int(3) === 0 ? 0 : base * rng.next());
        return {
          name,
          meanMs: { retrieve: ms(), tokenize: ms(), encode: ms(), project: ms(), prefill: base },
        };
      }),
    },
    {
      ...DIFFERENCES,
      ...words,
      panels: [
        { title: 'Exact match, points', better: 'higher' },
        { title: 'TTFT, change in %', better: 'lower' },
      ],
      groups: retrievers.map((retriever) => ({
        title: retriever,
        rows: pipelines.map(({ pipeline, position }) => ({
          position,
          name: `${pipeline} − no-context`,
          points: [30, 90].map((most) => {
            if (rng.int(5) === 0) return null;
            const value = most * (2 * rng.next() - 1);
            const [low, high] = around(rng, value, 9);
            return { value, low, high, isShown: rng.int(2) === 0 };
          }),
        })),
      })),
    },
  ];
}

describe('every chart, of random numbers', () => {
  const rng = createRng(31);
  const inputs = Array.from({ length: 5 }, () => randomInputs(rng)).flat();
  let charts: readonly DrawnChart[] = [];
  const drawings: { readonly what: string; readonly drawing: Drawing }[] = [];

  before(async () => {
    charts = await drawCharts(inputs);
    for (const [i, { id, wide, narrow }] of charts.entries()) {
      drawings.push({ what: `${id} ${i}, wide`, drawing: readSvg(wide) });
      drawings.push({ what: `${id} ${i}, narrow`, drawing: readSvg(narrow) });
    }
    assert.equal(drawings.length, 2 * 5 * 4);
  });

  test('draws nothing outside its view box, in any width', () => {
    for (const { what, drawing } of drawings) {
      assert.ok(drawing.marks.length > 10, `${what}: ${drawing.marks.length} marks`);
      for (const mark of drawing.marks) {
        const [x1, y1, x2, y2] = mark.box;
        const isInside = x1 >= 0 && y1 >= 0 && x2 <= drawing.width && y2 <= drawing.height;
        assert.ok(isInside, `${what}: ${JSON.stringify(mark)} in ${drawing.width} x ${drawing.height}`);
      }
    }
  });

  test('never draws a title, a name, a number or a legend over another', () => {
    for (const { what, drawing } of drawings) {
      for (const [i, a] of drawing.texts.entries()) {
        for (const b of drawing.texts.slice(i + 1)) {
          assert.ok(!overlap(a.box, b.box), `${what}: "${a.text}" and "${b.text}"`);
        }
      }
    }
  });

  test('gives the same bytes twice', async () => {
    assert.deepEqual(
      await drawCharts(inputs.slice(0, 8)),
      await drawCharts(structuredClone(inputs.slice(0, 8))),
    );
  });

  test('has its marks at the same places in a file and on the page', () => {
    for (const chart of charts) {
      // The file has a ground of its own, 880 wide, in front of the same marks.
      const file = chart.file.replace(/<style>[^<]*<\/style><rect [^>]*\/>/, '');
      assert.notEqual(file, chart.file);
      const places = (svg: string): unknown => readSvg(svg).marks.map(({ x, y, box }) => [x, y, box]);
      assert.deepEqual(places(file), places(chart.wide));
    }
  });
});
